"""People beside the person on call: they receive copies of the pages, and hold no duty (R172).

Nothing here decides who is on call, and an escalation never counts an observer.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from roster import oncall
from roster.errors import DomainError
from roster.models import Person, Schedule, Shadowing


def observers(schedules: Iterable[Schedule], at: datetime) -> dict[int, list[Shadowing]]:
    """Who stands beside whom at a moment, by schedule id; an empty list where nobody does.

    Active people only. One query.
    """
    found: dict[int, list[Shadowing]] = {schedule.pk: [] for schedule in schedules}
    rows = Shadowing.objects.at(at).filter(schedule__in=found, person__is_active=True)
    for row in rows.select_related("person", "follows", "schedule").order_by("pk"):
        found[row.schedule_id].append(row)
    return found


def beside(shadowings: Iterable[Shadowing], person: Person) -> list[Shadowing]:
    """Those of them that follow this person: by name, or as whoever is on call."""
    return [
        each
        for each in shadowings
        if each.person_id != person.pk and each.follows_id in (None, person.pk)
    ]


def arrange(shadowing: Shadowing, *, at: datetime) -> Shadowing:
    """Enter a shadowing. Refusals name the field: over already, double, or on call oneself."""
    refuse_impossible(shadowing, at=at)
    with transaction.atomic():
        shadowing.save()
    return shadowing


def refuse_impossible(shadowing: Shadowing, *, at: datetime) -> None:
    """Raise DomainError for a shadowing that makes no sense. Seven queries at most."""
    if shadowing.ends_at <= shadowing.starts_at:
        raise _refusal("ends_at", "ends_before_start", "Shadowing must end after it starts.")
    if shadowing.ends_at <= at:
        raise _refusal("ends_at", "shadowing_over", "This has passed already. Choose a later end.")
    if shadowing.follows_id == shadowing.person_id:
        raise _refusal("follows", "shadows_oneself", "Nobody shadows themselves.")
    if shadowing.kind == Shadowing.Kind.REVERSE and shadowing.follows_id is None:
        raise _refusal(
            "follows",
            "trainee_needed",
            "Say which trainee this person stands by.",
        )
    for field in ("person", "follows"):
        each = getattr(shadowing, field)
        if each and not each.is_active:
            raise _refusal(field, "person_inactive", f"{each} is no longer active.")
    _refuse_double(shadowing)
    _refuse_on_call(shadowing)


def _refuse_double(shadowing: Shadowing) -> None:
    others = Shadowing.objects.within(shadowing.starts_at, shadowing.ends_at).exclude(
        pk=shadowing.pk
    )
    double = others.filter(schedule=shadowing.schedule_id, person=shadowing.person_id)
    if double.exists():
        raise _refusal(
            "starts_at",
            "shadowing_overlaps",
            f"{shadowing.person} shadows on {shadowing.schedule} in this time already.",
        )


def _refuse_on_call(shadowing: Shadowing) -> None:
    shifts = oncall.shifts_between(shadowing.schedule, shadowing.starts_at, shadowing.ends_at)
    if any(each.person.pk == shadowing.person_id for each in shifts):
        raise _refusal(
            "person",
            "on_call_oneself",
            f"{shadowing.person} is on call on {shadowing.schedule} in this time, and is paged "
            "anyway. Choose other hours.",
        )


def _refusal(field: str, code: str, message: str) -> DomainError:
    return DomainError(code, message, {field: [message]})
