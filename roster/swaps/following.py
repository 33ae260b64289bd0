"""A swap keeps pointing at its shift when the rotation is edited, or is called off.

The same turn of the same layer, still the giver's, is the same shift: what was swapped whole moves
with it, a part stays as far as it is still inside. Whatever else became of the shift, the swap has
lost its meaning, and both hear of it. What is past never changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import transaction

from roster import oncall, rotation
from roster.conflicts import Span
from roster.models import Person, Schedule, Swap
from roster.swaps import telling
from roster.swaps.parts import REACH, OwnShift, own_shifts
from roster.swaps.settling import end, lock, next_minute, withdraw
from roster.swaps.sides import covers
from roster.watch import prove_soon

GONE = "The rotation was edited, and this is not {}'s shift any more."
# A turn that an edit moves further than its own length, or a day, is another shift to people.
NEAR = timedelta(days=1)


@dataclass(frozen=True)
class _Side:
    """One half of a swap: whose time it is, and which shift. `prefix` is that of its columns."""

    prefix: str
    person: Person
    starts_at: datetime
    ends_at: datetime
    lineage: UUID | None
    turn: int | None
    is_whole: bool


def follow_edits(schedule: Schedule, *, at: datetime) -> None:
    """After an edit of a schedule's layers: move its swaps with their shifts, or call them off.

    In the transaction of the edit. Six queries, and a few for each swap that changes.
    """
    with transaction.atomic():
        lock(schedule)
        swaps = Swap.objects.filter(schedule=schedule)
        concerned = (swaps.open() | swaps.in_force(at)).for_display().order_by("pk")
        for swap in concerned.prefetch_related("overrides"):
            # Read anew for each: one swap moving can move what another is about.
            _follow(swap, at=at)


def _follow(swap: Swap, *, at: datetime) -> None:
    start, end_ = swap.first_starts_at - REACH, swap.last_ends_at + REACH
    definition = _without(swap, oncall.definition_of(swap.schedule, start, end_))
    shifts = own_shifts(definition, start, end_)
    moved: dict[str, Span] = {}
    now = next_minute(at).astimezone(UTC)
    for side in _sides(swap):
        if swap.state == Swap.State.TAKEN and side.ends_at <= now:
            continue
        span = _new_span(side, shifts, now)
        if span is None:
            _call_off(swap, side.person, at=at)
            return
        if span != (side.starts_at, side.ends_at):
            moved[side.prefix] = span
    if moved:
        _move(swap, moved, at=at)


def _without(swap: Swap, definition: rotation.Definition) -> rotation.Definition:
    """The schedule as it is before this swap: neither its overrides nor any entered after."""
    own = [override.pk for override in swap.overrides.all()]
    if not own:
        return definition
    first = min(own)
    earlier = [each for each in definition.overrides if each.key and int(each.key) < first]
    return replace(definition, overrides=tuple(earlier))


def _sides(swap: Swap) -> list[_Side]:
    given = _Side(
        "",
        swap.giver,
        swap.starts_at,
        swap.ends_at,
        swap.lineage,
        swap.turn,
        swap.is_whole,
    )
    other = swap.taker or swap.asked
    if not (swap.return_starts_at and swap.return_ends_at and other):
        return [given]
    returned = _Side(
        "return_",
        other,
        swap.return_starts_at,
        swap.return_ends_at,
        swap.return_lineage,
        swap.return_turn,
        swap.return_is_whole,
    )
    return [given, returned]


def _new_span(side: _Side, shifts: Sequence[OwnShift], now: datetime) -> Span | None:
    """Where this half is now; None where the shift is gone, or is no longer theirs."""
    own = [each for each in shifts if each.person == side.person.slug]
    shift = _same_shift(side, own)
    if shift and side.is_whole:
        has_begun = side.starts_at <= now
        starts_at = side.starts_at if has_begun else max(shift.starts_at, now)
        return (starts_at, shift.ends_at) if max(starts_at, now) < shift.ends_at else None
    stretches = sorted(span for each in own for span in each.stretches)
    if covers(stretches, [(max(side.starts_at, now), side.ends_at)]):
        # Turns may be counted anew, or be several: what matters is who is on call.
        return side.starts_at, side.ends_at
    if shift and (inside := shift.within(side.starts_at, side.ends_at)):
        starts_at = side.starts_at if side.starts_at <= now else inside[0][0]
        return (starts_at, inside[-1][1]) if inside[-1][1] > now else None
    return None


def _same_shift(side: _Side, own: Sequence[OwnShift]) -> OwnShift | None:
    """The turn that this half is of, if it is not too far away to be meant."""
    if side.lineage is None:
        # Another override made it: whichever of theirs is there still.
        near = [each for each in own if each.override and each.within(side.starts_at, side.ends_at)]
    else:
        reach = max(side.ends_at - side.starts_at, NEAR)
        near = [
            each
            for each in own
            if (each.lineage, each.turn) == (side.lineage, side.turn)
            and (
                (each.starts_at < side.ends_at and each.ends_at > side.starts_at)
                or abs(each.starts_at - side.starts_at) <= reach
            )
        ]
    return min(near, key=lambda each: abs(each.starts_at - side.starts_at), default=None)


def _call_off(swap: Swap, person: Person, *, at: datetime) -> None:
    why = GONE.format(person)
    if swap.is_open:
        end(swap, Swap.State.CANCELLED, why, at=at, by=None)
        return
    swap.state, swap.ended_because = Swap.State.CANCELLED, why
    swap.save(update_fields=["state", "ended_because"])
    withdraw(swap, at=at)
    telling.tell_ended(swap, at=at, by=None)


def _move(swap: Swap, moved: dict[str, Span], *, at: datetime) -> None:
    for prefix, (starts_at, ends_at) in moved.items():
        was = getattr(swap, f"{prefix}starts_at"), getattr(swap, f"{prefix}ends_at")
        setattr(swap, f"{prefix}starts_at", starts_at)
        setattr(swap, f"{prefix}ends_at", ends_at)
        for override in swap.overrides.all():
            if (override.starts_at, override.ends_at) == was:
                override.starts_at, override.ends_at = starts_at, ends_at
                override.save(update_fields=["starts_at", "ends_at"])
    names = [f"{prefix}{name}" for prefix in moved for name in ("starts_at", "ends_at")]
    swap.save(update_fields=names)
    prove_soon([swap.schedule_id], at=at)
    telling.tell_moved(swap, at=at)
