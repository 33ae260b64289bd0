"""How a swap begins: offered by the giver, asked for by the taker, or arranged by a manager."""

from datetime import datetime

from django.db import transaction

from roster.actors import Actor
from roster.errors import DomainError
from roster.models import Person, Swap
from roster.models.swaps import REFERENCE_PREFIX
from roster.references import next_number
from roster.swaps import telling
from roster.swaps.proposals import Proposal, Terms, examine
from roster.swaps.settling import lock, settle
from roster.swaps.sides import check_side, check_taker, except_from_qualification


def offer(proposal: Proposal, *, by: Actor, at: datetime) -> Swap:
    """Offer a shift, or a part of it, to one person or to everyone who takes turns there.

    Whoever acts has confirmed by that: where it is not the giver, the giver is asked too. The same
    offer again is answered with the one that stands. Raises DomainError.
    """
    with transaction.atomic():
        lock(proposal.schedule)
        terms = examine(proposal, at=at)
        is_giver = by.person == proposal.giver
        if proposal.other:
            # What they take on, they confirm themselves; here only what makes it impossible.
            check_taker(terms, proposal.other, despite=True)
        if is_giver:
            check_side(terms, proposal.giver, despite=proposal.despite)
        if standing := _standing(terms, state=Swap.State.OFFERED):
            return standing
        swap = _enter(
            terms,
            at=at,
            state=Swap.State.OFFERED,
            asked=proposal.other,
            giver_confirmed_at=at if is_giver else None,
        )
        people = telling.people_asked(swap)
        if not people:
            raise DomainError(
                "nobody_to_ask",
                f"Nobody else takes turns on {swap.schedule} then. Offer it to one person.",
                {"other": ["Nobody else takes turns there then. Choose one person."]},
            )
        telling.tell_offered(swap, people, at=at)
        if not is_giver:
            telling.tell_to_confirm(swap, at=at)
    return swap


def take_over(proposal: Proposal, *, by: Actor, at: datetime) -> Swap:
    """“Let me take over”: `proposal.other` would have the giver's shift, who must agree.

    The same request again is answered with the one that stands. Raises DomainError.
    """
    with transaction.atomic():
        lock(proposal.schedule)
        taker = _somebody(proposal)
        terms = examine(proposal, at=at)
        check_taker(terms, taker, despite=proposal.despite)
        if standing := _standing(terms, state=Swap.State.ACCEPTED):
            return standing
        swap = _enter(
            terms,
            at=at,
            state=Swap.State.ACCEPTED,
            asked=taker,
            taker=taker,
            taker_confirmed_at=at,
        )
        telling.tell_to_confirm(swap, at=at)
    return swap


def arrange(proposal: Proposal, *, by: Actor, at: datetime) -> Swap:
    """Somebody who plans the roster decides for both, at once; both are told.

    A taker without the qualification needs `proposal.reason`, which goes on record. Raises
    DomainError.
    """
    with transaction.atomic():
        lock(proposal.schedule)
        taker = _somebody(proposal)
        if standing := _agreed(proposal):
            return standing
        terms = examine(proposal, at=at)
        except_from_qualification(terms, taker, reason=proposal.reason, by=by, at=at)
        check_taker(terms, taker, despite=proposal.despite)
        check_side(terms, proposal.giver, despite=proposal.despite)
        swap = _enter(
            terms,
            at=at,
            state=Swap.State.TAKEN,
            asked=taker,
            taker=taker,
            arranged_by=by.person,
            giver_confirmed_at=at,
            taker_confirmed_at=at,
            settled_at=at,
        )
        settle(swap, terms, at=at)
    return swap


def _somebody(proposal: Proposal) -> Person:
    if proposal.other is None:
        sentence = "Say who takes the shift."
        raise DomainError("other_needed", sentence, {"other": [sentence]})
    return proposal.other


def _standing(terms: Terms, *, state: Swap.State) -> Swap | None:
    """The open swap that asks for exactly this; a double click asks twice."""
    proposal = terms.proposal
    return_starts_at, return_ends_at = proposal.in_return or (None, None)
    same = Swap.objects.for_display().filter(
        schedule=proposal.schedule,
        giver=proposal.giver,
        asked=proposal.other,
        starts_at=proposal.starts_at,
        ends_at=proposal.ends_at,
        return_starts_at=return_starts_at,
        return_ends_at=return_ends_at,
        state=state,
    )
    return same.order_by("-pk").first()


def _agreed(proposal: Proposal) -> Swap | None:
    """The swap that has already done exactly this, and still does."""
    return_starts_at, return_ends_at = proposal.in_return or (None, None)
    same = Swap.objects.for_display().filter(
        schedule=proposal.schedule,
        giver=proposal.giver,
        taker=proposal.other,
        starts_at=proposal.starts_at,
        ends_at=proposal.ends_at,
        return_starts_at=return_starts_at,
        return_ends_at=return_ends_at,
        state=Swap.State.TAKEN,
    )
    return same.order_by("-pk").first()


# The rest are columns of the swap, of any type.
def _enter(terms: Terms, *, at: datetime, **columns: object) -> Swap:
    proposal, given, returned = terms.proposal, terms.given, terms.returned
    return Swap.objects.create(
        number=next_number(REFERENCE_PREFIX),
        schedule=proposal.schedule,
        kind=Swap.Kind.EXCHANGE if returned else Swap.Kind.COVER,
        giver=proposal.giver,
        note=proposal.note[:300],
        created_at=at,
        starts_at=given.starts_at,
        ends_at=given.ends_at,
        lineage=given.lineage,
        turn=given.turn,
        is_whole=given.is_whole,
        return_starts_at=returned.starts_at if returned else None,
        return_ends_at=returned.ends_at if returned else None,
        return_lineage=returned.lineage if returned else None,
        return_turn=returned.turn if returned else None,
        return_is_whole=bool(returned is None or returned.is_whole),
        **columns,
    )
