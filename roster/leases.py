"""Rows that are due, and how workers take them without treading on each other.

A row with a `due_at` is work. A worker claims it under a lease: a random token and a time until
which no other worker may take it. It finishes with a conditional update on that token, so a worker
that slept through its lease changes nothing.
"""

import random
from datetime import datetime, timedelta
from uuid import uuid4

from django.db import connections, models, transaction
from django.db.models import F, Q

BACKOFF_FIRST = timedelta(seconds=2)
BACKOFF_LIMIT = timedelta(minutes=10)


class Leased(models.Model):
    """Base of every row that waits for its time.

    `due_at` is when the row wants attention, null when nothing is due. `attempts` counts claims,
    so it also counts those whose worker died.
    """

    due_at = models.DateTimeField(null=True, blank=True, db_index=True, editable=False)
    lease_token = models.UUIDField(null=True, blank=True, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)
    last_error = models.TextField(blank=True, editable=False)

    class Meta:
        abstract = True


def claim[Row: Leased](
    queryset: models.QuerySet[Row], *, at: datetime, limit: int, lease_for: timedelta
) -> list[Row]:
    """Take up to `limit` due rows for `lease_for`, most overdue first or in the queryset's order.

    Postgres skips rows another worker is taking at this moment; SQLite admits one writer at a
    time. One query when nothing is due, and then no write lock is asked for.
    """
    due = queryset.filter(due_at__lte=at).filter(
        Q(leased_until__isnull=True) | Q(leased_until__lte=at)
    )
    if not due.exists():
        return []
    if not due.ordered:
        due = due.order_by("due_at", "pk")
    if connections[due.db].features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True, of=("self",))
    token, until = uuid4(), at + lease_for
    with transaction.atomic(using=due.db):
        rows = list(due[:limit])
        queryset.model._default_manager.filter(pk__in=[row.pk for row in rows]).update(
            lease_token=token, leased_until=until, attempts=F("attempts") + 1
        )
    for row in rows:
        row.lease_token, row.leased_until = token, until
        row.attempts += 1
    return rows


def still_mine[Row: Leased](row: Row) -> models.QuerySet[Row]:
    """The row, if nobody has claimed it since: update it through this and expect 1."""
    return type(row)._default_manager.filter(pk=row.pk, lease_token=row.lease_token)


def release(row: Leased, *, due_at: datetime | None, error: str = "") -> bool:
    """Give the row back, to be due again at `due_at` (None: never). False if it was not ours."""
    return bool(
        still_mine(row).update(lease_token=None, leased_until=None, due_at=due_at, last_error=error)
    )


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: doubling, with jitter, never over ten minutes."""
    doubled: int = 2 ** min(max(attempts - 1, 0), 16)
    longest = min(BACKOFF_FIRST * doubled, BACKOFF_LIMIT)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 spreads retries, guards nothing
