"""When somebody has to be on call, and where nobody is: what a gap is, for every page and watch.

Pure: values in, values out. Only a time that must be covered can be a gap, by the schedule's
`coverage` (R014).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from roster import rotation
from roster.models import Coverage, CoverageWindow, Schedule
from roster.oncall import OnCall

Stretch = tuple[datetime, datetime]
"""From one moment, up to and without another; both in UTC."""

_WEEKDAYS = tuple(rotation.Weekday)
# The engine reads windows for a layer, so the hours are asked of one that always has somebody.
_SOMEBODY = "somebody"
_ENDLESS = 1200  # months: one turn, so that no handoff divides a stretch


class _HasMoments(Protocol):
    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...


def required_spans(
    schedule: Schedule, windows: Iterable[CoverageWindow], start: datetime, end: datetime
) -> list[Stretch]:
    """The stretches of `[start, end)` in which somebody has to be on call, by start.

    `windows` are the schedule's own, read only if its coverage is by hours: then without any
    nothing is required. They open and close by the clock of the schedule's zone, as rule 5 has it.
    """
    if schedule.coverage == Coverage.ALWAYS:
        return [(start.astimezone(UTC), end.astimezone(UTC))] if _before(start, end) else []
    restrictions = tuple(_window(each) for each in windows)
    if schedule.coverage == Coverage.NONE or not restrictions:
        return []
    hours = rotation.Layer(
        name="hours",
        participants=((_SOMEBODY,),),
        start=start.astimezone(ZoneInfo(schedule.time_zone)),
        effective_from=start,
        effective_until=end,
        unit=rotation.Unit.MONTH,
        length=_ENDLESS,
        restrictions=restrictions,
    )
    definition = rotation.Definition(time_zone=schedule.time_zone, layers=(hours,))
    found = rotation.shifts(definition, start, end)
    return [(each.start.astimezone(UTC), each.end.astimezone(UTC)) for each in found]


def is_required(schedule: Schedule, windows: Iterable[CoverageWindow], at: datetime) -> bool:
    """Whether somebody has to be on call at a moment."""
    return bool(required_spans(schedule, windows, at, at + timedelta(minutes=1)))


def uncovered(required: Iterable[Stretch], shifts: Iterable[_HasMoments]) -> list[Stretch]:
    """The parts of the required stretches that no shift covers, by start."""
    covered = sorted((_utc(each.start), _utc(each.end)) for each in shifts)
    found: list[Stretch] = []
    for opens, closes in required:
        since = opens
        for begins, ends in covered:
            if begins >= closes:
                break
            if since < begins:
                found.append((since, begins))
            since = max(since, ends)
        if since < closes:
            found.append((since, closes))
    return found


def counting(shifts: Sequence[OnCall], at: datetime) -> list[rotation.Shift]:
    """The shifts that cover anything, seen from `at`: someone inactive does not cover what comes.

    Of a shift that is running at `at` the part before counts.
    """
    found = []
    for each in shifts:
        if each.person.is_active or not _before(at, each.shift.end):
            found.append(each.shift)
        elif _before(each.shift.start, at):
            found.append(rotation.Shift(each.shift.person, each.shift.start, at, each.shift.source))
    return found


def _window(window: CoverageWindow) -> rotation.Window:
    return rotation.Window(
        start=window.opens_at,
        end=window.closes_at,
        start_day=_WEEKDAYS[window.opens_on],
        end_day=_WEEKDAYS[window.closes_on],
    )


# Two moments of one zone compare by the clock face in Python: hence UTC throughout.


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _before(one: datetime, other: datetime) -> bool:
    return _utc(one) < _utc(other)
