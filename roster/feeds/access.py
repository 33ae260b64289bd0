"""Feed addresses: made and shown once, and good as long as their owner may see the shifts."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from roster.errors import DomainError
from roster.models import CalendarFeed, Person, Schedule
from roster.tokens import digest_of

TOKEN_BYTES = 24
# Calendar programs read every few minutes to hours; the day is all that anybody asks about.
READ_RESOLUTION = timedelta(hours=1)


class FeedUnknownError(Exception):
    """No such address, or its owner may not see what it shows: answered alike."""


class FeedClosedError(Exception):
    """The address was one, and is none any more."""


def issue(owner: Person, schedule: Schedule | None, *, at: datetime) -> tuple[CalendarFeed, str]:
    """Make an address for a person's own shifts, or for a schedule: the second value.

    It cannot be shown again. One that the owner had for the same stops working. Whether the owner
    may see the schedule is the caller's to check.
    """
    if not owner.is_active:
        raise DomainError("person_inactive", f"{owner} is inactive, and has no calendar feed.")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        before = CalendarFeed.objects.usable().filter(owner=owner, schedule=schedule)
        before.update(revoked_at=at)
        feed = CalendarFeed.objects.create(
            owner=owner, schedule=schedule, token_digest=digest_of(token), created_at=at
        )
    return feed, settings.PUBLIC_URL + reverse("calendar-feed", kwargs={"token": token})


def revoke(feed: CalendarFeed, *, at: datetime) -> None:
    """Close an address, at once. Closing it twice keeps the first moment."""
    CalendarFeed.objects.filter(pk=feed.pk, revoked_at__isnull=True).update(revoked_at=at)
    feed.refresh_from_db(fields=["revoked_at"])


def feed_of(token: str, *, at: datetime) -> CalendarFeed:
    """The feed behind an address, its owner and schedule loaded.

    Raises FeedUnknownError or FeedClosedError. One query; for a schedule two more, for the owner's
    permissions, and one an hour for noting that it was read.
    """
    rows = CalendarFeed.objects.select_related("owner__user", "schedule")
    feed = rows.filter(token_digest=digest_of(token)).first()
    if feed is None:
        raise FeedUnknownError
    if feed.revoked_at or not feed.owner.is_active:
        raise FeedClosedError
    if feed.schedule and not feed.schedule.is_active:
        raise FeedClosedError
    if not _may_see(feed):
        raise FeedUnknownError
    if feed.last_read_at is None or at - feed.last_read_at >= READ_RESOLUTION:
        CalendarFeed.objects.filter(pk=feed.pk).update(last_read_at=at)
    return feed


def _may_see(feed: CalendarFeed) -> bool:
    """One's own shifts need no login; a schedule needs the right to see schedules."""
    user = feed.owner.user
    if user is None:
        return feed.schedule_id is None
    return user.is_active and (feed.schedule_id is None or user.has_perm("roster.view_schedule"))
