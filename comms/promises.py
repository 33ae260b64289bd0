"""The next update was promised for a time: remind before it, alarm after it (R158, R214).

Reminders go to whoever speaks to that audience, then further up the longer nothing is sent.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from comms.entry_kinds import Kind
from comms.facts import context, moment
from comms.models import AudienceKind, Priority, Promise, PromiseState, Purpose, Update
from comms.models.promises import PromiseQuerySet
from comms.notification import first_stage
from comms.outbox import About, compose, enqueue
from comms.wording import written
from incidents.models import LIVE_PHASES, Incident, RoleAssignment
from incidents.timeline import TimelineEntry
from roster.actors import Actor
from roster.leases import claim, still_mine
from roster.models import Person

logger = logging.getLogger(__name__)

LEASE_FOR = timedelta(minutes=1)
PROMISES = Actor.system("promises")
LIAISON = {
    AudienceKind.INTERNAL: "internal-liaison",
    AudienceKind.EXTERNAL: "customer-liaison",
}
COMMUNICATIONS_MANAGER = "communications-manager"
INCIDENT_MANAGER = "incident-manager"


@dataclass(frozen=True)
class Reminder:
    """When it goes out, counted from the promised time, and how far up from the liaison."""

    after: timedelta
    level: int


REMINDERS = (
    Reminder(timedelta(minutes=-5), 0),
    Reminder(timedelta(minutes=0), 0),
    Reminder(timedelta(minutes=5), 1),
    Reminder(timedelta(minutes=10), 2),
    Reminder(timedelta(minutes=30), 2),
    Reminder(timedelta(minutes=60), 2),
)


def make(
    incident: Incident,
    *,
    kind: str,
    promised_for: datetime,
    by: Actor,
    at: datetime,
    update: Update | None = None,
) -> Promise:
    """Promise the next update of this kind; the one before must be settled."""
    promise = Promise.objects.create(
        incident=incident,
        kind=kind,
        promised_for=promised_for,
        made_by_update=update,
        made_at=at,
        due_at=max(promised_for + REMINDERS[0].after, at),
    )
    _record(promise, Kind.PROMISE_MADE, by=by, at=at)
    return promise


def settle(update: Update, *, by: Actor, at: datetime) -> None:
    """An update was sent: end the promise it answers and make the one it carries.

    Inside the sender's transaction. A promise already missed stays missed.
    """
    for promise in _outstanding(update.incident).filter(kind=update.kind):
        _mark_missed_or_kept(promise, by=by, at=at)
        _end(promise, at=at)
    if update.next_update_due_at:
        make(
            update.incident,
            kind=update.kind,
            promised_for=update.next_update_due_at,
            by=by,
            at=at,
            update=update,
        )


def withdraw_all(incident: Incident, *, at: datetime) -> None:
    """The incident is over: nothing is awaited any more. A missed promise stays missed."""
    for promise in _outstanding(incident):
        if promise.state == PromiseState.OPEN:
            promise.state = PromiseState.WITHDRAWN
        _end(promise, at=at)


def _outstanding(incident: Incident) -> PromiseQuerySet:
    return Promise.objects.outstanding().filter(incident=incident)


def _mark_missed_or_kept(promise: Promise, *, by: Actor, at: datetime) -> None:
    if promise.state == PromiseState.MISSED:
        return
    is_late = at > promise.promised_for
    promise.state = PromiseState.MISSED if is_late else PromiseState.KEPT
    _record(promise, Kind.PROMISE_MISSED if is_late else Kind.PROMISE_KEPT, by=by, at=at)


def _end(promise: Promise, *, at: datetime) -> None:
    promise.ended_at, promise.due_at = at, None
    promise.lease_token = promise.leased_until = None
    promise.save(update_fields=["state", "ended_at", "due_at", "lease_token", "leased_until"])


# --- Reminding -----------------------------------------------------------------------------------


def check_due(*, at: datetime, limit: int = 50) -> int:
    """Send the reminders that are due; those that piled up during downtime go out as one."""
    due = Promise.objects.outstanding().select_related("incident__severity", "made_by_update")
    batch = claim(due, at=at, limit=limit, lease_for=LEASE_FOR)
    for promise in batch:
        with transaction.atomic():
            _remind(promise, at=at)
    return len(batch)


def _remind(promise: Promise, *, at: datetime) -> None:
    passed = [reminder for reminder in REMINDERS if promise.promised_for + reminder.after <= at]
    to_come = REMINDERS[len(passed) :]
    is_newly_missed = at >= promise.promised_for and promise.state == PromiseState.OPEN
    ours = (
        still_mine(promise)
        .filter(ended_at=None)
        .update(
            state=PromiseState.MISSED if is_newly_missed else promise.state,
            reminders_sent=promise.reminders_sent + 1,
            due_at=promise.promised_for + to_come[0].after if to_come else None,
            lease_token=None,
            leased_until=None,
        )
    )
    if not ours or promise.incident.phase not in LIVE_PHASES:
        return
    if is_newly_missed:
        _record(promise, Kind.PROMISE_MISSED, by=PROMISES, at=at)
    level = passed[-1].level if passed else 0
    for person in whom_to_remind(promise, level=level):
        _tell(person, promise, at=at)
        _record(promise, Kind.PROMISE_REMINDED, by=PROMISES, at=at, person=person.name)


def whom_to_remind(promise: Promise, *, level: int) -> list[Person]:
    """Who holds the role at this level; where nobody does, the next one up, then the author."""
    ladder = [LIAISON[AudienceKind(promise.kind)], COMMUNICATIONS_MANAGER, INCIDENT_MANAGER]
    held = RoleAssignment.objects.current().filter(incident=promise.incident)
    for slug in ladder[level:]:
        holders = held.filter(role__slug=slug, person__is_active=True).select_related("person")
        if people := [assignment.person for assignment in holders.order_by("pk")]:
            return people
    author = promise.made_by_update.author if promise.made_by_update else None
    return [author] if author and author.is_active else []


def _tell(person: Person, promise: Promise, *, at: datetime) -> None:
    incident = promise.incident
    late = int((at - promise.promised_for).total_seconds()) // 60
    facts = {
        "kind": promise.kind,
        "due_at": moment(promise.promised_for, person.time_zone),
        "minutes_late": max(late, 0),
        "overdue": at >= promise.promised_for,
    }
    words = context(
        incident, at=at, zone=person.time_zone, person={"name": person.name}, promise=facts
    )
    content = written(Purpose.REMINDER, words, incident=incident)
    stem = f"promise-{promise.pk}-{promise.reminders_sent + 1}-{person.pk}"
    enqueue(
        compose(
            content,
            address,
            key=f"{stem}-{address.slug}",
            priority=Priority.REQUEST,
            about=About(incident=incident),
            at=at,
        )
        for address in first_stage(person, urgency=incident.severity.urgency)
    )


def _record(promise: Promise, kind: str, *, by: Actor, at: datetime, **data: str) -> None:
    TimelineEntry.record(
        promise.incident,
        kind,
        by=by,
        at=at,
        data={
            "promise": promise.pk,
            "audience": promise.kind,
            "promised_for": promise.promised_for.isoformat(),
            **data,
        },
    )
