"""A comparison of shifts laid out as strips of bars, two for each week: values in, values out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from roster import rotation
from roster.models import Person
from roster.oncall import OnCall
from roster.shift_changes import COMPARED, Comparison

GOLDEN_ANGLE = 137.508  # degrees; consecutive numbers get hues far apart


@dataclass(frozen=True)
class Bar:
    """A stretch within one week. `left` and `width` are CSS shares of the week, `lane` from 0."""

    label: str
    starts_at: datetime
    ends_at: datetime
    left: str
    width: str
    lane: int
    hue: int | None


@dataclass(frozen=True)
class Strip:
    bars: list[Bar]
    lanes: int


@dataclass(frozen=True)
class Week:
    """Seven days from a Monday; `after` is None where nothing changes."""

    monday: date
    before: Strip
    after: Strip | None

    @property
    def days(self) -> list[date]:
        return [self.monday + timedelta(days=number) for number in range(7)]


def hue_of(person: Person) -> int:
    """The same colour as on the calendar."""
    return round(person.pk * GOLDEN_ANGLE) % 360


def legend_of(comparison: Comparison) -> list[tuple[str, int]]:
    """Everybody on call in the time compared, with the colour of their bars."""
    since, until = comparison.starts_at.timestamp(), comparison.ends_at.timestamp()
    people = {
        each.person
        for each in (*comparison.before, *comparison.after)
        if each.shift.start.timestamp() < until and each.shift.end.timestamp() > since
    }
    return [(person.name, hue_of(person)) for person in sorted(people, key=lambda p: p.name)]


def weeks_of(comparison: Comparison, zone: tzinfo) -> list[Week]:
    """The weeks compared as two strips each, with days as the clock of `zone` has them."""
    first = comparison.starts_at.astimezone(zone).date()
    monday = first - timedelta(days=first.weekday())
    mondays = [monday + timedelta(weeks=number) for number in range(COMPARED.days // 7)]
    return [_week(comparison, each, zone) for each in mondays]


def _week(comparison: Comparison, monday: date, zone: tzinfo) -> Week:
    start = datetime.combine(monday, time.min, zone).astimezone(UTC)
    end = datetime.combine(monday + timedelta(weeks=1), time.min, zone).astimezone(UTC)
    before = _strip(comparison.before, start, end)
    after = _strip(comparison.after, start, end)
    return Week(monday, before, None if before == after else after)


def _strip(shifts: Iterable[OnCall], start: datetime, end: datetime) -> Strip:
    stretches: list[tuple[datetime, datetime, Person | None]] = [
        (each.shift.start.astimezone(UTC), each.shift.end.astimezone(UTC), each.person)
        for each in shifts
    ]
    stretches = [each for each in stretches if each[0] < end and each[1] > start]
    stretches += [
        (begins.astimezone(UTC), ends.astimezone(UTC), None)
        for begins, ends in rotation.gaps([each.shift for each in shifts], start, end)
    ]
    bars: list[Bar] = []
    free_from: list[datetime] = []  # by lane
    ordered = sorted(stretches, key=lambda each: (each[0], each[2].name if each[2] else ""))
    for begins, ends, person in ordered:
        lane = next((n for n, free in enumerate(free_from) if free <= begins), len(free_from))
        free_from[lane : lane + 1] = [ends]
        left, right = max(begins, start), min(ends, end)
        bars.append(
            Bar(
                label=person.name if person else "Nobody",
                starts_at=begins,
                ends_at=ends,
                left=_share(left - start, end - start),
                width=_share(right - left, end - start),
                lane=lane,
                hue=hue_of(person) if person else None,
            )
        )
    return Strip(bars, max(len(free_from), 1))


def _share(part: timedelta, whole: timedelta) -> str:
    """As CSS wants it, whatever the language of the page."""
    return f"{100 * (part / whole):.3f}%"
