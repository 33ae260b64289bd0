"""Telling the roster editors, and team leads of their own schedules, what a proof found anew.

One message a proof at most, some minutes later, when what was only half done may be whole again.
Being on call during time off is told by itself, some days ahead, to the person concerned too.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model

from roster.coverage import expiry
from roster.models import CoverageFinding, FindingKind, Notice, NoticeKind, Person, Urgency
from roster.notices import tell_all

PERMISSION = "roster.resolve_coverage"
_PERMISSIONS_BY = "django.contrib.auth.backends.ModelBackend"
# Whoever edits a rotation in several steps is not told of what the steps leave open.
PATIENCE = timedelta(minutes=5)
# A gap so near is no matter for the morning.
NEAR = timedelta(hours=2)


def editors() -> list[Person]:
    """Active people whose login is told of findings, superusers included. One query."""
    logins = get_user_model()._default_manager.with_perm(PERMISSION, backend=_PERMISSIONS_BY)
    return list(Person.objects.active().filter(user__in=logins).order_by("pk"))


def tell_news(*, at: datetime) -> None:
    """Write the notices for findings that nobody was told of. Constant queries, two if none."""
    ahead = at + timedelta(days=settings.CONFLICT_NOTICE_DAYS)
    expiring = expiry.remind(at=at)
    untold = CoverageFinding.objects.standing().filter(told_at__isnull=True)
    rows = list(untold.select_related("schedule__team__lead", "person").order_by("starts_at", "pk"))
    away = [row for row in rows if row.kind == FindingKind.TIME_OFF]
    away = [row for row in away if row.starts_at and row.starts_at <= ahead]
    rest = [row for row in rows if row.kind != FindingKind.TIME_OFF]
    if not (away or rest or expiring):
        return
    told = editors()
    tell_all([*_digests(rest, expiring, told, at=at), *_conflicts(away, told, at=at)])
    CoverageFinding.objects.filter(pk__in=[row.pk for row in away + rest]).update(told_at=at)


def _digests(
    rows: list[CoverageFinding], expiring: list[int], told: list[Person], *, at: datetime
) -> Iterable[Notice]:
    own: dict[Person, list[CoverageFinding]] = {}
    for row in rows:
        if (lead := _lead(row)) and lead not in told:
            own.setdefault(lead, []).append(row)
    for person, found in [*((person, rows) for person in told), *own.items()]:
        grants = expiring if person in told else []
        if found or grants:
            is_near = any(
                row.kind == FindingKind.GAP and row.starts_at and row.starts_at <= at + NEAR
                for row in found
            )
            yield Notice(
                key=f"coverage-{at.timestamp():.6f}-{person.pk}",
                kind=NoticeKind.COVERAGE_FINDINGS,
                person=person,
                urgency=Urgency.HIGH if is_near else Urgency.LOW,
                data={"findings": [row.pk for row in found], "expiring": grants},
                created_at=at,
                due_at=at + PATIENCE,
            )


def _conflicts(
    rows: list[CoverageFinding], told: list[Person], *, at: datetime
) -> Iterable[Notice]:
    for row in rows:
        for person in dict.fromkeys([*told, _lead(row), row.person]):
            if person:
                yield Notice(
                    key=f"time-off-conflict-{row.pk}-{person.pk}",
                    kind=NoticeKind.TIME_OFF_CONFLICT,
                    person=person,
                    data={"finding": row.pk},
                    created_at=at,
                    due_at=at + PATIENCE,
                )


def _lead(row: CoverageFinding) -> Person | None:
    """The active lead of the team whose schedule it is."""
    lead = row.schedule.team.lead if row.schedule and row.schedule.team else None
    return lead if lead and lead.is_active else None
