"""Whose time is meant: the shifts of one person as the engine has them, and the parts of them.

A shift that is given away is one turn, or what one override puts somebody on call for, with any
pauses that windows leave in it. All spans are UTC.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from django.db.models import Q

from roster import oncall, rotation
from roster.conflicts import Span
from roster.models import Layer, Override, Person, Schedule

# How far around a moment shifts are read, so that they come out whole: a quarter, and some days.
REACH = timedelta(days=100)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class OwnShift:
    """What one person is on call for, for one reason; `stretches` by start, one at least.

    Either `lineage` and `turn` say which turn of which layer it is, or `override` (its key) does.
    `is_cut`: other overrides have taken away from its beginning or end.
    """

    person: str
    stretches: tuple[Span, ...]
    lineage: UUID | None = None
    turn: int | None = None
    override: str | None = None
    is_cut: bool = False

    @property
    def starts_at(self) -> datetime:
        return self.stretches[0][0]

    @property
    def ends_at(self) -> datetime:
        return self.stretches[-1][1]

    def within(self, start: datetime, end: datetime) -> tuple[Span, ...]:
        """Its stretches in `[start, end)`."""
        clipped = ((max(since, start), min(until, end)) for since, until in self.stretches)
        return tuple(span for span in clipped if span[0] < span[1])


@dataclass(frozen=True)
class Part:
    """Some of a person's time on call: what a swap can be about.

    `stretches` is when they really are on call in it. Without `lineage` it is not (only) a turn of
    one layer. `is_whole`: all of the shift, or all that is still to come of it, and nothing of it
    was taken away before: only then does it mean the shift, wherever an edit moves it.
    """

    starts_at: datetime
    ends_at: datetime
    stretches: tuple[Span, ...]
    is_whole: bool
    lineage: UUID | None = None
    turn: int | None = None


def own_shifts(definition: rotation.Definition, start: datetime, end: datetime) -> list[OwnShift]:
    """Everybody's shifts in `[start, end)`, clipped to it, by start. Reads no row.

    A turn is one shift for as long as no other turn of its layer comes between: a layer that was
    changed may count its turns anew.
    """
    found = _grouped(definition, start, end)
    if not definition.overrides:
        return found
    since, until = start.astimezone(UTC), end.astimezone(UTC)
    uncut: set[tuple[object, ...]] = {
        (each.person, each.lineage, each.turn, each.starts_at, each.ends_at)
        for each in _grouped(replace(definition, overrides=()), start, end)
    }
    made = {each.key: each for each in definition.overrides}
    return [replace(each, is_cut=_is_cut(each, uncut, made, since, until)) for each in found]


def _is_cut(
    shift: OwnShift,
    uncut: Collection[tuple[object, ...]],
    made: Mapping[str | None, rotation.Override],
    start: datetime,
    end: datetime,
) -> bool:
    span = shift.starts_at, shift.ends_at
    override = made.get(shift.override) if shift.override else None
    if override:
        return span != (max(override.start, start), min(override.end, end))
    return (shift.person, shift.lineage, shift.turn, *span) not in uncut


def _grouped(definition: rotation.Definition, start: datetime, end: datetime) -> list[OwnShift]:
    found: list[OwnShift] = []
    latest: dict[object, int | None] = {}  # by layer, which turn was seen last
    known: dict[object, int] = {}  # by reason, where in `found` its shift is
    for shift in rotation.shifts(definition, start, end):
        source = shift.source
        span = shift.start.astimezone(UTC), shift.end.astimezone(UTC)
        layer = source.layer_key or source.override
        reason = layer, source.turn, shift.person
        goes_on = latest.get(layer) == source.turn and reason in known
        latest[layer] = source.turn
        if goes_on:
            earlier = found[known[reason]]
            found[known[reason]] = replace(earlier, stretches=(*earlier.stretches, span))
            continue
        known[reason] = len(found)
        lineage = UUID(source.layer_key) if source.layer_key else None
        found.append(OwnShift(shift.person, (span,), lineage, source.turn, source.override))
    return found


def coming_shifts(
    person: Person, *, at: datetime, until: datetime
) -> list[tuple[Schedule, OwnShift]]:
    """What this person is on call for between two moments, by start, whole but for what is past.

    Five queries, and one more where overrides list shifts.
    """
    schedules = {each.pk: each for each in _schedules_with(person, at, until)}
    found = [
        (schedules[pk], shift)
        for pk, definition in oncall.definitions(schedules.values(), at, until + REACH).items()
        for shift in own_shifts(definition, at, until + REACH)
        if shift.person == person.slug and shift.starts_at < until
    ]
    return sorted(found, key=lambda each: (each[1].starts_at, each[0].name))


def part_of(
    shifts: Sequence[OwnShift], person: Person, start: datetime, end: datetime, *, at: datetime
) -> Part | None:
    """What of this person's shifts `[start, end)` is; None where they are not on call in it.

    They must be on call at both ends, and either throughout or with the pauses of one turn only.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    own = [each for each in shifts if each.person == person.slug and each.within(start, end)]
    stretches = tuple(sorted(span for each in own for span in each.within(start, end)))
    if not stretches or stretches[0][0] != start or max(span[1] for span in stretches) != end:
        return None
    if len(own) > 1:
        is_gapless = all(later[0] <= earlier[1] for earlier, later in pairwise(stretches))
        return Part(start, end, stretches, is_whole=False) if is_gapless else None
    [shift] = own
    is_rest = shift.starts_at <= at and start <= at + MINUTE
    is_all = end == shift.ends_at and (start == shift.starts_at or is_rest)
    is_whole = is_all and not shift.is_cut
    return Part(start, end, stretches, is_whole, shift.lineage, shift.turn)


def _schedules_with(person: Person, start: datetime, end: datetime) -> Iterable[Schedule]:
    """Active schedules on which this person may be on call."""
    overrides = Override.objects.within(start, end)
    named = overrides.filter(Q(person=person) | Q(shifts__person=person))
    layers = Layer.objects.filter(participants__person=person)
    on_it = Q(pk__in=named.values("schedule")) | Q(pk__in=layers.values("schedule"))
    return Schedule.objects.active().filter(on_it)
