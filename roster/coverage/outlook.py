"""What a proof looks at: the coming weeks of every active schedule, read once for all checks."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from roster import oncall
from roster.coverage.found import Stretch
from roster.models import (
    ContactMethod,
    Coverage,
    CoverageWindow,
    Person,
    QualificationException,
    QualificationGrant,
    Schedule,
)
from roster.qualification import EXCEPTION_COUNTS_FOR
from roster.required_coverage import counting, required_spans, uncovered

# How far ahead is proven, and how far back is read, so that what has begun is known by its start.
AHEAD = timedelta(days=30)
BEHIND = timedelta(days=7)


@dataclass(frozen=True)
class Turn:
    """An active person is on call in `[starts_at, ends_at)` of UTC, which is not over."""

    person: Person
    starts_at: datetime
    ends_at: datetime


@dataclass
class Outlook:
    """The rows of one proof at the whole minute `at`, all by schedule id.

    `shifts` reach from `since` to `until`; `turns` are those of them that are still to be served.
    """

    at: datetime
    schedules: list[Schedule]
    shifts: dict[int, list[oncall.OnCall]] = field(default_factory=dict)
    windows: dict[int, list[CoverageWindow]] = field(default_factory=dict)
    turns: dict[int, list[Turn]] = field(default_factory=dict)

    @property
    def since(self) -> datetime:
        return self.at - BEHIND

    @property
    def until(self) -> datetime:
        return self.at + AHEAD

    def first_turns(self, schedule: Schedule) -> dict[Person, Turn]:
        """Everybody's first turn still to be served there."""
        found: dict[Person, Turn] = {}
        for turn in self.turns[schedule.pk]:
            found.setdefault(turn.person, turn)
        return found

    def each_first_turn(self) -> Iterator[tuple[Schedule, Person, Turn]]:
        for schedule in self.schedules:
            for person, turn in self.first_turns(schedule).items():
                yield schedule, person, turn

    def people(self) -> set[int]:
        """Ids of everybody with a turn ahead."""
        return {turn.person.pk for turns in self.turns.values() for turn in turns}

    def gaps(self, schedule: Schedule, coverage: Coverage | None = None) -> list[Stretch]:
        """Where somebody has to be on call and nobody active is, by start, from `since` on.

        By the schedule's own coverage, or by another that somebody else asks of it.
        """
        asked = schedule
        if coverage is not None:
            asked = Schedule(time_zone=schedule.time_zone, coverage=coverage)
        windows = self.windows.get(schedule.pk, ())
        required = required_spans(asked, windows, self.since, self.until)
        return uncovered(required, counting(self.shifts[schedule.pk], self.at))


def look_ahead(at: datetime) -> Outlook:
    """Seven queries, and one more where overrides list shifts."""
    at = at.astimezone(UTC).replace(second=0, microsecond=0)
    active = Schedule.objects.active().select_related("qualification", "team__lead")
    outlook = Outlook(at=at, schedules=list(active.order_by("name", "pk")))
    outlook.shifts = oncall.shifts_of(outlook.schedules, outlook.since, outlook.until)
    outlook.windows = _windows(outlook.schedules)
    outlook.turns = {pk: _turns(shifts, at) for pk, shifts in outlook.shifts.items()}
    return outlook


def _turns(shifts: list[oncall.OnCall], at: datetime) -> list[Turn]:
    # In UTC, since moments of one zone compare by the clock face.
    turns = [
        Turn(each.person, each.shift.start.astimezone(UTC), each.shift.end.astimezone(UTC))
        for each in shifts
        if each.person.is_active
    ]
    return [turn for turn in turns if turn.ends_at > at]


def _windows(schedules: list[Schedule]) -> dict[int, list[CoverageWindow]]:
    by_hours = [each.pk for each in schedules if each.coverage == Coverage.HOURS]
    found: dict[int, list[CoverageWindow]] = defaultdict(list)
    for window in CoverageWindow.objects.filter(schedule__in=by_hours).order_by("pk"):
        found[window.schedule_id].append(window)
    return found


def unreachable(people: Collection[int]) -> set[int]:
    """Those without a verified contact method. One query."""
    verified = ContactMethod.objects.verified().filter(person__in=people)
    return set(people) - set(verified.values_list("person_id", flat=True))


@dataclass(frozen=True)
class Training:
    """What people hold of some qualifications, and where an exception speaks for them."""

    grants: dict[tuple[int, int], list[QualificationGrant]]
    exceptions: set[tuple[int, int, int | None]]


def training(people: Collection[int], qualifications: Collection[int], at: datetime) -> Training:
    """Two queries."""
    asked = {"person__in": people, "qualification__in": qualifications}
    grants: dict[tuple[int, int], list[QualificationGrant]] = defaultdict(list)
    for each in QualificationGrant.objects.filter(**asked).order_by("granted_on"):
        grants[each.person_id, each.qualification_id].append(each)
    exceptions = QualificationException.objects.filter(at__gt=at - EXCEPTION_COUNTS_FOR, **asked)
    return Training(
        grants,
        set(exceptions.values_list("person_id", "qualification_id", "schedule_id")),
    )
