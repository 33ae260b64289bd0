"""The first page after logging in: what needs somebody, what needs you, who is on call.

A constant number of queries, whatever there is to show; a section that its reader may not see asks
nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as Login
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from comms.lateness import late_pages
from comms.models import Message, Promise
from incidents import spool
from incidents.models import (
    AlertEvent,
    Incident,
    Integration,
    Page,
    Responder,
    RoleAssignment,
)
from incidents.permissions import may
from postmortems.models import ActionItem, Postmortem
from roster.coverage.advice import ADVICE, by_kind, link_of
from roster.models import CoverageFinding, FindingKind, Schedule
from roster.oncall import NowAndNext, on_call_now_and_next

SHOWN = 12  # rows of each section
OF_A_KIND = 4  # findings of each kind; the list has the others
LATE_AFTER = timedelta(minutes=5)  # an unanswered request stands under "overdue" from then on

type User = Login | AnonymousUser


@dataclass
class OpenIncident:
    """One row of the first table. `promised_for` is the next update somebody waits for."""

    incident: Any  # an Incident with `manager_name` annotated
    promised_for: datetime | None


@dataclass
class Mine:
    """What waits for the person who looks; empty for a login that is no person on the roster."""

    pages: list[Page] = field(default_factory=list)
    requests: list[Responder] = field(default_factory=list)
    engagements: list[Responder] = field(default_factory=list)
    roles: dict[Incident, list[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.pages or self.requests or self.engagements or self.roles)


@dataclass
class FindingGroup:
    """What the coverage watch found of one kind: the next few, and how many there are."""

    kind: FindingKind
    advice: str
    rows: list[tuple[CoverageFinding, str]]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.rows)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the context of `admin/index.html`; called by Unfold with what the frame needs."""
    user, at = request.user, timezone.now()
    sees_incidents = user.has_perm("incidents.view_incident")
    return context | {
        "is_fullwidth": "1",
        "incidents": _open_incidents(user) if sees_incidents else None,
        "may_declare": may(user, "declare"),
        "mine": _mine(user),
        "schedules": _on_call(at) if user.has_perm("roster.view_schedule") else None,
        "coverage": _coverage(user),
        "overdue": _overdue(user, at) if sees_incidents else {},
        "troubles": _troubles(user, at),
        "is_new": sees_incidents and not Integration.objects.exists(),
    }


def _open_incidents(user: User) -> list[OpenIncident]:
    """Those that somebody still has to work on, the worst live ones first. Two queries."""
    rows = Incident.objects.visible_to(user).open().with_manager().select_related("severity")
    found = list(rows.order_by("severity__rank", "detected_at"))
    found.sort(key=lambda incident: not incident.is_live)
    found = found[:SHOWN]
    promised: dict[int, datetime] = {}
    for promise in Promise.objects.outstanding().filter(incident__in=found):
        known = promised.get(promise.incident_id, promise.promised_for)
        promised[promise.incident_id] = min(known, promise.promised_for)
    return [OpenIncident(incident, promised.get(incident.pk)) for incident in found]


def _mine(user: User) -> Mine:
    """Four queries."""
    own = {"person__user": user.pk, "person__user__isnull": False}
    pages = Page.objects.pending().filter(**own).select_related("incident__severity")
    engagements = Responder.objects.open().filter(**own).select_related("incident__severity")
    open_ones = {"incident__in": Incident.objects.open()}
    roles = RoleAssignment.objects.current().filter(**own, **open_ones)
    rows = list(engagements.order_by("requested_at"))
    held: dict[Incident, list[str]] = {}
    for assignment in roles.select_related("incident__severity", "role").order_by("-starts_at"):
        held.setdefault(assignment.incident, []).append(assignment.role.name.lower())
    return Mine(
        pages=list(pages.order_by("created_at")),
        requests=[row for row in rows if row.state == Responder.State.REQUESTED],
        engagements=[row for row in rows if row.state == Responder.State.ACKNOWLEDGED],
        roles=held,
    )


def _on_call(at: datetime) -> list[tuple[Schedule, NowAndNext]]:
    """Six queries for any number of schedules."""
    schedules = list(Schedule.objects.filter(is_active=True).order_by("name"))
    found = on_call_now_and_next(schedules, at)
    return [(schedule, found[schedule.pk]) for schedule in schedules]


def _coverage(user: User) -> list[FindingGroup]:
    """What is wrong with who will be on call, the worst kind first. One query."""
    if not user.has_perm("roster.view_coveragefinding"):
        return []
    standing = CoverageFinding.objects.standing().select_related("schedule", "person")
    return [
        FindingGroup(
            kind=kind,
            advice=ADVICE[kind],
            rows=[(row, link_of(row)) for row in rows[:OF_A_KIND]],
            count=len(rows),
        )
        for kind, rows in by_kind(standing)
    ]


def _overdue(user: User, at: datetime) -> dict[str, list[Any]]:
    """What was promised or asked and has not come, by what it is. Four queries."""
    today = timezone.localdate()
    promises = Promise.objects.visible_to(user).overdue().select_related("incident")
    requests = Responder.objects.visible_to(user).unanswered().select_related("incident", "person")
    postmortems = Postmortem.objects.visible_to(user).overdue_on(today)
    items = ActionItem.objects.visible_to(user).overdue_on(today).select_related("owner")
    found: dict[str, QuerySet[Any]] = {
        "promises": promises.order_by("promised_for")[:SHOWN],
        "requests": requests.filter(requested_at__lt=at - LATE_AFTER).order_by("requested_at")[
            :SHOWN
        ],
        "postmortems": postmortems.select_related("incident", "owner").order_by("due_on")[:SHOWN],
        "action_items": items.order_by("due_on", "number")[:SHOWN],
    }
    return {name: rows for name, query in found.items() if (rows := list(query))}


def _of_the_spool() -> Iterator[str]:
    """What waits in files of the host that answers this request. No query."""
    if waiting := spool.waiting(settings.SPOOL_DIR):
        yield f"Accepted while the database was away, and not yet stored: {waiting}."
    if damaged := spool.damaged(settings.SPOOL_DIR):
        folder = settings.SPOOL_DIR / spool.DAMAGED
        yield f"Accepted events that cannot be read, kept in {folder}: {damaged}."


def _troubles(user: User, at: datetime) -> dict[str, list[Any]]:
    """What Muster itself could not do and a person must look at. Three queries."""
    found: dict[str, list[Any]] = {}
    if user.has_perm("comms.view_message"):
        if late := late_pages(at=at):
            found["late_pages"] = [late]
        dead = Message.objects.visible_to(user).dead().select_related("person")
        found["messages"] = list(dead.order_by("-created_at", "-pk")[:SHOWN])
    if user.has_perm("incidents.view_alertevent"):
        aside = AlertEvent.objects.set_aside().select_related("integration").defer("body")
        found["events"] = list(aside.order_by("-received_at", "-pk")[:SHOWN])
        found["spool"] = list(_of_the_spool())
    return {name: rows for name, rows in found.items() if rows}
