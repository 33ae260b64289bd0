"""Telling the apps to the right what was recorded, at least once and surely."""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from incidents.signals import entry_recorded
from incidents.timeline import Announcement, TimelineEntry
from roster.leases import backoff, claim, release, still_mine

logger = logging.getLogger(__name__)

LEASE_FOR = timedelta(seconds=30)


class _LeaseLost(Exception):
    """Another worker took the announcement meanwhile; what was done here is undone."""


def announce_due(*, at: datetime, limit: int = 100) -> int:
    """Announce the entries that are due, oldest first; return how many were handled.

    What receivers write and the end of the announcement are one transaction, so a run that dies
    leaves neither. A receiver that fails is undone by itself and asked again later, and with it the
    others: they must not mind hearing an entry twice.
    """
    announcements = Announcement.objects.select_related(
        "entry__incident__severity", "entry__actor"
    ).order_by("due_at", "pk")
    rows = claim(announcements, at=at, limit=limit, lease_for=LEASE_FOR)
    for announcement in rows:
        _announce(announcement, at=at)
    return len(rows)


def _announce(announcement: Announcement, *, at: datetime) -> None:
    try:
        with transaction.atomic():
            answers = entry_recorded.send_robust(sender=TimelineEntry, entry=announcement.entry)
            failures = [answer for _, answer in answers if isinstance(answer, Exception)]
            if not failures:
                finished, _ = still_mine(announcement).delete()
                if not finished:
                    raise _LeaseLost
    except _LeaseLost:
        logger.warning("Lost the lease on entry %s; another worker has it", announcement.entry_id)
        return
    if failures:
        retry_at = at + backoff(announcement.attempts)
        release(announcement, due_at=retry_at, error=repr(failures[0]))
