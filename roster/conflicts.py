"""What stands against somebody being on call: time off, two primary schedules at once, no rest.

The core is pure: duties and absences in, conflicts out, all in UTC. Nobody is taken off call by a
conflict; it is shown, and people resolve it. Below the core stand the questions that read rows,
each in the same few queries whatever is asked about.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from roster import oncall
from roster.models import FindingKind, Person, Schedule, TimeOff

Span = tuple[datetime, datetime]
"""From one moment, up to and without another."""

# Beyond this, rest is not looked for: the field allows more hours than any rule asks for.
LONGEST_REST = timedelta(days=7)


@dataclass(frozen=True)
class Conflict:
    """One thing that stands against `person` being on call for `schedule` in a span of UTC.

    For too little rest the span is the rest there is. `text` is a sentence without times.
    `other` is the second schedule, where two are involved (it may be the same one).
    """

    kind: FindingKind
    person: Person
    schedule: Schedule
    starts_at: datetime
    ends_at: datetime
    text: str
    other: Schedule | None = None


@dataclass(frozen=True)
class Duty:
    """`person` is on call for `schedule` in `[starts_at, ends_at)` of UTC.

    `source` says why: duties with the same one are one shift with a pause, such as the nights of a
    week, and rest is not asked for in between. `is_asked` marks a duty that is only thought of.
    """

    person: Person
    schedule: Schedule
    starts_at: datetime
    ends_at: datetime
    source: object = None
    is_asked: bool = False


def clashes(duties: Iterable[Duty], absences: Mapping[int, Sequence[Span]]) -> list[Conflict]:
    """All conflicts among the duties of any people, by start. `absences` by person id."""
    by_person: dict[int, list[Duty]] = defaultdict(list)
    for duty in duties:
        by_person[duty.person.pk].append(duty)
    found: list[Conflict] = []
    for pk, own in by_person.items():
        own.sort(key=lambda duty: (duty.starts_at, duty.ends_at, duty.schedule.pk))
        found += _while_away(own, _joined(absences.get(pk, ())))
        found += _at_once(own)
        found += _without_rest(own)
    return sorted(found, key=lambda each: (each.starts_at, each.person.name, each.ends_at))


def conflicts_between(
    schedules: Iterable[Schedule], start: datetime, end: datetime
) -> list[Conflict]:
    """What stands against the final shifts of these schedules in `[start, end)`, by start.

    Only these are held against each other: give all active ones to see who is on two at once.
    Six queries, and one more where overrides list shifts.
    """
    asked = list(schedules)
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    margin = _rest(asked)
    duties = _duties(asked, start - margin, end + margin)
    absences = _absences({duty.person.pk for duty in duties}, start, end)
    return [
        _within(each, start, end)
        for each in clashes(duties, absences)
        if each.starts_at < end and each.ends_at > start
    ]


def conflicts_if(
    person: Person,
    schedule: Schedule,
    start: datetime,
    end: datetime,
    *,
    giving: Sequence[tuple[Schedule, datetime, datetime]] = (),
) -> list[Conflict]:
    """What would clash if this person took `[start, end)` there, by start.

    `giving`: what they would be rid of by the same stroke. Being on call for this schedule already
    is reported as being on two at once. As many queries as `conflicts_between`, and one.
    """
    return conflicts_of([person], schedule, [(start, end)], giving=giving)[person.pk]


def conflicts_of(
    people: Iterable[Person],
    schedule: Schedule,
    spans: Sequence[Span],
    *,
    giving: Sequence[tuple[Schedule, datetime, datetime]] = (),
) -> dict[int, list[Conflict]]:
    """The same for each of several people and a shift with pauses, by person id.

    As many queries as for one person and one span; `spans` holds one at least.
    """
    asked = {person.pk: person for person in people}
    spans = [(start.astimezone(UTC), end.astimezone(UTC)) for start, end in spans]
    start, end = min(span[0] for span in spans), max(span[1] for span in spans)
    schedules = {each.pk: each for each in Schedule.objects.active()} | {schedule.pk: schedule}
    margin = _rest(schedules.values())
    duties = _duties(schedules.values(), start - margin, end + margin)
    kept = [part for duty in duties if duty.person.pk in asked for part in _rid_of(duty, giving)]
    thought_of = [
        Duty(person, schedule, *span, source="asked", is_asked=True)
        for person in asked.values()
        for span in spans
    ]
    found: dict[int, list[Conflict]] = {pk: [] for pk in asked}
    for each in _clashes_with_asked(kept, thought_of, _absences(set(asked), start, end)):
        found[each.person.pk].append(each)
    return found


def _clashes_with_asked(
    duties: Iterable[Duty], asked: Iterable[Duty], absences: Mapping[int, Sequence[Span]]
) -> list[Conflict]:
    """Those conflicts alone that a duty only thought of would bring about."""
    before = set(map(_identity, clashes(duties, {})))
    together = clashes([*duties, *asked], {})
    new = [each for each in together if _identity(each) not in before]
    away = [each for duty in asked for each in clashes([duty], absences)]
    return sorted([*new, *away], key=lambda each: (each.starts_at, each.ends_at))


def _identity(conflict: Conflict) -> tuple[object, ...]:
    other = conflict.other.pk if conflict.other else None
    span = conflict.starts_at, conflict.ends_at
    return conflict.kind, conflict.person.pk, conflict.schedule.pk, other, *span


def _while_away(duties: list[Duty], absences: list[Span]) -> list[Conflict]:
    return [
        Conflict(
            FindingKind.TIME_OFF,
            duty.person,
            duty.schedule,
            max(duty.starts_at, since),
            min(duty.ends_at, until),
            f"{duty.person} is on call for {duty.schedule} during time off.",
        )
        for duty in duties
        for since, until in absences
        if since < duty.ends_at and until > duty.starts_at
    ]


def _at_once(duties: list[Duty]) -> list[Conflict]:
    """Two at a time of one person; `duties` are by start."""
    found = []
    for place, first in enumerate(duties):
        for second in duties[place + 1 :]:
            if second.starts_at >= first.ends_at:
                break
            if _compete(first, second):
                found.append(_double(first, second))
    return found


def _compete(first: Duty, second: Duty) -> bool:
    if first.schedule.pk == second.schedule.pk:
        return first.is_asked or second.is_asked
    return all(each.schedule.is_primary and each.schedule.is_active for each in (first, second))


def _double(first: Duty, second: Duty) -> Conflict:
    person = first.person
    if first.schedule.pk == second.schedule.pk:
        text = f"{person} is on call for {first.schedule} already."
    else:
        names = sorted((str(first.schedule), str(second.schedule)))
        text = f"{person} is on call for {names[0]} and {names[1]} at once."
    one, other = sorted((first.schedule, second.schedule), key=lambda each: (each.name, each.pk))
    return Conflict(
        FindingKind.TWO_PRIMARIES,
        person,
        one,
        max(first.starts_at, second.starts_at),
        min(first.ends_at, second.ends_at),
        text,
        other,
    )


def _without_rest(duties: list[Duty]) -> list[Conflict]:
    """Pauses of one person that are shorter than either schedule asks for; `duties` by start."""
    found = []
    last: Duty | None = None
    for duty in duties:
        if last and last.ends_at < duty.starts_at and not _is_one_shift(last, duty):
            rest = duty.starts_at - last.ends_at
            hours = max(last.schedule.rest_hours, duty.schedule.rest_hours)
            if rest < timedelta(hours=hours):
                found.append(_tired(last, duty, rest, hours))
        if last is None or duty.ends_at > last.ends_at:
            last = duty
    return found


def _is_one_shift(first: Duty, second: Duty) -> bool:
    is_known = first.source is not None and first.source == second.source
    return is_known and first.schedule.pk == second.schedule.pk


def _tired(before: Duty, after: Duty, rest: timedelta, hours: int) -> Conflict:
    person = before.person
    if before.schedule.pk == after.schedule.pk:
        between = f"two shifts of {before.schedule}"
    else:
        between = f"{before.schedule} and {after.schedule}"
    return Conflict(
        FindingKind.NO_REST,
        person,
        after.schedule,
        before.ends_at,
        after.starts_at,
        f"{person} has {_amount(rest)} of rest between {between}; {hours} h is asked for.",
        before.schedule,
    )


def _amount(rest: timedelta) -> str:
    hours, minutes = divmod(int(rest.total_seconds()) // 60, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The same time without overlaps, by start."""
    found: list[Span] = []
    for since, until in sorted(spans):
        if found and since <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], until)
        else:
            found.append((since, until))
    return found


def _rid_of(duty: Duty, giving: Sequence[tuple[Schedule, datetime, datetime]]) -> list[Duty]:
    """What is left of a duty without the spans that are given away."""
    parts: list[Span] = [(duty.starts_at, duty.ends_at)]
    for schedule, since, until in giving:
        if schedule.pk == duty.schedule.pk:
            parts = [
                left
                for begins, ends in parts
                for left in ((begins, min(ends, since)), (max(begins, until), ends))
                if left[0] < left[1]
            ]
    return [Duty(duty.person, duty.schedule, *part, source=duty.source) for part in parts]


def _within(conflict: Conflict, start: datetime, end: datetime) -> Conflict:
    """What a period shows of a conflict; too short a rest stays whole, since its length matters."""
    if conflict.kind == FindingKind.NO_REST:
        return conflict
    return Conflict(
        conflict.kind,
        conflict.person,
        conflict.schedule,
        max(conflict.starts_at, start),
        min(conflict.ends_at, end),
        conflict.text,
        conflict.other,
    )


def _rest(schedules: Iterable[Schedule]) -> timedelta:
    """How far around a period duties matter to it."""
    hours = max((schedule.rest_hours for schedule in schedules), default=0)
    return min(timedelta(hours=hours), LONGEST_REST)


def _duties(schedules: Iterable[Schedule], start: datetime, end: datetime) -> list[Duty]:
    by_id = {schedule.pk: schedule for schedule in schedules}
    return [
        Duty(
            each.person,
            by_id[pk],
            # Moments of one zone compare by the clock face, and wrongly in the hour that comes
            # twice.
            each.shift.start.astimezone(UTC),
            each.shift.end.astimezone(UTC),
            each.shift.source,
        )
        for pk, shifts in oncall.shifts_of(by_id.values(), start, end).items()
        for each in shifts
    ]


def _absences(people: set[int], start: datetime, end: datetime) -> dict[int, list[Span]]:
    rows = TimeOff.objects.within(start, end).filter(person__in=people)
    found: dict[int, list[Span]] = defaultdict(list)
    for person, since, until in rows.values_list("person_id", "starts_at", "ends_at"):
        found[person].append((since, until))
    return found
