"""Adding a calendar: it is read at once, and kept only if that works."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet

from roster.calendar_import.applying import apply
from roster.calendar_import.errors import CalendarError
from roster.calendar_import.fetching import Fetched, fetch, read_url
from roster.calendar_import.loop import READ_EVERY, Fetcher
from roster.calendar_import.reading import Reading, read_calendar
from roster.calendar_import.unpacking import LIMIT_BYTES, too_large
from roster.doorbell import ring
from roster.errors import DomainError
from roster.models import ImportedCalendar, Override, Person, Schedule, TimeOff
from roster.time_off import schedules_with
from roster.watch import prove_soon

MOST_CALENDARS = 10


@dataclass(frozen=True)
class Owner:
    """Whose calendar it is: a person's, or a schedule's; and who enters it."""

    person: Person | None
    schedule: Schedule | None
    by: Person | None

    @property
    def zone(self) -> ZoneInfo:
        owner = self.person or self.schedule
        return ZoneInfo(owner.time_zone if owner else "UTC")

    def calendars(self) -> dict[str, Person | Schedule | None]:
        return {"person": self.person, "schedule": self.schedule}


def enter_address(
    owner: Owner, *, name: str, url: str, at: datetime, fetcher: Fetcher = fetch
) -> ImportedCalendar:
    """Read an address now, and from then on every hour. Raises CalendarError on the field `url`.

    The network is asked outside every transaction: call this without one.
    """
    url = url.strip()
    read_url(url)
    same = ImportedCalendar.objects.filter(**owner.calendars(), is_active=True)
    if same.filter(url=url).exists():
        raise CalendarError("calendar_twice", "This address is read here already.")
    if same.count() >= MOST_CALENDARS:
        raise CalendarError(
            "calendar_too_many", f"At most {MOST_CALENDARS} calendars are read. Remove one first."
        )
    fetched = fetcher(url)
    reading = read_calendar(fetched.content or b"", zone=owner.zone, at=at)
    return _enter(owner, name, url, fetched, reading, at)


def enter_file(owner: Owner, *, name: str, content: bytes, at: datetime) -> ImportedCalendar:
    """Take a file over, once. Raises CalendarError on the field `file`."""
    if len(content) > LIMIT_BYTES:
        raise too_large("file")
    reading = read_calendar(content, zone=owner.zone, at=at, field_name="file")
    return _enter(owner, name, "", Fetched(content, ""), reading, at)


def _enter(
    owner: Owner, name: str, url: str, fetched: Fetched, reading: Reading, at: datetime
) -> ImportedCalendar:
    with transaction.atomic():
        calendar = ImportedCalendar.objects.create(
            **owner.calendars(),
            name=name,
            url=url,
            etag=fetched.etag,
            fetched_at=at,
            due_at=at + READ_EVERY if url else None,
            created_by=owner.by,
        )
        calendar.problems = apply(calendar, reading, at=at)
        calendar.save(update_fields=["problems"])
    return calendar


def read_again(calendar: ImportedCalendar, *, at: datetime) -> None:
    """Have it read now instead of at the next full hour."""
    if not calendar.url or not calendar.is_active:
        raise DomainError(
            "calendar_not_read", f"{calendar} was read once, from a file. Upload the new one."
        )
    ImportedCalendar.objects.filter(pk=calendar.pk).update(due_at=at)
    ring("roster.fetch_calendars")


def stop(calendar: ImportedCalendar, *, at: datetime) -> None:
    """Read it no more and take back what is still to come of it; what was stays.

    Stopping twice does nothing.
    """
    with transaction.atomic():
        stopped = ImportedCalendar.objects.filter(pk=calendar.pk, is_active=True).update(
            is_active=False, due_at=None, lease_token=None, leased_until=None
        )
        if not stopped:
            return
        _take_back(calendar.time_off.filter(ends_at__gt=at), at)
        _take_back(calendar.overrides.filter(ends_at__gt=at), at)
        schedules = [calendar.schedule_id] if calendar.schedule_id else []
        if calendar.person:
            schedules = schedules_with(calendar.person, at)
        prove_soon(schedules, at=at)


def _take_back(rows: "QuerySet[TimeOff] | QuerySet[Override]", at: datetime) -> None:
    for row in rows:
        if row.starts_at > at:
            row.delete()
        else:
            row.ends_at = at
            row.save(update_fields=["ends_at"])
