"""How things stand with a swap: what it is about by now, what is against it, what became of it."""

from collections.abc import Callable
from datetime import datetime

from roster.conflicts import Conflict
from roster.errors import DomainError
from roster.models import Person, Swap
from roster.swaps.proposals import Proposal, Terms, examine
from roster.swaps.settling import next_minute
from roster.swaps.sides import conflicts_for

State = Swap.State


def terms_of(swap: Swap, *, other: Person | None, at: datetime) -> Terms:
    """What was offered, as the roster has it now: of a shift that has begun, the rest."""
    in_return = None
    if swap.return_starts_at and swap.return_ends_at:
        in_return = swap.return_starts_at, swap.return_ends_at
    was_running = swap.starts_at <= swap.created_at
    proposal = Proposal(
        schedule=swap.schedule,
        giver=swap.giver,
        starts_at=max(swap.starts_at, next_minute(at)) if was_running else swap.starts_at,
        ends_at=swap.ends_at,
        other=other,
        in_return=in_return,
    )
    if proposal.starts_at >= proposal.ends_at or (not was_running and swap.first_starts_at <= at):
        raise DomainError(
            "begun", f"This shift of {swap.giver} has begun. Offer, or take over, the rest of it."
        )
    return without_fields(lambda: examine(proposal, at=at))


def conflicts_about(swap: Swap, person: Person, *, at: datetime) -> list[Conflict]:
    """What stands against this person getting what the swap would give them; for its pages.

    Nothing where the swap makes no sense any more: whoever tries is told why. Some twelve queries.
    """
    if not swap.is_open:
        return []
    other = swap.taker or swap.asked if person.pk == swap.giver_id else person
    try:
        return conflicts_for(terms_of(swap, other=other, at=at), person)
    except DomainError:
        return []


def what_became(swap: Swap) -> str:
    """One sentence for somebody who comes too late."""
    match swap.state:
        case State.TAKEN:
            return f"{swap.reference} is agreed: {swap.taker} takes the shift of {swap.giver}."
        case State.ACCEPTED:
            return f"{swap.taker} wants to take it. {swap.giver} has to confirm."
        case State.OFFERED:
            return f"{swap.reference} is still on offer."
    return f"{swap.reference} is off. {swap.ended_because}".strip()


def without_fields[Answer](ask: Callable[[], Answer]) -> Answer:
    """A refusal here is about how things stand by now, not about what somebody typed."""
    try:
        return ask()
    except DomainError as error:
        raise DomainError(error.code, error.message) from error
