"""Whether the roles that must be covered round the clock are (R014, R071, R085).

A check of the coverage watch; and real pages as evidence that a person has practised (R110).
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from incidents.models import Page, Role
from roster.confidence import register_busy_source
from roster.coverage import Found, Outlook, register_check, register_practice_source
from roster.coverage.checks import untrained_on
from roster.coverage.found import episodes
from roster.coverage.outlook import training
from roster.models import Coverage, DutyRecord, FindingKind, Schedule


def register() -> None:
    register_check(uncovered_roles)
    register_practice_source(who_answered_pages)
    register_busy_source(with_pages)


def uncovered_roles(outlook: Outlook) -> Iterator[Found]:
    """Roles without a schedule that is in use, with gaps in it, or without trained people.

    Three queries. Gaps of a schedule that must be covered at all times anyway are not told again.
    """
    asked = Role.objects.filter(is_round_the_clock=True)
    roles = list(asked.select_related("schedule", "qualification"))
    known = training(
        outlook.people(),
        {role.qualification_id for role in roles if role.qualification_id},
        outlook.at,
    )
    for role in roles:
        if role.schedule is None:
            words = f"{role} must be covered round the clock, and no schedule covers it."
            yield _found(role, "schedule", words)
        elif not role.schedule.is_active:
            words = f"{role} is covered by {role.schedule}, which is inactive."
            yield _found(role, "inactive", words, role.schedule)
        else:
            yield from _gaps(outlook, role, role.schedule)
            if role.qualification and role.schedule.pk in outlook.turns:
                found = list(untrained_on(outlook, role.schedule, role.qualification, known))
                yield from found
                people = outlook.first_turns(role.schedule)
                if people and len(found) == len(people):
                    words = f"Nobody on {role.schedule} holds “{role.qualification}” for {role}."
                    yield _found(role, "untrained", words, role.schedule)


def who_answered_pages(people: Collection[int]) -> Collection[int]:
    """Those who acknowledged a page of an incident or a drill. One query."""
    answered = Page.objects.filter(person__in=people, state=Page.State.ACKNOWLEDGED)
    return set(answered.values_list("person_id", flat=True))


def with_pages(records: Collection[DutyRecord]) -> Collection[int]:
    """The ids of those in which the person was paged: asked how confident they felt. One query."""
    moments: dict[int, list[datetime]] = {}
    began = min(record.starts_at for record in records)
    pages = Page.objects.filter(person__in={each.person_id for each in records})
    for person, at in pages.filter(created_at__gte=began).values_list("person_id", "created_at"):
        moments.setdefault(person, []).append(at)
    return {
        record.pk
        for record in records
        if any(
            record.starts_at <= at and (record.ends_at is None or at < record.ends_at)
            for at in moments.get(record.person_id, ())
        )
    }


def _gaps(outlook: Outlook, role: Role, schedule: Schedule) -> Iterator[Found]:
    if schedule.coverage == Coverage.ALWAYS:
        return
    stretches = outlook.gaps(schedule, Coverage.ALWAYS)
    for each in episodes(stretches, since=outlook.since, at=outlook.at, until=outlook.until):
        yield Found(
            kind=FindingKind.ROLE_UNCOVERED,
            key=f"role:{role.pk}:gap:{each.mark}",
            schedule=schedule,
            starts_at=each.starts_at,
            ends_at=each.ends_at,
            text=each.text(f"Nobody covers {role}: nobody is on call for {schedule}."),
        )


def _found(role: Role, what: str, text: str, schedule: Schedule | None = None) -> Found:
    key = f"role:{role.pk}:{what}"
    return Found(kind=FindingKind.ROLE_UNCOVERED, key=key, schedule=schedule, text=text)
