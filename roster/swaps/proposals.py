"""What is asked for, and whether it makes sense: before anybody is bothered, and again when it
takes effect, since the roster may have been edited in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from roster import oncall
from roster.conflicts import Span
from roster.errors import DomainError
from roster.models import Override, Person, Schedule, Swap
from roster.models.schedules import ENTRY_GRACE
from roster.swaps.parts import REACH, OwnShift, Part, own_shifts, part_of

# Rotations are edited; an agreement beyond this is about a shift that hardly anybody can know.
FURTHEST = timedelta(days=2 * 366)
MINUTE = timedelta(minutes=1)
SHIFTS_NAMED = 3


@dataclass(frozen=True)
class Proposal:
    """`giver` gives `[starts_at, ends_at)` away: to `other`, or to anyone of the rotation (None).

    With `in_return` it is an exchange, against that span of the other's. `despite` says that the
    person who acts knows what stands against it and wants it anyway.
    """

    schedule: Schedule
    giver: Person
    starts_at: datetime
    ends_at: datetime
    other: Person | None = None
    in_return: Span | None = None
    note: str = ""
    despite: bool = False
    reason: str = ""  # why somebody unqualified may take it, from whoever arranges it


@dataclass(frozen=True)
class Terms:
    """A proposal held against the roster: what each side would give."""

    proposal: Proposal
    given: Part
    returned: Part | None

    @property
    def begins_at(self) -> datetime:
        return min(part.starts_at for part in (self.given, self.returned) if part)


def examine(proposal: Proposal, *, at: datetime) -> Terms:
    """The terms of a proposal that makes sense. Raises DomainError, on the field at fault.

    Four queries, and up to three more where something is the matter.
    """
    if not proposal.schedule.is_active:
        raise DomainError(
            "schedule_inactive", f"{proposal.schedule} is out of use. Nobody is on call for it."
        )
    _check_people(proposal)
    proposal = replace(proposal, starts_at=_started_just_now(proposal.starts_at, at))
    _check_span(proposal.starts_at, proposal.ends_at, "", at)
    spans = [(proposal.starts_at, proposal.ends_at)]
    if proposal.in_return:
        _check_span(*proposal.in_return, "return_", at)
        _check_apart(proposal)
        spans.append(proposal.in_return)
    shifts = read_shifts(proposal.schedule, spans)
    given = _part(shifts, proposal, proposal.giver, spans[0], "", at)
    returned = None
    if proposal.in_return and proposal.other:
        returned = _part(shifts, proposal, proposal.other, spans[1], "return_", at)
    return Terms(proposal, given, returned)


def read_shifts(schedule: Schedule, spans: Sequence[Span]) -> list[OwnShift]:
    """Everybody's shifts around these spans, so far around that they are whole."""
    start = min(span[0] for span in spans).astimezone(UTC) - REACH
    end = max(span[1] for span in spans).astimezone(UTC) + REACH
    return own_shifts(oncall.definition_of(schedule, start, end), start, end)


def span_text(start: datetime, end: datetime, zone: str) -> str:
    """“Mon 2 Mar 09:00 to Mon 9 Mar 09:00 GMT”, read off the clock of a zone."""
    info = ZoneInfo(zone)
    begins, ends = start.astimezone(info), end.astimezone(info)
    if begins.date() == ends.date():
        return f"{begins:%a %-d %b %H:%M} to {ends:%H:%M %Z}"
    return f"{begins:%a %-d %b %H:%M} to {ends:%a %-d %b %H:%M %Z}"


def _check_people(proposal: Proposal) -> None:
    other = proposal.other
    if other is None:
        if proposal.in_return:
            sentence = "An exchange is with one person. Say with whom."
            raise DomainError("other_needed", sentence, {"other": [sentence]})
        return
    if other.pk == proposal.giver.pk:
        sentence = "Nobody swaps with themselves. Choose somebody else."
        raise DomainError("swap_with_oneself", sentence, {"other": [sentence]})
    if not other.is_active:
        sentence = f"{other} is inactive and cannot be on call. Choose somebody else."
        raise DomainError("inactive", sentence, {"other": [sentence]})


def _started_just_now(start: datetime, at: datetime) -> datetime:
    """Someone who means “from now on” needs a moment to press the button."""
    return at.replace(second=0, microsecond=0) if at - ENTRY_GRACE <= start <= at else start


def _check_span(start: datetime, end: datetime, prefix: str, at: datetime) -> None:
    if start < at - MINUTE:
        sentence = "This has passed. Who was on call then stays as it was."
        raise refused("in_the_past", sentence, f"{prefix}starts_at")
    if end <= start:
        sentence = "The part given away must end after it starts."
        raise refused("ends_before_start", sentence, f"{prefix}ends_at")
    if end > at + FURTHEST:
        sentence = "Swaps reach two years ahead. Choose an earlier shift."
        raise refused("too_far", sentence, f"{prefix}ends_at")
    for name, moment in ((f"{prefix}starts_at", start), (f"{prefix}ends_at", end)):
        if moment.second or moment.microsecond:
            raise refused("whole_minute", "Times are whole minutes.", name)


def _check_apart(proposal: Proposal) -> None:
    start, end = proposal.in_return or (proposal.ends_at, proposal.ends_at)
    if start < proposal.ends_at and end > proposal.starts_at:
        sentence = "These two overlap: there is nothing to exchange. Choose another shift."
        raise refused("overlap", sentence, "return_starts_at")


def _part(
    shifts: Sequence[OwnShift],
    proposal: Proposal,
    person: Person,
    span: Span,
    prefix: str,
    at: datetime,
) -> Part:
    part = part_of(shifts, person, *span, at=at)
    if part is None:
        raise _not_on_call(shifts, proposal.schedule, person, span, f"{prefix}starts_at")
    _check_not_listed(shifts, person, part, f"{prefix}starts_at")
    return part


def _not_on_call(
    shifts: Sequence[OwnShift], schedule: Schedule, person: Person, span: Span, field: str
) -> DomainError:
    """Why not, and when they are."""
    taken = Swap.objects.filter(state=Swap.State.TAKEN, schedule=schedule, giver=person)
    swap = taken.touching(*span).select_related("taker").order_by("-pk").first()
    if swap:
        sentence = f"{swap.taker} has taken this from {person} ({swap.reference})."
        return refused("already_swapped", sentence, field)
    when = span_text(*span, schedule.time_zone)
    own = [each for each in shifts if each.person == person.slug]
    near = sorted(own, key=lambda each: abs(each.starts_at - span[0]))[:SHIFTS_NAMED]
    named = "; ".join(
        span_text(each.starts_at, each.ends_at, schedule.time_zone)
        for each in sorted(near, key=lambda each: each.starts_at)
    )
    where = f"They are: {named}." if named else "They are not at any time near it."
    sentence = f"{person} is not on call for {schedule} in all of {when}. {where}"
    return refused("not_on_call", sentence, field)


def _check_not_listed(shifts: Sequence[OwnShift], person: Person, part: Part, field: str) -> None:
    """Within a temporary schedule no stand-in counts (rule 7): that list itself must change."""
    keys = [
        each.override
        for each in shifts
        if each.person == person.slug
        and each.override
        and each.within(part.starts_at, part.ends_at)
    ]
    listed = Override.objects.filter(pk__in=keys, kind=Override.Kind.TEMPORARY)
    if keys and listed.exists():
        sentence = (
            "This time is set by a temporary schedule, which no swap changes. "
            "Ask a roster editor to change that one."
        )
        raise refused("temporary", sentence, field)


def refused(code: str, sentence: str, field: str) -> DomainError:
    return DomainError(code, sentence, {field: [sentence]})
