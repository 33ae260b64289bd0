"""What a message means for what is known of its key, in whatever order messages come.

Things happened in the order of the monitor's own times, where it tells them, and of arrival where
it does not. What we know of a key is its firing alert, the one that ended last, and, for a while,
the newest end or answer that had nothing to end or to answer yet. Pure: no queries, no clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from incidents.models import Alert, AlertWord

# How long after an end an older message is still taken for one that was delayed on its way.
LATE_FOR = timedelta(hours=1)
# These say of everything that fires when it began, however often it seemed to end: a Prometheus
# that was cut off and comes back repeats the old beginning. Alertmanager says nothing new of a
# group for five minutes after an end (`group_interval`); what comes sooner is its twin's copy.
KINDS_THAT_REPEAT_THE_BEGINNING = {"alertmanager", "prometheus", "grafana"}
COPIES_COME_WITHIN = timedelta(minutes=4)
# A monitor's clock that is further ahead than this is not believed.
CLOCK_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True)
class Stamp:
    """When something happened: as it arrived, and by the monitor's own clock if that was told."""

    received: datetime
    own: datetime | None = None

    @classmethod
    def of(cls, own: datetime | None, received: datetime) -> "Stamp":
        is_believed = own is not None and own - received <= CLOCK_AHEAD
        return cls(received, own if is_believed else None)

    def is_before(self, other: "Stamp") -> bool:
        if self.own and other.own and self.own != other.own:
            return self.own < other.own
        return self.received < other.received


def begin_of(row: Alert) -> Stamp:
    return Stamp(row.first_seen_at, row.started_at if row.last_fired_at else None)


def newest_of(row: Alert) -> Stamp:
    """When it fired last."""
    return Stamp(row.last_seen_at, row.last_fired_at)


def end_of(row: Alert) -> Stamp:
    """The end of what resolved, or of what is quiet while it flaps."""
    return Stamp(row.last_seen_at, row.ended_at)


def stamp_of(word: AlertWord) -> Stamp:
    return Stamp(word.received_at, word.said_at)


class Firing(Enum):
    """What word that a key fires means."""

    OPENS = auto()
    OPENS_AND_ENDS = auto()  # its end came before it
    REPEATS = auto()
    BEGAN_SOONER = auto()
    IS_LATE = auto()  # it speaks of what is over, and only counts


class Ending(Enum):
    """What word that a key no longer fires means."""

    ENDS = auto()
    ENDS_AND_FIRES_AGAIN = auto()  # what fires is newer than this end, which came late
    WAITS = auto()  # for what it ends
    IS_KNOWN = auto()


def late_for(kind: str) -> timedelta:
    """How long messages of this kind of integration may be late."""
    return COPIES_COME_WITHIN if kind in KINDS_THAT_REPEAT_THE_BEGINNING else LATE_FOR


@dataclass
class Known:
    """What is known of one key. `fired_at` is when its last alerts began, as they arrived."""

    late_for: timedelta
    row: Alert | None = None
    last: Alert | None = None
    end: AlertWord | None = None
    answer: AlertWord | None = None
    fired_at: list[datetime] = field(default_factory=list)

    def fires(self, stamp: Stamp) -> Firing:
        if self.row is None:
            if self.last and (self._is_late(stamp, end_of(self.last)) or self._is_copy(stamp)):
                return Firing.IS_LATE
            is_over = self.end and self._is_late(stamp, stamp_of(self.end))
            return Firing.OPENS_AND_ENDS if is_over else Firing.OPENS
        if self.row.quiet_since and self._is_late(stamp, end_of(self.row)):
            return Firing.IS_LATE
        if not stamp.is_before(begin_of(self.row)):
            return Firing.REPEATS
        is_over = any(self._is_late(stamp, end) for end in self._earlier_ends())
        return Firing.IS_LATE if is_over else Firing.BEGAN_SOONER

    def ends(self, stamp: Stamp) -> Ending:
        if self.row is None or stamp.is_before(begin_of(self.row)):
            is_known = self.last and not end_of(self.last).is_before(stamp)
            return Ending.IS_KNOWN if is_known else Ending.WAITS
        if self.row.quiet_since:
            return Ending.ENDS if end_of(self.row).is_before(stamp) else Ending.IS_KNOWN
        if stamp.is_before(newest_of(self.row)):
            return Ending.IS_KNOWN if self.row.flapping_since else Ending.ENDS_AND_FIRES_AGAIN
        return Ending.ENDS

    def is_answered(self) -> bool:
        """Whether what fires was acknowledged at the monitor since it began."""
        row, answer = self.row, self.answer
        return bool(row and answer and answer.received_at >= row.first_seen_at)

    def _earlier_ends(self) -> Iterator[Stamp]:
        if self.last:
            yield end_of(self.last)
        if self.end:
            yield stamp_of(self.end)

    def _is_late(self, stamp: Stamp, end: Stamp) -> bool:
        return stamp.is_before(end) and stamp.received - end.received <= self.late_for

    def _is_copy(self, stamp: Stamp) -> bool:
        """Whether it is the very message that fired last, of a monitor that dates no ends."""
        last = self.last
        return bool(
            last
            and stamp.own
            and last.ended_at is None
            and last.last_fired_at == stamp.own
            and stamp.received - last.last_seen_at <= self.late_for
        )
