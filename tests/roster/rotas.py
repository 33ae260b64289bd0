"""Short spellings for rotations in tests."""

from datetime import datetime, time

from roster.rotation import (
    Definition,
    Edit,
    Entry,
    Layer,
    ListedShift,
    Override,
    OverrideKind,
    Shift,
    Unit,
    Weekday,
    Window,
    shifts,
)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def people(text: str) -> tuple[Entry, ...]:
    """`"ana bo+cy -"`: a person, a group and a free turn."""
    return tuple(() if word == "-" else tuple(word.split("+")) for word in text.split())


def layer(
    participants: str, start: str, unit: Unit, length: int = 1, /, name: str = "layer", **rest
) -> Layer:
    """A layer; moments among the rest may be written as text."""
    for key in ("effective_from", "effective_until"):
        if key in rest:
            rest[key] = moment(rest[key])
    return Layer(
        name=name,
        participants=people(participants),
        start=moment(start),
        unit=unit,
        length=length,
        **rest,
    )


def edit(at: str, participants: str) -> Edit:
    return Edit(moment(at), people(participants))


def daily(start: str, end: str, days: str = "") -> Window:
    """A window on the days named, as in `"mon tue"`; none: on every day."""
    return Window(
        start=time.fromisoformat(start),
        end=time.fromisoformat(end),
        days=tuple(Weekday(day) for day in days.split()),
    )


def weekly(start_day: str, start: str, end_day: str, end: str) -> Window:
    return Window(
        start_day=Weekday(start_day),
        start=time.fromisoformat(start),
        end_day=Weekday(end_day),
        end=time.fromisoformat(end),
    )


def override(
    kind: OverrideKind, start: str, end: str, person: str | None = None, **rest
) -> Override:
    return Override(kind=kind, start=moment(start), end=moment(end), person=person, **rest)


def listed(person: str, start: str, end: str) -> ListedShift:
    return ListedShift(person, moment(start), moment(end))


def schedule(*layers: Layer, zone: str = "Europe/London", overrides=()) -> Definition:
    return Definition(time_zone=zone, layers=layers, overrides=tuple(overrides))


def line(shift: Shift) -> str:
    return f"{shift.person} {shift.start:%m-%d %H:%M%z} {shift.end:%m-%d %H:%M%z}"


def lines(definition: Definition, start: str, end: str) -> list[str]:
    """Who is on call in a period: `"ana 03-23 09:00+0000 03-30 09:00+0100"`."""
    return [line(shift) for shift in shifts(definition, moment(start), moment(end))]


def turns(definition: Definition, start: str, end: str) -> list[tuple[str, int | None]]:
    """Who is on call in a period, one after another, and by which turn."""
    found = shifts(definition, moment(start), moment(end))
    return [(shift.person, shift.source.turn) for shift in found]


def names(definition: Definition, start: str, end: str) -> str:
    """Who is on call in a period, one after another."""
    return " ".join(person for person, _ in turns(definition, start, end))
