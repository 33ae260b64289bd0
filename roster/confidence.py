"""How confident people feel after shifts: asked once in a while, answered by a link (R172).

Asked after a shift in which the person was paged, and after a shift beside somebody. Never a
measure of anybody: shown to the person and to roster editors.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from django.db import transaction

from roster.errors import DomainError
from roster.models import (
    ConfidenceRating,
    DutyRecord,
    Notice,
    NoticeKind,
    Person,
    Schedule,
    Shadowing,
)
from roster.notices import tell_all

# What ended longer ago is not asked about: the memory has gone.
ASK_WITHIN = timedelta(days=1)
# Nobody is asked twice within this time.
ASK_EVERY = timedelta(days=7)
BATCH = 200

type BusySource = Callable[[Collection[DutyRecord]], Collection[int]]
"""From duty records to the ids of those in which the person had something to do."""

_busy_sources: list[BusySource] = []


def register_busy_source(source: BusySource) -> None:
    """Let another app say in which shifts a person was paged. Registering twice is one."""
    if source not in _busy_sources:
        _busy_sources.append(source)


def ask_due(*, at: datetime) -> int:
    """Ask everybody whose shift has just ended; answer how many were. A constant number of
    queries. Asking again asks nobody: notices are known by what they ask about.
    """
    candidates = [*_after_shadowing(at), *_after_busy_shifts(at)]
    known = set(
        Notice.objects.filter(key__in=[key for key, _, _ in candidates]).values_list(
            "key", flat=True
        )
    )
    asked_lately = set(
        Notice.objects.filter(
            kind=NoticeKind.CONFIDENCE_ASKED,
            created_at__gt=at - ASK_EVERY,
            person__in=[person for _, person, _ in candidates],
        ).values_list("person_id", flat=True)
    )
    notices: dict[int, Notice] = {}
    for key, person, schedule in candidates:
        if key not in known and person.pk not in asked_lately and person.is_active:
            data = {"schedule": schedule.pk}
            notices.setdefault(
                person.pk,
                Notice(
                    key=key,
                    kind=NoticeKind.CONFIDENCE_ASKED,
                    person=person,
                    data=data,
                    created_at=at,
                    due_at=at,
                ),
            )
    if notices:
        tell_all(notices.values())
    return len(notices)


def rate(notice: Notice, *, to_respond: int, to_lead: int, note: str, at: datetime) -> None:
    """Keep the answer to a question. Raises DomainError if it was answered already."""
    with transaction.atomic():
        Notice.objects.select_for_update(of=("self",)).get(pk=notice.pk)
        if has_answered(notice):
            raise DomainError("rated_already", "You have answered this already. Thank you.")
        schedule = Schedule.objects.filter(pk=notice.data.get("schedule")).first()
        ConfidenceRating.objects.create(
            person=notice.person,
            schedule=schedule,
            to_respond=to_respond,
            to_lead=to_lead,
            note=note,
            at=at,
        )


def has_answered(notice: Notice) -> bool:
    """Whether the person has rated themselves since they were asked. One query."""
    return ConfidenceRating.objects.filter(
        person=notice.person_id, at__gte=notice.created_at
    ).exists()


type _Candidate = tuple[str, Person, Schedule]


def _after_shadowing(at: datetime) -> Iterable[_Candidate]:
    """The learner: who watched, or who led while a mentor stood by."""
    over = Shadowing.objects.filter(ends_at__gt=at - ASK_WITHIN, ends_at__lte=at)
    for row in over.select_related("person", "follows", "schedule").order_by("ends_at")[:BATCH]:
        learner = row.person if row.kind == Shadowing.Kind.SHADOW else row.follows
        if learner:
            yield f"confidence-shadowing-{row.pk}", learner, row.schedule


def _after_busy_shifts(at: datetime) -> Iterable[_Candidate]:
    ended = DutyRecord.objects.filter(ends_at__gt=at - ASK_WITHIN, ends_at__lte=at)
    records = list(ended.select_related("person", "schedule").order_by("ends_at")[:BATCH])
    busy = {pk for source in _busy_sources for pk in source(records)} if records else set()
    for record in records:
        if record.pk in busy:
            yield f"confidence-duty-{record.pk}", record.person, record.schedule
