"""The one resolver between the clock of a zone and instants (rules 1 and 5).

An instant is whole seconds since 1970 in UTC. A reading is what the clock of a zone shows, as
whole seconds since 1970-01-01 00:00 on that clock. Both are plain integers: the arithmetic of
turns and windows is done on readings, and only this module leads from one to the other.
"""

from bisect import bisect_right
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

NEVER = -(1 << 60)
FOREVER = 1 << 60

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Offsets are looked up in tables of about a year, each overlapping its neighbours by more than
# the largest jump of any clock (24 hours) and the largest offset (15 hours).
_SPAN = 366 * DAY
_MARGIN = 3 * DAY
# No zone has changed its clock twice within 95 hours since 1900 (Freetown, 1939).
_PROBE = 3 * DAY
_TABLES_KEPT = 256


def instant(moment: datetime) -> int:
    """Raise TypeError for a moment without an offset."""
    since = moment - _EPOCH
    return since.days * DAY + since.seconds


class _Table:
    """The stretches of constant offset in one span of time."""

    __slots__ = ("begins", "offsets", "reads_first", "reads_until", "starts")

    def __init__(self, begins: int, starts: list[int], offsets: list[int]) -> None:
        ends = [*starts[1:], FOREVER]
        self.begins = begins
        self.starts = starts
        self.offsets = offsets
        self.reads_first = [start + offset for start, offset in zip(starts, offsets, strict=True)]
        self.reads_until = [end + offset for end, offset in zip(ends, offsets, strict=True)]

    def plain(self, stretch: int) -> tuple[int, int, int]:
        """The readings that only this stretch has and no hole is near, and its offset."""
        since, until = self.reads_first[stretch], self.reads_until[stretch]
        if stretch:
            since = max(since, self.reads_until[stretch - 1])
        if stretch + 1 < len(self.starts):
            until = min(until, self.reads_first[stretch + 1])
        offset = self.offsets[stretch]
        return max(since, self.begins), min(until, self.begins + _SPAN), offset


class Zone:
    """A time zone: which instant is meant when its clock reads so and so."""

    __slots__ = ("_info", "_plain", "_tables")

    def __init__(self, name: str) -> None:
        self._info = ZoneInfo(name)
        self._tables: dict[int, _Table] = {}
        # Where the last question fell, if that is plain arithmetic: most questions are next to it.
        # Read and replaced whole, since zones are shared between threads.
        self._plain = (0, 0, 0)

    def reading(self, at: int) -> int:
        """What the clock reads at an instant."""
        number = at // _SPAN
        table = self._tables.get(number) or self._table(number)
        return at + table.offsets[bisect_right(table.starts, at) - 1]

    def steady(self, at: int) -> tuple[int, int]:
        """The offset at an instant, and until when it is known to hold: a change, or a year."""
        number = at // _SPAN
        table = self._tables.get(number) or self._table(number)
        stretch = bisect_right(table.starts, at)
        until = table.starts[stretch] if stretch < len(table.starts) else FOREVER
        return table.offsets[stretch - 1], min(until, (number + 1) * _SPAN)

    def first(self, reading: int) -> int:
        """The first instant at which the clock reads so; in a hole, the first one after it."""
        since, until, offset = self._plain
        if since <= reading < until:
            return reading - offset
        number = reading // _SPAN
        table = self._tables.get(number) or self._table(number)
        stretch = bisect_right(table.reads_until, reading)
        self._plain = table.plain(stretch)
        return max(reading - table.offsets[stretch], table.starts[stretch])

    def last(self, reading: int) -> int:
        """The last instant at which the clock reads so; in a hole, the first one after it."""
        since, until, offset = self._plain
        if since <= reading < until:
            return reading - offset
        number = reading // _SPAN
        table = self._tables.get(number) or self._table(number)
        stretch = bisect_right(table.reads_first, reading) - 1
        meant = reading - table.offsets[stretch]
        if stretch + 1 < len(table.starts):
            return min(meant, table.starts[stretch + 1])
        return meant

    def moment(self, at: int) -> datetime:
        return datetime.fromtimestamp(at, self._info)

    def _table(self, number: int) -> _Table:
        if len(self._tables) >= _TABLES_KEPT:
            self._tables.clear()
        table = self._tables[number] = self._survey(number)
        return table

    def _survey(self, number: int) -> _Table:
        begin = number * _SPAN - _MARGIN
        starts, offsets = [NEVER], [self._offset(begin)]
        for probe in range(begin + _PROBE, begin + _SPAN + 2 * _MARGIN + _PROBE, _PROBE):
            offset = self._offset(probe)
            if offset != offsets[-1]:
                starts.append(self._change(probe - _PROBE, probe))
                offsets.append(offset)
        return _Table(number * _SPAN, starts, offsets)

    def _change(self, before: int, after: int) -> int:
        """The instant of the one change of offset in `(before, after]`."""
        old = self._offset(before)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == old:
                before = middle
            else:
                after = middle
        return after

    def _offset(self, at: int) -> int:
        return instant(self.moment(at).replace(tzinfo=UTC)) - at


@cache
def zone(name: str) -> Zone:
    """Raise ZoneInfoNotFoundError, a KeyError, for a name that no zone has."""
    return Zone(name)
