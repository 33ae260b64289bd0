"""From accepted events to alerts and incidents.

A batch of one integration's events is one transaction that holds the integration's row, so that two
workers never read the same dedup key as absent. If the batch fails, each event is tried on its own:
one that cannot be processed is set aside with the reason and holds up nobody. Doing an event twice
is ruled out by its lease; receiving the same payload twice changes counts only.
"""

import logging
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from incidents import intake_rates
from incidents.batch import Batch, LeaseLostError, Read, lock_integration, set_aside
from incidents.intake import ADAPTERS, IntakeError, Notification, NotYetError, own
from incidents.models import AlertEvent
from roster.actors import Actor
from roster.errors import DomainError
from roster.leases import backoff, claim, release

logger = logging.getLogger(__name__)

LEASE_FOR = timedelta(seconds=30)
# Small enough that a transaction does not keep intake waiting on SQLite's one write lock.
EVENTS_PER_TRANSACTION = 50
# After that many failures it is not a passing trouble, and a person should look.
ATTEMPTS = 6
# About two hours: what a message needs to be believed (a certificate) may be long in coming.
ATTEMPTS_WHILE_OTHERS_ARE_AWAY = 20


def process_due(*, at: datetime, limit: int = 100) -> int:
    """Process up to `limit` accepted events; answer how many were taken in hand."""
    events = claim(
        AlertEvent.objects.waiting().most_important_first().select_related("integration"),
        at=at,
        limit=limit,
        lease_for=LEASE_FOR,
    )
    by_integration: dict[int, list[Read]] = defaultdict(list)
    for event in events:
        if read := _read(event, at):
            by_integration[event.integration_id].append(read)
    for reads in by_integration.values():
        for start in range(0, len(reads), EVENTS_PER_TRANSACTION):
            _process(reads[start : start + EVENTS_PER_TRANSACTION], at)
    return len(events)


def retry_event(event: AlertEvent, *, by: Actor, at: datetime) -> None:
    """Have an event that was set aside processed again; raises DomainError if it is not."""
    event.retry(at=at)
    logger.info("Event %s is retried by %s", event.pk, by.name)


def _read(event: AlertEvent, at: datetime) -> Read | None:
    try:
        return Read(event, _notification(event))
    except IntakeError as error:
        _set_aside(event, error.message, at)
    except NotYetError as error:
        if event.attempts < ATTEMPTS_WHILE_OTHERS_ARE_AWAY:
            release(event, due_at=at + backoff(event.attempts), error=error.message)
        else:
            _set_aside(event, error.message, at)
    except Exception as error:  # whatever it is, the event must not be lost
        _give_up(event, error, at)
    return None


def _notification(event: AlertEvent) -> Notification:
    envelope = event.envelope()
    if event.origin in (AlertEvent.Origin.MUSTER, AlertEvent.Origin.PERSON):
        return own.read(envelope)
    adapter = ADAPTERS[event.integration.kind]
    # The test button's message comes from ourselves, and nobody signed it.
    is_sent = event.origin == AlertEvent.Origin.MONITOR
    remark = adapter.verify(envelope) if adapter.verify and is_sent else ""
    notification = adapter.read(envelope)
    return replace(notification, remark=remark) if remark else notification


def _process(reads: list[Read], at: datetime) -> None:
    try:
        _apply(reads, at)
    except LeaseLostError:
        logger.warning("Lost the lease of %s events", len(reads))
    except Exception as error:  # nor may it cost the events beside it
        if len(reads) == 1:
            _give_up(reads[0].event, error, at)
            return
        logger.info("Processing %s events one by one after %s", len(reads), type(error).__name__)
        for read in reads:
            _process([read], at)


def _apply(reads: list[Read], at: datetime) -> None:
    with transaction.atomic():
        integration = lock_integration(reads[0].event.integration_id)
        batch = Batch(integration, reads, at)
        for read in reads:
            batch.take(read)
        batch.save()


def _give_up(event: AlertEvent, error: Exception, at: datetime) -> None:
    """Try again later what may pass (a lost database, a deadlock); set the rest aside."""
    if isinstance(error, DatabaseError) and event.attempts < ATTEMPTS:
        release(event, due_at=at + backoff(event.attempts), error=type(error).__name__)
        return
    if isinstance(error, DomainError):
        reason = error.message
    else:
        logger.error("Event %s could not be processed", event.pk, exc_info=error)
        reason = (
            f"Processing stopped on an unexpected {type(error).__name__}. Retry the event; if it"
            " stops again, the log of that moment says where."
        )
    _set_aside(event, reason, at)


def _set_aside(event: AlertEvent, reason: str, at: datetime) -> None:
    """Keep it for a person, and count it where its integration's page shows what came in."""
    with transaction.atomic():
        integration = lock_integration(event.integration_id)
        if set_aside(event, reason):
            intake_rates.count(integration, [event.received_at], set_aside=1, at=at)
