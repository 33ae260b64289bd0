"""What people answer: yes, no, not any more; and what happens when nobody does.

Whoever initiates has confirmed by that; a swap takes effect in the moment in which the second side
says yes. The first to take it wins, whatever happens at once: state changes are conditional.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from roster.actors import Actor
from roster.errors import DomainError
from roster.models import Override, Person, Swap
from roster.swaps import telling
from roster.swaps.settling import end, lock, next_minute, settle, withdraw
from roster.swaps.sides import check_side, check_taker
from roster.swaps.standing import terms_of, what_became, without_fields

State = Swap.State


def accept(swap: Swap, *, by: Actor, at: datetime, despite: bool = False) -> Swap:
    """`by` takes it, `despite` what stands against it; answer the swap as it is now.

    It takes effect unless the giver has yet to confirm. By the one who took it, a second time does
    nothing. Raises DomainError if somebody was faster, or the shift is no longer the giver's.
    """
    person = _person(by)
    with transaction.atomic():
        swap = _locked(swap)
        if swap.taker_id == person.pk and swap.state in (State.ACCEPTED, State.TAKEN):
            return swap
        _check_can_be_taken(swap)
        if person.pk not in {each.pk for each in telling.people_asked(swap)}:
            raise DomainError("not_asked", f"{swap.reference} is offered to others. {_how(swap)}")
        terms = terms_of(swap, other=person, at=at)
        without_fields(lambda: check_taker(terms, person, despite=despite))
        is_agreed = swap.giver_confirmed_at is not None
        _step(
            swap,
            State.OFFERED,
            state=State.TAKEN if is_agreed else State.ACCEPTED,
            taker=person,
            taker_confirmed_at=at,
            settled_at=at if is_agreed else None,
        )
        if is_agreed:
            settle(swap, terms, at=at)
        else:
            telling.tell_to_confirm(swap, at=at)
    return swap


def confirm(swap: Swap, *, by: Actor, at: datetime, despite: bool = False) -> Swap:
    """The giver agrees; with a taker it takes effect. A second time does nothing.

    `despite` is about what the giver gets in return. Raises DomainError.
    """
    person = _person(by)
    with transaction.atomic():
        swap = _locked(swap)
        _check_is_giver(swap, person)
        if swap.giver_confirmed_at and swap.state in (State.OFFERED, State.TAKEN):
            return swap
        if not swap.is_open:
            raise _ended(swap)
        terms = terms_of(swap, other=swap.taker or swap.asked, at=at)
        check_side(terms, person, despite=despite)
        taker = swap.taker
        if taker is None:
            _step(swap, State.OFFERED, giver_confirmed_at=at)
            return swap
        without_fields(lambda: check_taker(terms, taker, despite=True))
        _step(swap, State.ACCEPTED, state=State.TAKEN, giver_confirmed_at=at, settled_at=at)
        settle(swap, terms, at=at)
    return swap


def decline(swap: Swap, *, by: Actor, at: datetime) -> Swap:
    """Say no: the giver to a request, the one asked, or one of many, whose no ends nothing.

    The last of many to say no ends it. A second time does nothing. Raises DomainError.
    """
    person = _person(by)
    with transaction.atomic():
        swap = _locked(swap)
        if swap.state == State.DECLINED:
            return swap
        if not swap.is_open:
            raise _ended(swap)
        if person.pk == swap.giver_id and swap.giver_confirmed_at is None:
            end(swap, State.DECLINED, f"{person} keeps the shift.", at=at, by=person)
            return swap
        if swap.state == State.ACCEPTED and swap.taker_id == person.pk:
            raise DomainError(
                "already_accepted", f"You have said yes to {swap.reference}. Call it off."
            )
        asked = {each.pk for each in telling.people_asked(swap)}
        if person.pk not in asked:
            raise DomainError("not_asked", f"{swap.reference} is offered to others. {_how(swap)}")
        if swap.asked_id is None:
            swap.declined_by.add(person)
            if not asked <= set(swap.declined_by.values_list("pk", flat=True)):
                return swap
        said_no = f"{person} cannot take it." if swap.asked_id else "Nobody who was asked can."
        end(swap, State.DECLINED, said_no, at=at, by=person)
    return swap


def cancel(swap: Swap, *, by: Actor, at: datetime) -> Swap:
    """Call an open swap off, by a side or a manager (the caller checks). Twice does nothing."""
    with transaction.atomic():
        swap = _locked(swap)
        if swap.state == State.CANCELLED:
            return swap
        if swap.state == State.TAKEN:
            raise DomainError("already_taken", f"{swap.reference} is agreed. Give it back instead.")
        if not swap.is_open:
            raise _ended(swap)
        end(swap, State.CANCELLED, f"{by.name} called it off.", at=at, by=by.person)
    return swap


def give_back(swap: Swap, *, by: Actor, at: datetime) -> Swap:
    """Undo an agreed swap, by a side or a manager (the caller checks): what is to come of it.

    Each is on call again as without it, and the other side is told. Twice does nothing. Raises
    DomainError if it is over, or the shift was passed on to a third person.
    """
    with transaction.atomic():
        swap = _locked(swap)
        if swap.state == State.UNDONE:
            return swap
        if swap.state != State.TAKEN:
            raise DomainError(
                "not_taken", f"{swap.reference} is not agreed. There is nothing to give back."
            )
        moment = next_minute(at)
        if swap.last_ends_at <= moment:
            raise DomainError("over", f"{swap.reference} is over, and stays on record.")
        _check_not_passed_on(swap, moment)
        taken = Swap.objects.filter(pk=swap.pk, state=State.TAKEN)
        why = f"{by.name} gave it back."
        if not taken.update(state=State.UNDONE, ended_because=why):
            raise _ended(swap)
        swap.state, swap.ended_because = State.UNDONE, why
        withdraw(swap, at=at)
        telling.tell_ended(swap, at=at, by=by.person)
    return swap


def lapse_due(*, at: datetime, limit: int = 100) -> int:
    """End open swaps whose shift has begun, or is over if it had begun already when offered.

    The step of a sweep: answer how many there were.
    """
    begun = Q(starts_at__lte=at, starts_at__gt=F("created_at"))
    due = Swap.objects.open().filter(begun | Q(return_starts_at__lte=at) | Q(ends_at__lte=at))
    count = 0
    for swap in due.for_display().order_by("starts_at", "pk")[:limit]:
        with transaction.atomic():
            count += end(swap, State.LAPSED, "Nobody took it before it began.", at=at, by=None)
    return count


def _person(by: Actor) -> Person:
    if by.person is None:
        raise DomainError(
            "no_person", "Your login belongs to no person of the roster. Ask a roster editor."
        )
    return by.person


def _locked(swap: Swap) -> Swap:
    """As the database has it, while nobody else may settle a swap of the schedule."""
    lock(swap.schedule)
    return Swap.objects.for_display().get(pk=swap.pk)


# Columns of the swap, of any type.
def _step(swap: Swap, from_state: State, **columns: object) -> None:
    if not Swap.objects.filter(pk=swap.pk, state=from_state).update(**columns):
        raise _ended(swap)
    for name, value in columns.items():
        setattr(swap, name, value)


def _check_is_giver(swap: Swap, person: Person) -> None:
    if person.pk != swap.giver_id:
        raise DomainError("not_yours", f"Only {swap.giver} can confirm {swap.reference}.")


def _check_can_be_taken(swap: Swap) -> None:
    if swap.taker and swap.state in (State.ACCEPTED, State.TAKEN):
        raise DomainError(
            "taken", f"{swap.taker} was faster and takes it. You are not on call for it."
        )
    if not swap.is_open:
        raise _ended(swap)


def _check_not_passed_on(swap: Swap, moment: datetime) -> None:
    for own in swap.overrides.filter(ends_at__gt=moment):
        later = Override.objects.filter(
            kind=Override.Kind.REPLACE,
            schedule=swap.schedule,
            replaces=own.person_id,
            pk__gt=own.pk,
        )
        passed = later.within(max(own.starts_at, moment), own.ends_at).exclude(swap=swap)
        if found := passed.select_related("person", "replaces").first():
            raise DomainError(
                "passed_on",
                f"{found.replaces} has passed it on to {found.person}. Undo that first.",
            )


def _ended(swap: Swap) -> DomainError:
    return DomainError("swap_ended", what_became(swap))


def _how(swap: Swap) -> str:
    return f"Ask {swap.giver} to offer it to you."
