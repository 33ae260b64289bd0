"""What the rotation engine is asked about, and what it answers: plain immutable values.

Moments are aware datetimes of whole minutes, in any offset. People are opaque strings.
"""

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import NamedTuple

Entry = tuple[str, ...]
"""One place in a rotation: a person, a group (all on call together), or `()`, a free turn."""


class Unit(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Turns(StrEnum):
    """What uses up turns: time as it passes, or only the days that have a window (rule 5)."""

    ELAPSED = "elapsed"
    ACTIVE_DAYS = "active_days"


class Weekday(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class OverrideKind(StrEnum):
    OVERRIDE = "override"
    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"
    TEMPORARY = "temporary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A weekly stretch of the layer's local time in which the layer counts (rule 5).

    Either `days` (none: every day), each with one window from `start` to `end`; or one window
    from `start` on `start_day` to `end` on the next `end_day`. Closing at or before opening
    means the next day in the first form, the next week in the second if the days are the same.
    """

    start: time
    end: time
    days: tuple[Weekday, ...] = ()
    start_day: Weekday | None = None
    end_day: Weekday | None = None

    def __post_init__(self) -> None:
        if (self.start_day is None) != (self.end_day is None):
            raise ValueError("A window has both start_day and end_day, or neither.")
        if self.days and self.start_day is not None:
            raise ValueError("A window has days, or start_day and end_day, not both.")


@dataclass(frozen=True, slots=True)
class Edit:
    """From `at` on the layer has these participants (rule 8)."""

    at: datetime
    participants: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One rotation: participants take turns of `length` × `unit`, the first from `start`.

    `time_zone` None: the schedule's. `priority` None: the position in the list, from 0.
    `effective_from` None: `start`. `effective_until` None: for ever. `key` identifies the layer
    in feeds and may be anything stable.
    """

    name: str
    participants: tuple[Entry, ...]
    start: datetime
    unit: Unit
    length: int = 1
    time_zone: str | None = None
    priority: int | None = None
    effective_from: datetime | None = None
    effective_until: datetime | None = None
    turns: Turns = Turns.ELAPSED
    restrictions: tuple[Window, ...] = ()
    edits: tuple[Edit, ...] = ()
    key: str | None = None

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError("A turn is at least one unit long.")


@dataclass(frozen=True, slots=True)
class ListedShift:
    """One line of a temporary schedule."""

    person: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A deviation from the layers in `[start, end)` (rule 7).

    `person` is set except for `temporary`, `replaces` only for `replace`, `shifts` only for
    `temporary`. `key` identifies the override in feeds; None: its place in the definition.
    """

    kind: OverrideKind
    start: datetime
    end: datetime
    person: str | None = None
    replaces: str | None = None
    shifts: tuple[ListedShift, ...] = ()
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A whole schedule. Overrides stand in the order in which they were created."""

    time_zone: str
    layers: tuple[Layer, ...] = ()
    overrides: tuple[Override, ...] = ()


# The two below are made by the hundred for one answer, and a named tuple is made several times
# faster than a frozen dataclass.


class Source(NamedTuple):
    """Why somebody is on call: a turn of a layer, or an override (then `layer` is None).

    `layer` is the layer's name and `layer_key` its key. `slot` is the person's place in the
    group, from 0; it serves feeds and does not tell sources apart.
    """

    layer: str | None = None
    turn: int | None = None
    override: str | None = None
    layer_key: str | None = None
    slot: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and self[:-1] == other[:-1]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:-1])


class Shift(NamedTuple):
    """`person` is on call in `[start, end)`.

    Both moments are in the schedule's zone. Python compares and subtracts two datetimes of one
    zone by the clock face: go through UTC for order and for durations.
    """

    person: str
    start: datetime
    end: datetime
    source: Source
