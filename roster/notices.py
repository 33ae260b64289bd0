"""Telling people something about the roster: a row in the transaction that decides on it.

This app sends nothing itself. Whoever carries messages listens to `notice_due`, turns each notice
into messages, and the notice is done in the same transaction; one that fails is tried again.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.dispatch import Signal

from roster.doorbell import ring
from roster.leases import backoff, claim, release, still_mine
from roster.models import ContactMethod, Notice, NoticeKind, Person, Urgency

logger = logging.getLogger(__name__)

LEASE_FOR = timedelta(seconds=30)

# Sent with `notice` and `at`, within the transaction that ends the notice.
notice_due = Signal()
# Sent with `notice`, within the transaction that takes it back: what still waits is not sent.
notice_withdrawn = Signal()


class _LeaseLostError(Exception):
    """Another worker took the notice meanwhile; what was done here is undone."""


def tell(
    person: Person,
    kind: NoticeKind,
    *,
    key: str,
    at: datetime,
    data: Mapping[str, object] | None = None,
    urgency: Urgency = Urgency.LOW,
    contact_method: ContactMethod | None = None,
    due_at: datetime | None = None,
) -> None:
    """Have a person told, at once or at `due_at`. The same `key` again tells nobody.

    `data` is what its wording needs, in JSON primitives: names, ISO moments, ids for links.
    """
    tell_all(
        [
            Notice(
                key=key,
                kind=kind,
                person=person,
                contact_method=contact_method,
                urgency=urgency,
                data=dict(data or {}),
                created_at=at,
                due_at=due_at or at,
            )
        ]
    )


def tell_all(notices: Iterable[Notice]) -> None:
    """Write many at once; those whose key is known are left as they are."""
    Notice.objects.bulk_create(notices, ignore_conflicts=True, batch_size=200)
    ring("roster.deliver_notices")


def withdraw(key: str) -> None:
    """Take back what a notice has not said yet: itself, or the later ones of its messages.

    Nothing happens where there is no such notice.
    """
    with transaction.atomic():
        notice = Notice.objects.filter(key=key).first()
        if notice is None:
            return
        Notice.objects.filter(pk=notice.pk).update(due_at=None, lease_token=None, leased_until=None)
        notice_withdrawn.send(sender=Notice, notice=notice)


def deliver_due(*, at: datetime, limit: int = 50) -> int:
    """Hand over the notices that are due, oldest first; return how many were handled."""
    due = Notice.objects.select_related("person", "contact_method").order_by("due_at", "pk")
    notices = claim(due, at=at, limit=limit, lease_for=LEASE_FOR)
    for notice in notices:
        _deliver(notice, at=at)
    return len(notices)


def _deliver(notice: Notice, *, at: datetime) -> None:
    try:
        with transaction.atomic():
            notice_due.send(sender=Notice, notice=notice, at=at)
            done = still_mine(notice).update(
                due_at=None, lease_token=None, leased_until=None, delivered_at=at, last_error=""
            )
            if not done:
                raise _LeaseLostError
    except _LeaseLostError:
        logger.warning("Lost the lease on notice %s; another worker has it", notice.pk)
    except Exception as error:  # the listener's own; the notice stays and is tried again
        logger.exception("Could not deliver notice %s", notice.pk)
        release(notice, due_at=at + backoff(notice.attempts), error=type(error).__name__)
