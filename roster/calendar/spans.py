"""What stands on a calendar: rows of spans, each with who, why, and what may be done about it.

Pure: facts in, spans out. Moments are UTC; rows take the place of layers, and "final" is who
really is on call, as the engine says.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby

from roster import rotation
from roster.calendar.facts import Facts
from roster.calendar.words import why_offered, why_on_call, why_overridden
from roster.models import Override, Person, Schedule, Swap
from roster.oncall import OnCall
from roster.required_coverage import Stretch, counting, required_spans, uncovered

FINAL = "final"
CHANGES = "changes"
LAYER = "layer-"


class Tone(StrEnum):
    TURN = "turn"
    OVERRIDE = "override"
    SWAP = "swap"
    GAP = "gap"
    OFFER = "offer"


@dataclass(frozen=True)
class Row:
    """A line of the calendar: who is on call in the end, the changes, a layer, or a schedule."""

    key: str
    title: str
    schedule: Schedule
    note: str = ""


@dataclass(frozen=True)
class Span:
    """A stretch on a row. A gap has no person.

    `override` is the one it comes from, if any. `offer` is the open swap that offers it. `away` is
    when the person is absent meanwhile, as far as the viewer may know.
    """

    row: Row
    tone: Tone
    title: str
    starts_at: datetime
    ends_at: datetime
    person: Person | None = None
    why: tuple[str, ...] = ()
    override: Override | None = None
    offer: Swap | None = None
    away: tuple[Stretch, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether it says who really is on call, not what a layer or a change would have."""
        return not (self.is_change or self.row.key.startswith(LAYER))

    @property
    def is_change(self) -> bool:
        return self.row.key == CHANGES

    def touches(self, start: datetime, end: datetime) -> bool:
        return self.starts_at < end and self.ends_at > start


def rows_of(schedule: Schedule, facts: Facts) -> list[Row]:
    """Final on top, what changed the layers below it, then the layers, the strongest first."""
    final = Row(FINAL, "On call", schedule, "the result")
    changes = Row(CHANGES, "Overrides and swaps", schedule)
    layers = [
        Row(f"{LAYER}{key}", layers[-1].name, schedule, "layer")
        for key, layers in _lineages(facts.definitions[schedule.pk])
    ]
    return [final, changes, *reversed(layers)]


def spans_of(
    rows: Sequence[Row], facts: Facts, start: datetime, end: datetime, now: datetime
) -> list[Span]:
    """All spans of one schedule's rows that touch `[start, end)`, as far as they were read."""
    by_key = {row.key: row for row in rows}
    schedule = rows[0].schedule
    found = [
        *final_spans(by_key[FINAL], facts, start, end, now),
        *_change_spans(by_key[CHANGES], facts),
    ]
    for key, layers in _lineages(facts.definitions[schedule.pk]):
        found += _layer_spans(by_key[f"{LAYER}{key}"], layers, facts, start, end)
    return [span for span in found if span.touches(start, end)]


def final_spans(
    row: Row, facts: Facts, start: datetime, end: datetime, now: datetime
) -> list[Span]:
    """Who is on call, and where nobody is though somebody must be."""
    schedule = row.schedule
    shifts = _named(rotation.shifts(facts.definitions[schedule.pk], start, end), facts)
    required = required_spans(schedule, facts.windows.get(schedule.pk, ()), start, end)
    gaps = [
        Span(row, Tone.GAP, "Nobody", since, until, why=("Somebody has to be on call then.",))
        for since, until in uncovered(required, counting(shifts, now))
    ]
    return [*(_offered(_span(row, each, facts, now), facts) for each in shifts), *gaps]


def _span(row: Row, on_call: OnCall, facts: Facts, now: datetime) -> Span:
    person, shift = on_call.person, on_call.shift
    override = facts.overrides.get(shift.source.override or "")
    starts_at, ends_at = shift.start.astimezone(UTC), shift.end.astimezone(UTC)
    tone = Tone.TURN
    if shift.source.override is not None:
        tone = Tone.SWAP if override and override.swap else Tone.OVERRIDE
    is_gone = not person.is_active and ends_at > now
    return Span(
        row,
        tone,
        f"{person.name} (inactive)" if is_gone else person.name,
        starts_at,
        ends_at,
        person,
        why_on_call(shift, override),
        override,
        away=_away(person, starts_at, ends_at, facts),
    )


def _offered(span: Span, facts: Facts) -> Span:
    """The span, and the swap that offers it if one does."""
    for swap in facts.offers.get(span.row.schedule.pk, ()):
        if span.person == swap.giver and span.touches(swap.starts_at, swap.ends_at):
            return replace(span, offer=swap, why=(*span.why, why_offered(swap)))
    return span


def _change_spans(row: Row, facts: Facts) -> Iterator[Span]:
    for override in facts.overrides_of(row.schedule):
        yield Span(
            row,
            Tone.SWAP if override.swap else Tone.OVERRIDE,
            _title_of(override),
            override.starts_at,
            override.ends_at,
            override.person,
            why_overridden(override),
            override,
        )
    for swap in facts.offers.get(row.schedule.pk, ()):
        yield Span(
            row,
            Tone.OFFER,
            f"{swap.giver.name} asks",
            swap.starts_at,
            swap.ends_at,
            swap.giver,
            (why_offered(swap),),
            offer=swap,
        )


def _layer_spans(
    row: Row, layers: Sequence[rotation.Layer], facts: Facts, start: datetime, end: datetime
) -> Iterator[Span]:
    """A layer's own turns, as if nothing else were there."""
    zone = facts.definitions[row.schedule.pk].time_zone
    alone = rotation.Definition(time_zone=zone, layers=tuple(layers))
    for each in _named(rotation.shifts(alone, start, end), facts):
        starts_at, ends_at = each.shift.start.astimezone(UTC), each.shift.end.astimezone(UTC)
        yield Span(
            row,
            Tone.TURN,
            each.person.name,
            starts_at,
            ends_at,
            each.person,
            (*why_on_call(each.shift, None), "What counts is the row “On call”."),
            away=_away(each.person, starts_at, ends_at, facts),
        )


def _lineages(
    definition: rotation.Definition,
) -> list[tuple[str | None, list[rotation.Layer]]]:
    """The layers with their successors, the weakest first."""

    def strength(layer: rotation.Layer) -> tuple[int, str]:
        return (latest[layer.key], layer.key or "")

    latest = {layer.key: layer.priority or 0 for layer in definition.layers}
    ranked = sorted(definition.layers, key=strength)
    return [(key, list(layers)) for key, layers in groupby(ranked, key=lambda layer: layer.key)]


def _named(shifts: Iterable[rotation.Shift], facts: Facts) -> list[OnCall]:
    return [OnCall(facts.people[each.person], each) for each in shifts]


def _away(
    person: Person, starts_at: datetime, ends_at: datetime, facts: Facts
) -> tuple[Stretch, ...]:
    return tuple(
        (max(since, starts_at), min(until, ends_at))
        for since, until in facts.absences.get(person.pk, ())
        if since < ends_at and until > starts_at
    )


def _title_of(override: Override) -> str:
    person = override.person.name if override.person else ""
    match override.kind:
        case Override.Kind.ADD:
            return f"{person} too"
        case Override.Kind.REMOVE:
            return f"Not {person}"
        case Override.Kind.REPLACE:
            return f"{person} for {override.replaces}"
        case Override.Kind.TEMPORARY:
            return "Listed shifts"
        case _:
            return person
