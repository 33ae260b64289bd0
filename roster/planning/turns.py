"""The turns of a plan as instants, cut by the rotation engine."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from roster import rotation
from roster.models import Coverage, CoverageWindow, RosterPlan, Schedule
from roster.planning.problem import Turn

Span = tuple[datetime, datetime]

_WEEKDAYS = tuple(rotation.Weekday)
_DAY = timedelta(days=1)


def turn_length(plan: RosterPlan) -> timedelta:
    """By the clock; a turn on which the clock changes is an hour longer or shorter."""
    days = 7 if plan.turn_unit == RosterPlan.TurnUnit.WEEK else 1
    return timedelta(days=plan.turn_length * days)


def turns_of(plan: RosterPlan, schedules: Iterable[Schedule]) -> dict[int, tuple[Turn, ...]]:
    """The turns of each schedule (by id), cut by the engine exactly as the accepted layer would be.

    Where a schedule must be covered in certain hours only, turns are on duty in these. One query.
    """
    windows = _coverage_windows(schedules)
    found = {}
    for schedule in schedules:
        layer = layer_of(plan, schedule, windows.get(schedule.pk, ()))
        definition = rotation.Definition(time_zone=schedule.time_zone, layers=(layer,))
        first, last = _ends(plan, schedule)
        found[schedule.pk] = _cut(rotation.shifts(definition, first, last), plan, schedule)
    return found


def layer_of(
    plan: RosterPlan, schedule: Schedule, windows: Sequence[rotation.Window] = ()
) -> rotation.Layer:
    """A layer with a participant for each turn, named by its number."""
    return rotation.Layer(
        name=plan.name,
        participants=tuple((str(number),) for number in range(plan.turns)),
        start=datetime.combine(plan.starts_on, plan.handoff_time, ZoneInfo(schedule.time_zone)),
        unit=rotation.Unit(plan.turn_unit),
        length=plan.turn_length,
        restrictions=tuple(windows),
    )


def handoffs(plan: RosterPlan, schedule: Schedule) -> list[datetime]:
    """When each turn begins, and when the last one ends."""
    layer = layer_of(plan, schedule)
    definition = rotation.Definition(time_zone=schedule.time_zone, layers=(layer,))
    first = layer.start
    until = first + turn_length(plan) * (plan.turns + 1) + _DAY
    starts: dict[int, datetime] = {}
    for shift in rotation.shifts(definition, first - _DAY, until):
        starts.setdefault(shift.source.turn or 0, shift.start)
    return [starts[number] for number in range(plan.turns + 1)]


def _ends(plan: RosterPlan, schedule: Schedule) -> Span:
    moments = handoffs(plan, schedule)
    return moments[0], moments[-1]


def _cut(
    shifts: Iterable[rotation.Shift], plan: RosterPlan, schedule: Schedule
) -> tuple[Turn, ...]:
    spans: dict[int, list[Span]] = defaultdict(list)
    for shift in shifts:
        spans[shift.source.turn or 0].append((shift.start, shift.end))
    moments = handoffs(plan, schedule)
    return tuple(
        Turn(moments[number], moments[number + 1], tuple(spans[number]))
        for number in range(plan.turns)
    )


def _coverage_windows(schedules: Iterable[Schedule]) -> dict[int, list[rotation.Window]]:
    asked = [each.pk for each in schedules if each.coverage == Coverage.HOURS]
    found: dict[int, list[rotation.Window]] = defaultdict(list)
    for row in CoverageWindow.objects.filter(schedule__in=asked).order_by("pk"):
        found[row.schedule_id].append(
            rotation.Window(
                start=row.opens_at,
                end=row.closes_at,
                start_day=_WEEKDAYS[row.opens_on],
                end_day=_WEEKDAYS[row.closes_on],
            )
        )
    return found
