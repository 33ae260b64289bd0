"""From rows to a problem: turns by the rotation engine, people, absences, wishes and the ledger.

The number of queries is the same whatever the plan holds. Pages of people do not count here:
fairness is about hours.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Prefetch

from roster import oncall, rotation
from roster.burden import USUAL_HOURS, Hours
from roster.models import (
    Coverage,
    Layer,
    Person,
    PlanPreference,
    PlanRotation,
    QualificationException,
    QualificationGrant,
    RosterPlan,
    Schedule,
    TimeOff,
)
from roster.pay.plans import plans_of
from roster.planning.ledger import Ledger, load_of
from roster.planning.problem import Load, Place, Problem, Rotation, Rules, Turn, Why, Wish
from roster.planning.results import Result
from roster.planning.turns import Span, turn_length, turns_of
from roster.qualification import EXCEPTION_COUNTS_FOR

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Reading:
    """A problem and the rows it was made of. `today` is who takes turns if nothing changes."""

    plan: RosterPlan
    problem: Problem
    rotations: Sequence[PlanRotation]
    people: Mapping[int, Person]
    today: Mapping[int, list[oncall.OnCall]]
    hours: Mapping[int, Hours]

    def load_of(self, person: Person, spans: Iterable[Span]) -> Load:
        """What some stretches weigh for a person, by their clock, calendar and rate plan."""
        return load_of(person, spans, self.hours.get(person.pk, USUAL_HOURS))

    def hidden_layers(self) -> dict[int, list[str]]:
        """Layers that count in certain hours and would lie below the plan's, by schedule id.

        Not where the schedule must be covered in hours only: the plan keeps to these. One query.
        """
        always = [
            each.schedule_id for each in self.rotations if each.schedule.coverage != Coverage.HOURS
        ]
        layers = Layer.objects.filter(schedule__in=always, windows__isnull=False).exclude(
            effective_until__lte=self.starts_at()
        )
        found: dict[int, list[str]] = defaultdict(list)
        for schedule, name in (
            layers.order_by("position").values_list("schedule", "name").distinct()
        ):
            found[schedule].append(f"“{name}”")
        return found

    def starts_at(self) -> datetime:
        """The first handoff of all."""
        return min(each.turns[0].starts_at for each in self.problem.rotations)

    def ends_at(self) -> datetime:
        return max(each.turns[-1].ends_at for each in self.problem.rotations)


def reading_of(plan: RosterPlan, *, at: datetime) -> Reading:
    """Everything the planner needs to know, as it is now; the plan must have a rotation.

    The ledger runs up to the first handoff: what was really on call until `at`, and from there
    what the rotations will have people carry. A constant number of queries.
    """
    rotations = list(
        plan.rotations.select_related("schedule__qualification", "layer")
        .prefetch_related(Prefetch("people", Person.objects.order_by("name", "pk")))
        .order_by("schedule__name")
    )
    schedules = [each.schedule for each in rotations]
    people = {person.pk: person for each in rotations for person in each.people.all()}
    turns = turns_of(plan, schedules)
    hours = {pk: found or USUAL_HOURS for pk, found in plans_of(people.values()).items()}
    starts_at = min(found[0].starts_at for found in turns.values())
    ends_at = max(found[-1].ends_at for found in turns.values())
    before = _reach(plan, starts_at, at)
    shifts = _shifts(rotations, before, ends_at)
    named = tuple(
        Rotation(
            each.schedule_id,
            each.schedule.name,
            tuple(sorted(person.pk for person in each.people.all())),
            turns[each.schedule_id],
        )
        for each in rotations
    )
    result = Result.of(plan)
    problem = Problem(
        rotations=named,
        people=tuple(Ledger(plan, people, hours, starts_at, at).candidates(shifts, named[0].turns)),
        turns=plan.turns,
        rules=Rules(plan.rest_turns, plan.most_consecutive, plan.most_turns, plan.wish_hours),
        blocked=_blocked(rotations, named, people, at=at),
        loads=_loads(named, people, hours),
        wishes=tuple(_wishes(named, people, starts_at, ends_at)),
        pinned=result.pinned(named),
    )
    today = {
        pk: [each for each in found if _ends_after(each, starts_at)] for pk, found in shifts.items()
    }
    return Reading(plan, problem, rotations, people, today, hours)


def _shifts(
    rotations: Sequence[PlanRotation], start: datetime, end: datetime
) -> dict[int, list[oncall.OnCall]]:
    """Who would be on call without this plan, also once it is accepted, by schedule id."""
    own = {str(each.layer.lineage) for each in rotations if each.layer}
    schedules = [each.schedule for each in rotations]
    if not own:
        return oncall.shifts_of(schedules, start, end)
    shifts = {
        pk: rotation.shifts(
            replace(known, layers=tuple(each for each in known.layers if each.key not in own)),
            start,
            end,
        )
        for pk, known in oncall.definitions(schedules, start, end).items()
    }
    slugs = {shift.person for found in shifts.values() for shift in found}
    people = {person.slug: person for person in Person.objects.filter(slug__in=slugs)}
    return {
        pk: [oncall.OnCall(people[shift.person], shift) for shift in found]
        for pk, found in shifts.items()
    }


def _reach(plan: RosterPlan, starts_at: datetime, at: datetime) -> datetime:
    """From when on shifts are read: now, and the turns before the period that rest counts."""
    rest = starts_at - turn_length(plan) * (max(plan.rest_turns, plan.most_consecutive) + 1)
    return min(at, rest)


def _ends_after(each: oncall.OnCall, moment: datetime) -> bool:
    return each.shift.end.timestamp() > moment.timestamp()


def _loads(
    rotations: Sequence[Rotation], people: Mapping[int, Person], hours: Mapping[int, Hours]
) -> dict[tuple[int, Place], Load]:
    """What each place weighs for each of its people; people of one home are weighed once."""
    known: dict[object, Load] = {}
    found = {}
    for number, each in enumerate(rotations):
        for turn, cut in enumerate(each.turns):
            for key in each.people:
                person = people[key]
                home = (person.time_zone, person.country, _clock(hours[key]), cut.spans)
                if home not in known:
                    known[home] = load_of(person, cut.spans, hours[key])
                found[key, (number, turn)] = known[home]
    return found


def _clock(hours: Hours) -> object:
    return hours.night_from, hours.night_until


# --- Who cannot --------------------------------------------------------------------------------


def _blocked(
    plan_rotations: Sequence[PlanRotation],
    rotations: Sequence[Rotation],
    people: Mapping[int, Person],
    *,
    at: datetime,
) -> dict[tuple[int, Place], Why]:
    """Who cannot take which place, and why; of several reasons the one that lasts longest."""
    found: dict[tuple[int, Place], Why] = {}
    away = _away(rotations, people)
    qualified = _Qualified(plan_rotations, people, at=at)
    for number, (row, each) in enumerate(zip(plan_rotations, rotations, strict=True)):
        for turn, cut in enumerate(each.turns):
            for key in each.people:
                place = (key, (number, turn))
                if not people[key].is_active:
                    found[place] = Why.INACTIVE
                elif not qualified.holds(row.schedule, key, cut):
                    found[place] = Why.UNQUALIFIED
                elif any(_overlap(span, absence) for span in cut.spans for absence in away[key]):
                    found[place] = Why.AWAY
    return found


def _overlap(one: Span, other: Span) -> bool:
    return one[0].timestamp() < other[1].timestamp() and other[0].timestamp() < one[1].timestamp()


def _away(rotations: Sequence[Rotation], people: Mapping[int, Person]) -> dict[int, list[Span]]:
    start = min(each.turns[0].starts_at for each in rotations)
    end = max(each.turns[-1].ends_at for each in rotations)
    found: dict[int, list[Span]] = defaultdict(list)
    rows = TimeOff.objects.within(start, end).filter(person__in=people)
    for key, since, until in rows.values_list("person_id", "starts_at", "ends_at"):
        found[key].append((since, until))
    return found


class _Qualified:
    """Who holds what the schedules ask for, on each day. Two queries."""

    def __init__(
        self, rotations: Sequence[PlanRotation], people: Mapping[int, Person], *, at: datetime
    ) -> None:
        asked = {each.schedule.qualification_id for each in rotations} - {None}
        self._grants: dict[tuple[int, int], list[tuple[date, date | None]]] = defaultdict(list)
        grants = QualificationGrant.objects.filter(qualification__in=asked, person__in=people)
        for person, qualification, since, until in grants.values_list(
            "person_id", "qualification_id", "granted_on", "expires_on"
        ):
            self._grants[person, qualification].append((since, until))
        exceptions = QualificationException.objects.filter(
            qualification__in=asked,
            person__in=people,
            schedule__in=[each.schedule_id for each in rotations],
            at__gt=at - EXCEPTION_COUNTS_FOR,
        )
        self._excepted = set(exceptions.values_list("person_id", "schedule_id", "qualification_id"))

    def holds(self, schedule: Schedule, person: int, turn: Turn) -> bool:
        """Whether on every day of a turn, or somebody allowed an exception."""
        asked = schedule.qualification_id
        if asked is None or (person, schedule.pk, asked) in self._excepted:
            return True
        grants = self._grants[person, asked]
        first, last = turn.starts_at.date(), turn.ends_at.date()
        return all(
            any(since <= day and (until is None or until > day) for since, until in grants)
            for day in (first + DAY * number for number in range(max((last - first).days, 1)))
        )


# --- Wishes ------------------------------------------------------------------------------------


def _wishes(
    rotations: Sequence[Rotation], people: Mapping[int, Person], start: datetime, end: datetime
) -> Iterable[Wish]:
    rows = PlanPreference.objects.filter(
        person__in=people, starts_on__lte=end.date() + DAY, ends_on__gte=start.date() - DAY
    )
    for row in rows.order_by("pk"):
        zone = ZoneInfo(people[row.person_id].time_zone)
        span = (
            datetime.combine(row.starts_on, datetime.min.time(), zone),
            datetime.combine(row.ends_on + DAY, datetime.min.time(), zone),
        )
        places = frozenset(
            (number, turn)
            for number, each in enumerate(rotations)
            if row.person_id in each.people
            for turn, cut in enumerate(each.turns)
            if any(_overlap(span, stretch) for stretch in cut.spans)
        )
        if places:
            avoids = row.wish == PlanPreference.Wish.AVOIDS
            text = f"{row.starts_on:%-d %b} to {row.ends_on:%-d %b}"
            yield Wish(row.person_id, avoids, places, text)
