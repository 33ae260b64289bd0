"""The rotation engine: who is on call, from when to when, and why.

A pure function of a schedule's definition and a moment, by the ten roster rules. It knows no
ORM, no Django and no clock.
"""

from roster.rotation.definition import (
    Definition,
    Edit,
    Entry,
    Layer,
    ListedShift,
    Override,
    OverrideKind,
    Shift,
    Source,
    Turns,
    Unit,
    Weekday,
    Window,
)
from roster.rotation.engine import at, gaps, shifts

__all__ = [
    "Definition",
    "Edit",
    "Entry",
    "Layer",
    "ListedShift",
    "Override",
    "OverrideKind",
    "Shift",
    "Source",
    "Turns",
    "Unit",
    "Weekday",
    "Window",
    "at",
    "gaps",
    "shifts",
]
