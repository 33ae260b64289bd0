"""The feed as calendar programs read it (RFC 5545): in local time, with the rules of its zone."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse
from icalendar import Calendar, Event

from roster.feeds.naming import public
from roster.feeds.publishing import BACK, publish
from roster.feeds.zone import component_of
from roster.models import CalendarFeed, PublishedShift, Schedule
from roster.time_off import schedules_with

CANCELLED_FOR = timedelta(days=30)
"""How long what is gone stays in the feed, marked as cancelled."""

READ_AGAIN = timedelta(hours=1)


@dataclass(frozen=True)
class Document:
    """A whole answer; the same content has the same `etag`."""

    content: bytes
    etag: str
    file_name: str


def document_of(feed: CalendarFeed, *, at: datetime) -> Document:
    """Bring the feed up to date and write it out. A constant number of queries if nothing changed.

    `feed.owner` and `feed.schedule` must be loaded.
    """
    publish(_schedules(feed, at), at=at)
    schedule = feed.schedule
    zone = ZoneInfo(schedule.time_zone if schedule else feed.owner.time_zone)
    name = f"On call: {schedule.name}" if schedule else f"On call: {feed.owner.name}"
    calendar = Calendar()
    calendar.add("prodid", "-//Muster//On-call shifts//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("name", _plain(name))
    calendar.add("x-wr-calname", _plain(name))
    calendar.add("x-wr-timezone", zone.key)
    calendar.add("refresh-interval", READ_AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    calendar.add_component(component_of(zone, at.year))
    for row in _rows(feed, at):
        calendar.add_component(_event(row, feed, zone, at))
    content = calendar.to_ical()
    slug = schedule.slug if schedule else feed.owner.slug
    return Document(content, sha256(content).hexdigest()[:32], f"on-call-{slug}.ics")


def _schedules(feed: CalendarFeed, at: datetime) -> QuerySet[Schedule]:
    """Those of which the feed may have something to show, or to take back."""
    schedules = Schedule.objects.active()
    if feed.schedule_id:
        return schedules.filter(pk=feed.schedule_id)
    published = PublishedShift.objects.filter(person=feed.owner_id, ends_at__gt=at - BACK)
    return schedules.filter(
        Q(pk__in=schedules_with(feed.owner, at - BACK)) | Q(pk__in=published.values("schedule"))
    )


def _rows(feed: CalendarFeed, at: datetime) -> QuerySet[PublishedShift]:
    shown = Q(cancelled_at__isnull=True) | Q(cancelled_at__gt=at - CANCELLED_FOR)
    rows = PublishedShift.objects.filter(shown, ends_at__gt=at - BACK)
    if feed.schedule_id:
        rows = rows.filter(schedule=feed.schedule_id).exclude(uid__contains="!")
    else:
        rows = rows.filter(person=feed.owner_id)
    return rows.select_related("schedule", "person").order_by("starts_at", "uid")


def _event(row: PublishedShift, feed: CalendarFeed, zone: ZoneInfo, at: datetime) -> Event:
    schedule, person = row.schedule, row.person
    starts_at, ends_at = _local(row.starts_at, row.ends_at, zone)
    url = settings.PUBLIC_URL + reverse("admin:roster_schedule_calendar", args=[schedule.pk])
    title = f"{person.name} on call ({schedule.name})"
    event = Event()
    event.add("uid", f"{public(row.uid)}@{urlsplit(settings.PUBLIC_URL).hostname}")
    event.add("sequence", row.sequence)
    event.add("dtstamp", row.changed_at.astimezone(UTC).replace(microsecond=0))
    event.add("last-modified", row.changed_at.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", starts_at)
    event.add("dtend", ends_at)
    event.add("summary", _plain(title if feed.schedule_id else f"On call: {schedule.name}"))
    event.add(
        "description", f"{_plain(person.name)} is on call for {_plain(schedule.name)}.\n{url}"
    )
    event.add("url", url)
    event.add("categories", ["On call"])
    is_off = row.cancelled_at or (row.ends_at > at and not schedule.is_active)
    event.add("status", "CANCELLED" if is_off else "CONFIRMED")
    # Being on call does not make one busy: meetings go on.
    event.add("transp", "TRANSPARENT")
    event.add("x-microsoft-cdo-busystatus", "FREE")
    return event


def _local(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """By the clock of the zone, or in UTC where that clock reads the same twice.

    A local time in a calendar always means the first of the two (RFC 5545 §3.3.5).
    """
    local = starts_at.astimezone(zone), ends_at.astimezone(zone)
    if any(each.fold for each in local):
        return starts_at.astimezone(UTC), ends_at.astimezone(UTC)
    return local


def _plain(text: str) -> str:
    """One line without control characters, whatever was typed as a name."""
    kept = (" " if unicodedata.category(each)[0] in "CZ" else each for each in text)
    return " ".join("".join(kept).split())
