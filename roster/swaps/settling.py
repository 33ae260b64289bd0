"""A swap takes effect, and is undone: `replace` overrides come and go (rule 7)."""

from datetime import UTC, datetime, timedelta

from django.db import transaction

from roster.conflicts import Span
from roster.errors import DomainError
from roster.models import Override, Person, Schedule, Swap
from roster.swaps import telling
from roster.swaps.parts import Part
from roster.swaps.proposals import Terms, read_shifts
from roster.swaps.sides import covers
from roster.watch import prove_soon

PINNED = (
    *("starts_at", "lineage", "turn", "is_whole"),
    *("return_starts_at", "return_lineage", "return_turn", "return_is_whole"),
)


def lock(schedule: Schedule) -> None:
    """Nobody else settles a swap of this schedule until the transaction ends.

    Where rows cannot be locked (SQLite), transactions that write run one after another.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("lock() needs a transaction.")
    Schedule.objects.select_for_update(of=("self",)).get(pk=schedule.pk)


def next_minute(at: datetime) -> datetime:
    """The first whole minute that is not past: what has been answered stays as it was."""
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + timedelta(minutes=1)


def settle(swap: Swap, terms: Terms, *, at: datetime) -> None:
    """Write what both sides have agreed to; `swap` says so already. Within a transaction.

    Raises DomainError where the roster would not answer as agreed.
    """
    if swap.taker is None:
        raise ValueError("A swap without a taker cannot take effect.")
    parts = [(terms.given, swap.giver, swap.taker)]
    if terms.returned:
        parts.append((terms.returned, swap.taker, swap.giver))
    _pin(swap, terms, at=at)
    for part, giver, taker in parts:
        _replace(swap, part, giver, taker, at=at)
    _check_effect(swap, terms, at=at)
    _call_off_others(swap, at=at)
    prove_soon([swap.schedule_id], at=at)
    telling.tell_taken(swap, at=at)


def withdraw(swap: Swap, *, at: datetime) -> None:
    """Take its overrides back from a moment on; what they have answered stays."""
    moment = next_minute(at)
    for override in swap.overrides.filter(ends_at__gt=moment):
        if override.starts_at < moment:
            override.withdraw(at=moment)
        else:
            override.delete()
    prove_soon([swap.schedule_id], at=at)


def _pin(swap: Swap, terms: Terms, *, at: datetime) -> None:
    """Have the swap say what it is about as of now: of a shift that goes on, the rest."""
    given, returned = terms.given, terms.returned
    swap.starts_at = max(given.starts_at, next_minute(at))
    swap.lineage, swap.turn, swap.is_whole = given.lineage, given.turn, given.is_whole
    if returned:
        swap.return_starts_at = max(returned.starts_at, next_minute(at))
        swap.return_lineage, swap.return_turn = returned.lineage, returned.turn
        swap.return_is_whole = returned.is_whole
    if swap.starts_at >= swap.ends_at:
        raise DomainError("over", f"This shift of {swap.giver} is over. There is nothing to take.")
    swap.save(update_fields=PINNED)


def _replace(swap: Swap, part: Part, giver: Person, taker: Person, *, at: datetime) -> None:
    Override.objects.create(
        schedule=swap.schedule,
        kind=Override.Kind.REPLACE,
        person=taker,
        replaces=giver,
        swap=swap,
        starts_at=max(part.starts_at, next_minute(at)),
        ends_at=part.ends_at,
        reason=f"{swap.reference}: {swap.note}"[:200] if swap.note else swap.reference,
        created_by=swap.arranged_by or taker,
    )


def _check_effect(swap: Swap, terms: Terms, *, at: datetime) -> None:
    """The engine has the last word: both must be on call in all of what they took."""
    spans = [(part.starts_at, part.ends_at) for part in (terms.given, terms.returned) if part]
    shifts = read_shifts(swap.schedule, spans)
    now = next_minute(at).astimezone(UTC)
    for part, person in ((terms.given, swap.taker), (terms.returned, swap.giver)):
        if part is None or person is None:
            continue
        own = sorted(
            span for each in shifts if each.person == person.slug for span in each.stretches
        )
        if not covers(own, _from(part.stretches, now)):
            raise DomainError(
                "no_effect",
                f"{person} would not be on call in all of this time, since other overrides of "
                f"{swap.schedule} decide it. Ask a roster editor to look at them.",
            )


def _from(stretches: tuple[Span, ...], moment: datetime) -> list[Span]:
    return [(max(since, moment), until) for since, until in stretches if until > moment]


def _call_off_others(swap: Swap, *, at: datetime) -> None:
    """The giver's other offers of the same time have nothing left to offer."""
    others = Swap.objects.open().filter(schedule=swap.schedule, giver=swap.giver)
    others = others.touching(swap.starts_at, swap.ends_at).exclude(pk=swap.pk)
    for other in others.for_display():
        why = f"{swap.taker} has taken the shift ({swap.reference})."
        end(other, Swap.State.CANCELLED, why, at=at, by=None)


def end(swap: Swap, state: Swap.State, why: str, *, at: datetime, by: Person | None) -> bool:
    """Close a swap that is open, and tell those concerned except `by`; False: somebody else did."""
    is_open = Swap.objects.open().filter(pk=swap.pk)
    if not is_open.update(state=state, ended_because=why[:300], settled_at=at):
        return False
    swap.state, swap.ended_because, swap.settled_at = state, why[:300], at
    telling.tell_ended(swap, at=at, by=by)
    return True
