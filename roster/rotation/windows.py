"""When a layer's restrictions let it count (rule 5)."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import time
from functools import lru_cache

from roster.rotation.definition import Weekday, Window
from roster.rotation.walltime import DAY, FOREVER, HOUR, MINUTE, NEVER, WEEK, Zone

_WEEKDAYS = tuple(Weekday)
# 1970-01-01, day 0 of every reading, was a Thursday.
_MONDAY = -_WEEKDAYS.index(Weekday.THU) * DAY


def weekday(day: int) -> int:
    """The weekday, Monday being 0, of a day counted from 1970-01-01."""
    return (day * DAY - _MONDAY) // DAY % 7


def spans(window: Window) -> list[tuple[int, int]]:
    """Opening and closing of a window in seconds since Monday 00:00, once per day it opens.

    A closing may lie beyond the week's end, never by a week or more.
    """
    opens, closes = _seconds(window.start), _seconds(window.end)
    if window.start_day is not None and window.end_day is not None:
        first, last = _WEEKDAYS.index(window.start_day), _WEEKDAYS.index(window.end_day)
        length = ((last - first) * DAY + closes - opens) % WEEK or WEEK
        return [(first * DAY + opens, first * DAY + opens + length)]
    length = (closes - opens) % DAY or DAY
    starts = [_WEEKDAYS.index(day) * DAY + opens for day in window.days or _WEEKDAYS]
    return [(start, start + length) for start in sorted(starts)]


@lru_cache(maxsize=1024)
def active_weekdays(windows: tuple[Window, ...]) -> tuple[int, ...]:
    """The weekdays that have a window: one opens on it, or is open all through it."""
    days = set()
    for opens, closes in (span for window in windows for span in spans(window)):
        days.add(opens // DAY)
        days.update(day % 7 for day in range(opens // DAY + 1, closes // DAY))
    return tuple(sorted(days))


class Hours:
    """The windows of one layer as instants, read at one instant after another."""

    __slots__ = ("_closes", "_known", "_opens", "_window", "_zone")

    def __init__(self, windows: tuple[Window, ...], zone: Zone) -> None:
        self._opens, self._closes = _weekly(windows)
        self._zone = zone
        # The last window to open: its number, when it opened, when it closes, when the next opens.
        self._window = (0, NEVER, NEVER, NEVER)
        self._known = (False, FOREVER, NEVER) if self._opens else (True, NEVER, FOREVER)

    def around(self, at: int) -> tuple[bool, int, int]:
        """Whether a window is open at an instant, and a stretch around it in which that holds.

        Windows do not overlap on the clock, so their openings and their closings both rise, and
        the one that opened last is also the one that closes last.
        """
        _, since, until = self._known
        if since <= at < until:
            return self._known
        if at != until:
            number = self._opened(self._zone.reading(at))
            self._window = number, self._opening(number), NEVER, self._opening(number + 1)
        number, opens, closes, opens_next = self._window
        if opens_next <= at or closes == NEVER:
            while opens_next <= at:
                number += 1
                opens, opens_next = opens_next, self._opening(number + 1)
            closes = self._closing(number)
            self._window = number, opens, closes, opens_next
        self._known = (True, opens, closes) if at < closes else (False, closes, opens_next)
        return self._known

    def _opened(self, reading: int) -> int:
        """The last window to open at or before this reading, counted from some fixed week on."""
        week, within = divmod(reading - _MONDAY, WEEK)
        return week * len(self._opens) + bisect_right(self._opens, within) - 1

    def _opening(self, number: int) -> int:
        week, nth = divmod(number, len(self._opens))
        return self._zone.first(_MONDAY + week * WEEK + self._opens[nth])

    def _closing(self, number: int) -> int:
        week, nth = divmod(number, len(self._closes))
        return self._zone.last(_MONDAY + week * WEEK + self._closes[nth])


@lru_cache(maxsize=1024)
def _weekly(windows: tuple[Window, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The openings and the closings of a week in seconds since Monday 00:00."""
    merged = _merged(span for window in windows for span in spans(window))
    return tuple(opens for opens, _ in merged), tuple(closes for _, closes in merged)


def _merged(openings: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same hours as windows that neither overlap nor touch; none if that is the whole week."""
    merged: list[tuple[int, int]] = []
    for opens, closes in sorted(openings):
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(closes, merged[-1][1]))
        else:
            merged.append((opens, closes))
    while len(merged) > 1 and merged[-1][1] >= merged[0][0] + WEEK:
        _, closes = merged.pop(0)
        merged[-1] = (merged[-1][0], max(merged[-1][1], closes + WEEK))
    if len(merged) == 1 and merged[0][1] - merged[0][0] >= WEEK:
        return []
    return merged


def _seconds(clock: time) -> int:
    return clock.hour * HOUR + clock.minute * MINUTE
