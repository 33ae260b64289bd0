"""Who is on call: the rotation engine asked about schedules in the database, and people named.

However many schedules are asked about, the number of queries is the same: those for the
definitions, and one for the people.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from roster import rotation
from roster.definitions import definition_of, definitions
from roster.models import Participant, Person, Schedule

__all__ = [
    "HORIZON",
    "NowAndNext",
    "OnCall",
    "definition_of",
    "definitions",
    "on_call",
    "on_call_now_and_next",
    "people_of",
    "shifts_between",
    "shifts_of",
]

# How far around a moment overrides are read, so that shifts come out whole: the longest turn in
# common use is a month.
HORIZON = timedelta(days=35)
# The next change is looked for in ever longer stretches: most come within a day.
LOOK_AHEAD = (timedelta(days=1), timedelta(days=8), HORIZON)


@dataclass(frozen=True)
class OnCall:
    """One person on call, and the shift that says from when to when and why."""

    person: Person
    shift: rotation.Shift


@dataclass(frozen=True)
class NowAndNext:
    """Who is on call at a moment, and who begins next within `HORIZON`.

    `gap_from` is when nobody is on call before that, or at all: the moment itself if nobody is.
    """

    now: list[OnCall]
    next: list[OnCall]
    gap_from: datetime | None


def on_call(schedules: Iterable[Schedule], at: datetime) -> dict[int, list[OnCall]]:
    """Active people on call at a moment, by schedule id; an empty list where nobody is.

    Inactive schedules answer like others: whoever asks has chosen them. Five queries.
    """
    shifts = {
        pk: rotation.at(definition, at)
        for pk, definition in definitions(schedules, at - HORIZON, at + HORIZON).items()
    }
    people = _people(shifts.values(), Person.objects.active())
    return {pk: _named(found, people) for pk, found in shifts.items()}


def on_call_now_and_next(schedules: Iterable[Schedule], at: datetime) -> dict[int, NowAndNext]:
    """What a person looking at a schedule wants to know first, by schedule id. Five queries."""
    known = definitions(schedules, at - HORIZON, at + HORIZON)
    now = {pk: rotation.at(definition, at) for pk, definition in known.items()}
    ahead = {pk: _ahead(definition, at) for pk, definition in known.items()}
    people = _people([*now.values(), *ahead.values()], Person.objects.active())
    return {
        pk: _now_and_next(_named(now[pk], people), _named(ahead[pk], people), at) for pk in known
    }


def shifts_between(schedule: Schedule, start: datetime, end: datetime) -> list[OnCall]:
    """The shifts of `[start, end)`, clipped to it; people who are inactive by now included."""
    return shifts_of([schedule], start, end)[schedule.pk]


def shifts_of(
    schedules: Iterable[Schedule], start: datetime, end: datetime
) -> dict[int, list[OnCall]]:
    """The same for many schedules, by schedule id, in as many queries as for one."""
    shifts = {
        pk: rotation.shifts(definition, start, end)
        for pk, definition in definitions(schedules, start, end).items()
    }
    people = _people(shifts.values(), Person.objects.all())
    return {pk: _named(found, people) for pk, found in shifts.items()}


def people_of(schedules: Iterable[Schedule], at: datetime) -> dict[int, list[Person]]:
    """Active people who take turns at a moment or later, by schedule id and name. Two queries.

    Those who only stand in by an override do not belong to the rotation.
    """
    found: dict[int, list[Person]] = {schedule.pk: [] for schedule in schedules}
    rows = Participant.objects.filter(layer__schedule__in=found, person__is_active=True).filter(
        Q(layer__effective_until__isnull=True) | Q(layer__effective_until__gt=at)
    )
    versions: dict[int, set[datetime | None]] = defaultdict(set)
    values = list(rows.values_list("layer_id", "layer__schedule_id", "effective_at", "person_id"))
    for layer, _, effective_at, _ in values:
        versions[layer].add(effective_at)
    in_force = {layer: _in_force(known, at) for layer, known in versions.items()}
    members: dict[int, set[int]] = defaultdict(set)
    for layer, schedule, effective_at, person_pk in values:
        if effective_at == in_force[layer] or (effective_at and effective_at > at):
            members[schedule].add(person_pk)
    people = Person.objects.filter(pk__in=set().union(*members.values()))
    for person in people.order_by("name", "pk"):
        for schedule, own in members.items():
            if person.pk in own:
                found[schedule].append(person)
    return found


def _in_force(versions: set[datetime | None], at: datetime) -> datetime | None:
    """The latest version of an order that counts at a moment; None is the one it began with."""
    return max((each for each in versions if each and each <= at), default=None)


# Moments of one zone compare by the clock face in Python, and wrongly in the hour that comes twice:
# hence timestamps.


def _ahead(definition: rotation.Definition, at: datetime) -> list[rotation.Shift]:
    """Shifts from a moment on, as far as it takes to see somebody begin."""
    shifts: list[rotation.Shift] = []
    for reach in LOOK_AHEAD:
        shifts = rotation.shifts(definition, at, at + reach)
        if any(shift.start.timestamp() > at.timestamp() for shift in shifts):
            break
    return shifts


def _now_and_next(now: list[OnCall], ahead: list[OnCall], at: datetime) -> NowAndNext:
    later = [each for each in ahead if each.shift.start.timestamp() > at.timestamp()]
    begins = min(later, key=lambda each: each.shift.start.timestamp(), default=None)
    until = begins.shift.start if begins else at + HORIZON
    gaps = rotation.gaps((each.shift for each in ahead), at, until)
    return NowAndNext(
        now=now,
        next=[
            each
            for each in later
            if begins and each.shift.start.timestamp() == begins.shift.start.timestamp()
        ],
        gap_from=gaps[0][0] if gaps else None,
    )


def _people(shifts: Iterable[list[rotation.Shift]], people: QuerySet[Person]) -> dict[str, Person]:
    slugs = {shift.person for found in shifts for shift in found}
    return {person.slug: person for person in people.filter(slug__in=slugs)}


def _named(shifts: list[rotation.Shift], people: dict[str, Person]) -> list[OnCall]:
    return [OnCall(people[shift.person], shift) for shift in shifts if shift.person in people]
