"""Overrides that a roster editor enters, changes and takes back; whoever it concerns is told.

One that has begun can only be cut short: what it has answered stays. One that a swap or a calendar
made is changed there.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction

from roster.actors import Actor
from roster.errors import DomainError
from roster.models import Override, OverrideShift, Person, Schedule
from roster.models.schedules import ENTRY_GRACE
from roster.qualification import put_on_duty
from roster.shift_changes import Telling, told
from roster.watch import prove_soon

PASSED = "This has passed. Who was on call then stays as it was."
# What stays as it is once it has begun.
CLOSED_FIELDS = ("schedule_id", "kind", "person_id", "replaces_id", "starts_at")


def enter_override(
    override: Override, shifts: Sequence[OverrideShift] = (), *, by: Actor, at: datetime
) -> Telling:
    """Save a new override, with the shifts it lists if it is of that kind.

    Somebody without the qualification that the schedule asks for needs a reason, kept on record.
    """
    _refuse_past(override.starts_at, "starts_at", at)
    _refuse_past(override.ends_at, "ends_at", at)
    refuse_unsound_shifts(override, shifts)
    override.created_by = by.person
    with _changing(override.schedule, by=by, at=at) as telling:
        _check_training(override, shifts, by=by, at=at)
        override.save()
        _list_shifts(override, shifts)
    return telling


def change_override(
    override: Override,
    shifts: Sequence[OverrideShift] | None = None,
    *,
    by: Actor,
    at: datetime,
) -> Telling:
    """Save an edited override; `shifts` None leaves the list as it is.

    Raises DomainError if it is over, if more than the end or the reason of one that has begun is
    different, or if it was made elsewhere.
    """
    stored = Override.objects.select_related("schedule", "person").get(pk=override.pk)
    _refuse_foreign(stored)
    _refuse_over(stored, at)
    if stored.has_begun(at):
        _refuse_rewriting(stored, override, shifts)
    elif override.starts_at != stored.starts_at:
        _refuse_past(override.starts_at, "starts_at", at)
    if override.ends_at != stored.ends_at:
        _refuse_past(override.ends_at, "ends_at", at)
    listed = list(stored.shifts.select_related("person")) if shifts is None else shifts
    if not stored.has_begun(at):
        refuse_unsound_shifts(override, listed)
    with _changing(stored.schedule, by=by, at=at) as telling:
        if not stored.has_begun(at):
            _check_training(override, listed, by=by, at=at)
        override.save()
        if shifts is not None and not stored.has_begun(at):
            override.shifts.all().delete()
            _list_shifts(override, shifts)
    return telling


def withdraw_override(override: Override, *, by: Actor, at: datetime) -> Telling:
    """Take it back as `take_back` does, and tell whose shifts change."""
    with told(override.schedule, at=at, by=by.person, by_name=by.name) as telling:
        take_back(override, at=at)
    return telling


def take_back(override: Override, *, at: datetime) -> None:
    """Remove one to come, end one that is running: the rotation answers again."""
    _refuse_foreign(override)
    with transaction.atomic():
        override.withdraw(at=at)
        prove_soon([override.schedule_id], at=at)


@contextmanager
def _changing(schedule: Schedule, *, by: Actor, at: datetime) -> Iterator[Telling]:
    """One transaction, at whose end people are told and the coverage is due to be proven."""
    with transaction.atomic():
        Schedule.objects.select_for_update().get(pk=schedule.pk)
        with told(schedule, at=at, by=by.person, by_name=by.name) as telling:
            yield telling
        prove_soon([schedule.pk], at=at)


def shift_problems(
    override: Override, shifts: Sequence[OverrideShift]
) -> dict[int, tuple[str, str]]:
    """What is wrong with the shifts listed: by place in the list, the field and the sentence."""
    found: dict[int, tuple[str, str]] = {}
    for number, shift in enumerate(shifts):
        if shift.ends_at <= shift.starts_at:
            found[number] = ("ends_at", "A shift must end after it starts.")
        elif shift.starts_at < override.starts_at:
            found[number] = ("starts_at", "This is before the override starts.")
        elif shift.ends_at > override.ends_at:
            found[number] = ("ends_at", "This is after the override ends.")
        elif not shift.person.is_active:
            found[number] = ("person", f"{shift.person} is inactive and cannot be put on call.")
    return found


def refuse_unsound_shifts(override: Override, shifts: Sequence[OverrideShift]) -> None:
    if (override.kind == Override.Kind.TEMPORARY) != bool(shifts):
        sentence = (
            "Leave this empty: only “the shifts listed count” has shifts of its own."
            if shifts
            else "List at least one shift: without any, nobody would be on call."
        )
        raise DomainError("invalid", sentence, {"shifts": [sentence]})
    problems = shift_problems(override, shifts)
    if problems:
        fields = {f"shifts[{number}].{name}": [said] for number, (name, said) in problems.items()}
        raise DomainError("invalid", next(iter(problems.values()))[1], fields)


def people_put_on_call(override: Override, shifts: Iterable[OverrideShift] = ()) -> list[Person]:
    """Whom an override makes be on call."""
    if override.kind == Override.Kind.REMOVE:
        return []
    return [*([override.person] if override.person else []), *(shift.person for shift in shifts)]


def _check_training(
    override: Override, shifts: Iterable[OverrideShift], *, by: Actor, at: datetime
) -> None:
    people = people_put_on_call(override, shifts)
    put_on_duty(override.schedule, people, reason=override.reason, by=by, at=at)


def _list_shifts(override: Override, shifts: Sequence[OverrideShift]) -> None:
    for shift in shifts:
        shift.pk, shift.override = None, override
    OverrideShift.objects.bulk_create(shifts)


def _refuse_past(moment: datetime, name: str, at: datetime) -> None:
    if moment < at - ENTRY_GRACE:
        raise DomainError("invalid", PASSED, {name: [PASSED]})


def _refuse_foreign(override: Override) -> None:
    if override.swap_id:
        raise DomainError("of_swap", f"{override} comes from a swap. Give the swap back to end it.")
    if override.calendar_id:
        raise DomainError(
            "of_calendar", f"{override} comes from a calendar. Change the event there."
        )


def _refuse_over(override: Override, at: datetime) -> None:
    if override.ends_at <= at:
        raise DomainError(
            "override_over", f"{override} is over, and stays on record. Enter a new override."
        )


def _refuse_rewriting(
    stored: Override, override: Override, shifts: Sequence[OverrideShift] | None
) -> None:
    sentence = "This has begun. End it, and enter a new override for the rest."
    fields = {
        name.removesuffix("_id"): [sentence]
        for name in CLOSED_FIELDS
        if getattr(stored, name) != getattr(override, name)
    }
    if shifts is not None and _lines(shifts) != _lines(stored.shifts.all()):
        fields["shifts"] = [sentence]
    if fields:
        raise DomainError("begun", sentence, fields)


def _lines(shifts: Iterable[OverrideShift]) -> list[tuple[int, datetime, datetime]]:
    return sorted((each.person_id, each.starts_at, each.ends_at) for each in shifts)
