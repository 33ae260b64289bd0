"""When turns begin (rules 1, 2 and 5): by arithmetic on readings, never by walking from `start`."""

from bisect import bisect_left
from calendar import monthrange
from datetime import date
from typing import Protocol

from roster.rotation.definition import Layer, Turns, Unit
from roster.rotation.walltime import DAY, FOREVER, HOUR, NEVER, WEEK, Zone, instant
from roster.rotation.windows import active_weekdays, weekday

_FIXED = {Unit.HOUR: HOUR, Unit.DAY: DAY, Unit.WEEK: WEEK}
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class _Calendar(Protocol):
    """The readings at which handoffs are due; they rise with the turn."""

    def reading(self, turn: int) -> int:
        """What the clock reads when this turn begins."""

    def turn(self, reading: int) -> int:
        """The last turn that begins at or before this reading."""


class Handoffs:
    """The turns of one layer as instants, read at one instant after another."""

    __slots__ = ("_calendar", "_known", "_zone")

    def __init__(self, layer: Layer, zone: Zone) -> None:
        self._calendar = _calendar_of(layer, zone.reading(instant(layer.start)))
        self._zone = zone
        self._known = (0, FOREVER, NEVER)

    def turn_at(self, at: int) -> tuple[int, int, int]:
        """The turn at an instant, when it began and when the next one begins.

        Where the clock goes back, the reading alone would give an earlier turn again; and turns
        that a hole swallowed begin and end at the same instant. Hence the steps forward.
        """
        turn, begins, ends = self._known
        if begins <= at < ends:
            return self._known
        first, reading = self._zone.first, self._calendar.reading
        if at != ends:
            turn = self._calendar.turn(self._zone.reading(at))
            begins, ends = first(reading(turn)), first(reading(turn + 1))
        while ends <= at:
            turn += 1
            begins, ends = ends, first(reading(turn + 1))
        self._known = turn, begins, ends
        return self._known


def _calendar_of(layer: Layer, wall: int) -> _Calendar:
    if layer.unit == Unit.MONTH:
        return _Months(wall, layer.length)
    # A week always has a day with a window, so longer units count the same either way.
    if layer.turns == Turns.ACTIVE_DAYS and layer.unit != Unit.WEEK:
        days = active_weekdays(layer.restrictions)
        if 0 < len(days) < 7:
            return _ActiveDays(wall, _FIXED[layer.unit], layer.length, days)
    return _Steady(wall, _FIXED[layer.unit] * layer.length)


class _Steady:
    """Hours, days and weeks, as the clock counts them."""

    __slots__ = ("_step", "_wall")

    def __init__(self, wall: int, step: int) -> None:
        self._wall = wall
        self._step = step

    def reading(self, turn: int) -> int:
        return self._wall + turn * self._step

    def turn(self, reading: int) -> int:
        return (reading - self._wall) // self._step


class _Months:
    """Months counted from the start; a day that a month lacks becomes its last day."""

    __slots__ = ("_day", "_length", "_month", "_time")

    def __init__(self, wall: int, length: int) -> None:
        start = _date(wall)
        self._month = _month(start)
        self._day = start.day
        self._time = wall % DAY
        self._length = length

    def reading(self, turn: int) -> int:
        year, month = divmod(self._month + turn * self._length, 12)
        day = min(self._day, monthrange(year, month + 1)[1])
        return (date(year, month + 1, day).toordinal() - _EPOCH_ORDINAL) * DAY + self._time

    def turn(self, reading: int) -> int:
        turn = (_month(_date(reading)) - self._month) // self._length
        return turn if self.reading(turn) <= reading else turn - 1


class _ActiveDays:
    """Days or hours of which only those count whose day has a window.

    Turn 0 begins at the start. Every other handoff falls on a day that counts: a window that
    runs on into a day without one stays with whoever had it.
    """

    __slots__ = (
        "_before",
        "_days",
        "_done",
        "_length",
        "_per_day",
        "_phase",
        "_start",
        "_unit",
    )

    def __init__(self, wall: int, unit: int, length: int, days: tuple[int, ...]) -> None:
        self._unit = unit
        self._per_day = DAY // unit
        self._length = length
        self._days = days
        self._before = [bisect_left(days, day) for day in range(7)]
        self._start, self._phase = divmod(wall, unit)
        self._done = self._count(self._start)

    def reading(self, turn: int) -> int:
        slot = self._slot(self._done + turn * self._length) if turn else self._start
        return slot * self._unit + self._phase

    def turn(self, reading: int) -> int:
        slot = (reading - self._phase) // self._unit
        turn = (self._count(slot + 1) - 1 - self._done) // self._length
        return max(turn, 0) if slot >= self._start else turn

    def _count(self, slot: int) -> int:
        """How many units count before this one, from some fixed day on."""
        day, within = divmod(slot, self._per_day)
        week, of_week = divmod(day + weekday(0), 7)
        whole = week * len(self._days) + self._before[of_week]
        return whole * self._per_day + (within if of_week in self._days else 0)

    def _slot(self, count: int) -> int:
        """The unit that counts and has so many counting units before it."""
        day, within = divmod(count, self._per_day)
        week, nth = divmod(day, len(self._days))
        monday = week * 7 - weekday(0)
        return (monday + self._days[nth]) * self._per_day + within


def _date(reading: int) -> date:
    return date.fromordinal(reading // DAY + _EPOCH_ORDINAL)


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1
