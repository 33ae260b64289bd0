"""What somebody may do about a swap, for every page and the API alike."""

from datetime import datetime
from enum import StrEnum

from django.core.exceptions import PermissionDenied

from roster.actors import Actor
from roster.models import Person, Swap
from roster.swaps.answering import accept, cancel, confirm, decline, give_back
from roster.swaps.telling import people_asked

State = Swap.State


class Step(StrEnum):
    ACCEPT = "accept"
    CONFIRM = "confirm"
    DECLINE = "decline"
    CANCEL = "cancel"
    GIVE_BACK = "give-back"


def steps_for(swap: Swap, person: Person | None, *, may_arrange: bool, at: datetime) -> list[Step]:
    """In the order in which they are offered. `may_arrange`: may decide for other people.

    Up to seven queries while it is open to the whole rotation, none otherwise.
    """
    if swap.state == State.TAKEN:
        can_undo = swap.last_ends_at > at and (may_arrange or is_side(swap, person))
        return [Step.GIVE_BACK] if can_undo else []
    if not swap.is_open:
        return []
    steps = []
    if _can_take(swap, person):
        steps += [Step.ACCEPT, Step.DECLINE]
    if person and person.pk == swap.giver_id and swap.giver_confirmed_at is None:
        steps += [Step.CONFIRM, Step.DECLINE]
    if may_call_off(swap, person, may_arrange=may_arrange) and Step.CONFIRM not in steps:
        steps.append(Step.CANCEL)
    return steps


def carry_out(
    step: Step,
    swap: Swap,
    *,
    by: Actor,
    at: datetime,
    may_arrange: bool,
    despite: bool = False,
) -> Swap:
    """One step, by somebody who may take it. Raises DomainError and PermissionDenied."""
    match step:
        case Step.ACCEPT:
            return accept(swap, by=by, at=at, despite=despite)
        case Step.CONFIRM:
            return confirm(swap, by=by, at=at, despite=despite)
        case Step.DECLINE:
            return decline(swap, by=by, at=at)
    if not may_call_off(swap, by.person, may_arrange=may_arrange):
        raise PermissionDenied
    change = cancel if step == Step.CANCEL else give_back
    return change(swap, by=by, at=at)


def is_side(swap: Swap, person: Person | None) -> bool:
    return person is not None and person.pk in (swap.giver_id, swap.taker_id)


def may_call_off(swap: Swap, person: Person | None, *, may_arrange: bool) -> bool:
    """Whether they may cancel it, or give it back."""
    return may_arrange or is_side(swap, person)


def _can_take(swap: Swap, person: Person | None) -> bool:
    if person is None or swap.state != State.OFFERED or person.pk == swap.giver_id:
        return False
    if person.pk not in {each.pk for each in people_asked(swap)}:
        return False
    return not swap.declined_by.filter(pk=person.pk).exists()
