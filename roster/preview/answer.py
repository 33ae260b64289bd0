"""What the rotation engine says to the preview call's question, as JSON."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict
from zoneinfo import ZoneInfo

from roster.preview.document import TimeOff, read
from roster.rotation import Shift, at, gaps, shifts
from roster.rotation.walltime import instant


class Span(TypedDict):
    start: str
    end: str


class OnCall(Span):
    person: str
    source: dict[str, str | int | None]


class Conflict(Span):
    person: str
    kind: str


class Answer(TypedDict):
    shifts: list[OnCall]
    gaps: list[Span]
    conflicts: list[Conflict]


def preview(document: object) -> Answer:
    """Answer a decoded document; raise PreviewError if it cannot be answered.

    Times are in the schedule's zone. A moment has no gaps: it lasts no time. Conflicts at a
    moment are those in force at it, with the whole of the time off that falls on the shift.
    """
    question = read(document)
    zone = ZoneInfo(question.definition.time_zone)
    uncovered: list[tuple[datetime, datetime]] = []
    time_off: Iterable[TimeOff] = question.time_off
    if question.end is None:
        now = instant(question.start)
        found = at(question.definition, question.start)
        time_off = (each for each in time_off if instant(each.start) <= now < instant(each.end))
    else:
        found = shifts(question.definition, question.start, question.end)
        uncovered = gaps(found, question.start.astimezone(zone), question.end)
    return {
        "shifts": [_shift(each) for each in found],
        "gaps": [{"start": _time(start), "end": _time(end)} for start, end in uncovered],
        "conflicts": [_conflict(*each, zone) for each in _conflicts(found, time_off)],
    }


def _conflicts(found: Iterable[Shift], time_off: Iterable[TimeOff]) -> list[tuple[int, str, int]]:
    """Begin, person and end of every stretch in which somebody is on call and away."""
    on_call = _by_person(found)
    return sorted(
        (max(begins, since), person, min(ends, until))
        for person, away in _by_person(time_off).items()
        for begins, ends in away
        for since, until in on_call.get(person, ())
        if max(begins, since) < min(ends, until)
    )


def _by_person(stretches: Iterable[Shift | TimeOff]) -> dict[str, list[tuple[int, int]]]:
    """Each person's stretches, joined where they touch or overlap."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    ordered = sorted((instant(each.start), instant(each.end), each.person) for each in stretches)
    for start, end, person in ordered:
        joined = found[person]
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return found


def _conflict(start: int, person: str, end: int, zone: ZoneInfo) -> Conflict:
    return {
        "person": person,
        "start": _time(datetime.fromtimestamp(start, zone)),
        "end": _time(datetime.fromtimestamp(end, zone)),
        "kind": "time_off",
    }


def _shift(shift: Shift) -> OnCall:
    source: dict[str, str | int | None] = {"layer": shift.source.layer, "turn": shift.source.turn}
    if shift.source.override is not None:
        source = {"override": shift.source.override}
    return {
        "person": shift.person,
        "start": _time(shift.start),
        "end": _time(shift.end),
        "source": source,
    }


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
