"""Heartbeats: counting signs of life, and saying so when one fails to come.

A sign of life is an event like any other, and is counted in the transaction that processes it.
What a heartbeat has to say is an event of Muster's own, at the integration it belongs to: it goes
by the same rules as alerts from there, opens an incident, and is resolved by the next sign of life.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.text import slugify

from incidents.intake import Importance, own
from incidents.intake.notification import Action, Ping, hashed_key
from incidents.models import AlertEvent, Heartbeat, Integration
from roster.actors import Actor
from roster.doorbell import ring
from roster.errors import DomainError
from roster.leases import claim, release, still_mine
from roster.sweeps import SweepRun

logger = logging.getLogger(__name__)

SWEEP = "incidents.check_heartbeats"
LEASE_FOR = timedelta(seconds=30)
# A sender that makes up a new name each time must not page somebody for each.
HEARTBEATS_PER_INTEGRATION = 500
# A sweep that did not run for so long was not there: signs of life may have met a closed door.
AWAY_AFTER = timedelta(minutes=1)
# What a heartbeat gets after that at most, so that a daily one is not a day late.
RENEWED_FOR_AT_MOST = timedelta(hours=1)
# How often it is put off while signs of life may wait among events that are not processed yet.
PUT_OFF_FOR = timedelta(seconds=5)
PUT_OFF_TIMES = 24

State = Heartbeat.State
TROUBLED = (State.MISSING, State.FAILED)


# --- Signs of life --------------------------------------------------------------------------------


def take(
    integration: Integration, pings: Iterable[Ping], *, at: datetime, received_at: datetime
) -> None:
    """Count these signs of life, which came in at `received_at`; `at` is now.

    A name that is not known becomes a heartbeat. For the transaction that processes the event and
    holds the integration's row. Raises DomainError if there are too many heartbeats already.
    """
    for ping in pings:
        heartbeat = _found(integration, ping) or _made(integration, ping, at=received_at)
        # A backlog is worked off by importance: an older sign says nothing about now.
        if heartbeat.last_ping_at is None or received_at >= heartbeat.last_ping_at:
            _count(heartbeat, ping, at=at, received_at=received_at)


def _found(integration: Integration, ping: Ping) -> Heartbeat | None:
    """Locked, for the sweep may be about to call it missing."""
    rows = Heartbeat.objects.select_for_update(of=("self",)).select_related("integration")
    return rows.filter(integration=integration, slug=slug_of(ping.name)).first()


def _made(integration: Integration, ping: Ping, *, at: datetime) -> Heartbeat:
    if integration.heartbeats.count() >= HEARTBEATS_PER_INTEGRATION:
        raise DomainError(
            "too_many_heartbeats",
            f"{integration} has {HEARTBEATS_PER_INTEGRATION} heartbeats already. Is a name made up"
            f" anew for each call? This one is “{ping.name}”.",
        )
    name = ping.name[:200] or slug_of(ping.name)
    return Heartbeat.objects.create(integration=integration, slug=slug_of(ping.name), name=name)


def slug_of(name: str) -> str:
    """A name as it stands in an address; what has no letters of ASCII is told apart by its hash."""
    return slugify(name)[:100] or hashed_key(name).removeprefix("sha256:")[:12]


def _count(heartbeat: Heartbeat, ping: Ping, *, at: datetime, received_at: datetime) -> None:
    was = heartbeat.state
    heartbeat.last_ping_at = received_at
    if was == State.PAUSED:
        heartbeat.save(update_fields=["last_ping_at"])
        return
    is_due_at = None if ping.has_failed else received_at + period(heartbeat)
    _enter(heartbeat, State.FAILED if ping.has_failed else State.ALIVE, due_at=is_due_at)
    if ping.has_failed:
        _fire(heartbeat, _failure(heartbeat, ping), at=at)
    elif was in TROUBLED:
        _resolve(heartbeat, at=at)


def period(heartbeat: Heartbeat) -> timedelta:
    """How long it may be silent."""
    return timedelta(minutes=heartbeat.every_minutes + heartbeat.grace_minutes)


def _enter(heartbeat: Heartbeat, state: State, *, due_at: datetime | None) -> None:
    """Give it this state, whoever has it in hand: their lease ends here."""
    heartbeat.state, heartbeat.due_at = state, due_at
    heartbeat.lease_token = heartbeat.leased_until = None
    heartbeat.attempts = 0
    heartbeat.save(
        update_fields=[
            "state",
            "last_ping_at",
            "due_at",
            "lease_token",
            "leased_until",
            "attempts",
        ]
    )


# --- Silence --------------------------------------------------------------------------------------


def check_due(*, at: datetime, limit: int = 100) -> int:
    """Say of up to `limit` heartbeats that they are missing; answer how many were looked at.

    If Muster itself was away, each gets another round first: silence at a closed door proves
    nothing.
    """
    if _was_away(at):
        _renew_all(at)
        return 0
    alive = Heartbeat.objects.filter(state=State.ALIVE).select_related("integration")
    due = claim(alive, at=at, limit=limit, lease_for=LEASE_FOR)
    for heartbeat in due:
        if heartbeat.attempts <= PUT_OFF_TIMES and _may_wait_unread(heartbeat):
            release(heartbeat, due_at=at + PUT_OFF_FOR)
        else:
            _miss(heartbeat, at)
    return len(due)


def _was_away(at: datetime) -> bool:
    finished = SweepRun.objects.filter(name=SWEEP).values_list("finished_at", flat=True).first()
    return finished is not None and at - finished > AWAY_AFTER


def _renew_all(at: datetime) -> None:
    for heartbeat in Heartbeat.objects.filter(state=State.ALIVE):
        renewed = at + min(period(heartbeat), RENEWED_FOR_AT_MOST)
        _alive(heartbeat).filter(due_at__lt=renewed).update(due_at=renewed)


def _alive(heartbeat: Heartbeat) -> QuerySet[Heartbeat]:
    return Heartbeat.objects.filter(pk=heartbeat.pk, state=State.ALIVE)


def _may_wait_unread(heartbeat: Heartbeat) -> bool:
    """Whether events of its integration wait, which may be its signs of life."""
    waiting = AlertEvent.objects.waiting().filter(origin=AlertEvent.Origin.MONITOR)
    return waiting.filter(integration=heartbeat.integration_id).exists()


def _miss(heartbeat: Heartbeat, at: datetime) -> None:
    with transaction.atomic():
        is_ours = still_mine(heartbeat).update(
            state=State.MISSING, due_at=None, lease_token=None, leased_until=None, attempts=0
        )
        if is_ours:
            _fire(heartbeat, _silence(heartbeat, at), at=at)


# --- What a person decides ------------------------------------------------------------------------


def pause(heartbeat: Heartbeat, *, by: Actor, at: datetime) -> None:
    """Expect it no longer; an alert about it resolves. Raises DomainError if it is paused."""
    with transaction.atomic():
        locked = _locked(heartbeat)
        if locked.state == State.PAUSED:
            raise DomainError("already_paused", f"{heartbeat} is paused already.")
        was = locked.state
        _enter(locked, State.PAUSED, due_at=None)
        if was in TROUBLED:
            _resolve(locked, at=at, said=f"Paused by {by.name}.")
    logger.info("Heartbeat %s is paused by %s", heartbeat.slug, by.name)
    heartbeat.refresh_from_db()


def resume(heartbeat: Heartbeat, *, by: Actor, at: datetime) -> None:
    """Expect it within its time from now on, its first sign of life too.

    Raises DomainError if it is neither paused nor waiting for its first one.
    """
    with transaction.atomic():
        locked = _locked(heartbeat)
        if locked.state not in (State.PAUSED, State.WAITING):
            raise DomainError("watched", f"{heartbeat} is watched already.")
        _enter(locked, State.ALIVE, due_at=at + period(locked))
    logger.info("Heartbeat %s is watched from now on, says %s", heartbeat.slug, by.name)
    heartbeat.refresh_from_db()


def remove(heartbeat: Heartbeat, *, by: Actor, at: datetime) -> None:
    """Forget it; an alert about it resolves. Its next sign of life would make it anew."""
    with transaction.atomic():
        locked = _locked(heartbeat)
        if locked.state in TROUBLED:
            _resolve(locked, at=at, said=f"Removed by {by.name}.")
        locked.delete()
    logger.info("Heartbeat %s is removed by %s", heartbeat.slug, by.name)


def reschedule(heartbeat: Heartbeat, *, at: datetime) -> None:
    """After its times were changed: count anew from its last sign of life, or from now."""
    due_at = (heartbeat.last_ping_at or at) + period(heartbeat)
    _alive(heartbeat).update(due_at=due_at, lease_token=None, leased_until=None)
    heartbeat.refresh_from_db()


def _locked(heartbeat: Heartbeat) -> Heartbeat:
    rows = Heartbeat.objects.select_for_update(of=("self",)).select_related("integration")
    return rows.get(pk=heartbeat.pk)


# --- What it says ---------------------------------------------------------------------------------


def _silence(heartbeat: Heartbeat, at: datetime) -> tuple[str, str]:
    if last := heartbeat.last_ping_at:
        minutes = int((at - last).total_seconds() // 60)
        heard = f"It was last heard of at {last:%H:%M} UTC on {last:%-d %B}."
        title = f"Heartbeat {heartbeat} is missing for {minutes} min"
    else:
        heard = "It was never heard of."
        title = f"Heartbeat {heartbeat} is missing"
    return title, (
        f"{heard} A sign of life is expected every {heartbeat.every_minutes} min. Look whether the"
        " job runs, and whether it reaches Muster. This resolves with the next sign of life."
    )


def _failure(heartbeat: Heartbeat, ping: Ping) -> tuple[str, str]:
    said = f"\n\n{ping.text}" if ping.text else ""
    sentence = "The job says that it went wrong. This resolves when it says that it went well."
    return f"Heartbeat {heartbeat}: the job failed", sentence + said


def _fire(heartbeat: Heartbeat, words: tuple[str, str], *, at: datetime) -> None:
    title, description = words
    page = reverse("admin:incidents_heartbeat_change", args=[heartbeat.pk])
    alert = own.OwnAlert(
        dedup_key=_key(heartbeat),
        action=Action.TRIGGER,
        title=title,
        description=description,
        severity_label=heartbeat.severity_label.strip().lower(),
        labels={"heartbeat": heartbeat.slug},
        links=[("Heartbeat", f"{settings.PUBLIC_URL}{page}")],
        started_at=at,
    )
    _say(heartbeat, alert, Importance.FIRING, at=at)


def _resolve(heartbeat: Heartbeat, *, at: datetime, said: str = "") -> None:
    alert = own.OwnAlert(dedup_key=_key(heartbeat), action=Action.RESOLVE, ended_at=at, text=said)
    _say(heartbeat, alert, Importance.LATER, at=at)


def _key(heartbeat: Heartbeat) -> str:
    """One alert a heartbeat, whether it is silent or says that it failed."""
    return f"heartbeat:{heartbeat.slug}"


def _say(
    heartbeat: Heartbeat, alert: own.OwnAlert, importance: Importance, *, at: datetime
) -> None:
    AlertEvent.objects.create(
        integration=heartbeat.integration,
        origin=AlertEvent.Origin.MUSTER,
        received_at=at,
        due_at=at,
        importance=importance,
        content_type=own.CONTENT_TYPE,
        body=own.body_of(alert),
    )
    ring("incidents.process_events")
