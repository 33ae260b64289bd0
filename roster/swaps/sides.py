"""Whether one side of a swap may take what it is to get, and what stands against it."""

from collections.abc import Sequence
from datetime import datetime

from roster.actors import Actor
from roster.conflicts import Conflict, Span, conflicts_of
from roster.errors import DomainError
from roster.models import FindingKind, Person
from roster.qualification import allow_exception, check_turns
from roster.swaps.proposals import Terms, refused


def conflicts_for(terms: Terms, person: Person) -> list[Conflict]:
    """What stands against a side having the other's part; none for a giver who gets nothing.

    Whoever is not the giver is taken for the taker. As many queries as `conflicts_of`.
    """
    schedule = terms.proposal.schedule
    gets, gives = terms.given, terms.returned
    if person.pk == terms.proposal.giver.pk:
        if terms.returned is None:
            return []
        gets, gives = terms.returned, terms.given
    giving = [(schedule, *span) for span in gives.stretches] if gives else []
    return conflicts_of([person], schedule, gets.stretches, giving=giving)[person.pk]


def check_side(terms: Terms, person: Person, *, despite: bool) -> None:
    """Raise DomainError if this side cannot have it, or unless it wants it `despite` conflicts."""
    found = conflicts_for(terms, person)
    if already := [each for each in found if is_same_schedule(each)]:
        raise DomainError(
            "already_on_call",
            f"{already[0].text[:-1]} in a part of this time. "
            "Somebody else has to take it, or there would be one person fewer.",
        )
    serious = serious_of(found)
    if serious and not despite:
        named = " ".join(dict.fromkeys(each.text for each in serious))
        raise DomainError("conflicts", f"{named} Take it anyway, or leave it to somebody else.")


def check_taker(terms: Terms, taker: Person, *, despite: bool) -> None:
    """The same for the taker, who must be trained for the schedule as well."""
    if not taker.is_active:
        sentence = f"{taker} is inactive and cannot be on call. Choose somebody else."
        raise refused("inactive", sentence, "other")
    schedule = terms.proposal.schedule
    if check_turns(schedule, [taker], terms.given.starts_at):
        sentence = (
            f"{taker} does not hold “{schedule.qualification}”, which {schedule} asks for. "
            "Choose somebody who does, or ask a roster editor to arrange it."
        )
        raise refused("unqualified", sentence, "other")
    check_side(terms, taker, despite=despite)


def except_from_qualification(
    terms: Terms, taker: Person, *, reason: str, by: Actor, at: datetime
) -> None:
    """Where the taker is not trained: put on record why `by` lets them. Nothing otherwise.

    Raises DomainError without a reason.
    """
    schedule = terms.proposal.schedule
    qualification = schedule.qualification
    if qualification is None or not check_turns(schedule, [taker], terms.given.starts_at):
        return
    allow_exception(
        taker,
        qualification,
        where=str(schedule),
        schedule=schedule,
        reason=reason,
        by=by,
        at=at,
    )


def serious_of(conflicts: Sequence[Conflict]) -> list[Conflict]:
    """Those that must be confirmed; of time off people know themselves, it is only pointed out."""
    return [each for each in conflicts if each.kind != FindingKind.TIME_OFF]


def is_same_schedule(conflict: Conflict) -> bool:
    """Whether somebody is on call for this very schedule already: nobody is twice."""
    is_double = conflict.kind == FindingKind.TWO_PRIMARIES
    return is_double and bool(conflict.other and conflict.other.pk == conflict.schedule.pk)


def covers(stretches: Sequence[Span], wanted: Sequence[Span]) -> bool:
    """Whether the first leave out nothing of the second; both by start, in UTC."""
    for since, until in wanted:
        reached = since
        for begins, ends in stretches:
            if begins <= reached:
                reached = max(reached, ends)
        if reached < until:
            return False
    return True
