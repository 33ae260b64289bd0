"""Reading calendars again and again: claimed rows, the network outside every transaction."""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet

from roster.calendar_import.applying import apply
from roster.calendar_import.errors import CalendarError
from roster.calendar_import.fetching import Fetched, fetch
from roster.calendar_import.reading import Reading, read_calendar
from roster.coverage.telling import editors
from roster.leases import claim, still_mine
from roster.models import ImportedCalendar, NoticeKind, Person
from roster.notices import tell

logger = logging.getLogger(__name__)

READ_EVERY = timedelta(hours=1)
RETRY_FIRST = timedelta(minutes=15)
RETRY_LIMIT = timedelta(hours=4)
TELL_AFTER = timedelta(hours=24)
LEASE_FOR = timedelta(minutes=3)

Fetcher = Callable[..., Fetched]


def fetch_due(*, at: datetime, fetcher: Fetcher = fetch) -> int:
    """Read the calendar that is most overdue; 0 if none is. One at a time: each may take 15 s."""
    rows: QuerySet[ImportedCalendar] = ImportedCalendar.objects.filter(is_active=True)
    claimed = claim(rows.exclude(url=""), at=at, limit=1, lease_for=LEASE_FOR)
    for calendar in claimed:
        _read_again(calendar, at=at, fetcher=fetcher)
    return len(claimed)


def _read_again(calendar: ImportedCalendar, *, at: datetime, fetcher: Fetcher) -> None:
    try:
        fetched = fetcher(calendar.url, etag=calendar.etag)
        reading = None if fetched.content is None else _reading(calendar, fetched.content, at=at)
    except CalendarError as error:
        _failed(calendar, error.message, at=at)
    # Whatever else goes wrong is ours; it must not stop the other calendars.
    except Exception:
        logger.exception("Could not read calendar %s", calendar.pk)
        _failed(calendar, "Muster could not read this calendar; its log says why.", at=at)
    else:
        store(calendar, fetched, reading, at=at)


def _reading(calendar: ImportedCalendar, content: bytes, *, at: datetime) -> Reading:
    return read_calendar(content, zone=zone_of(calendar), at=at)


def zone_of(calendar: ImportedCalendar) -> ZoneInfo:
    """Where its whole days begin. Reads the person or the schedule."""
    owner = calendar.person or calendar.schedule
    return ZoneInfo(owner.time_zone if owner else "UTC")


def store(
    calendar: ImportedCalendar, fetched: Fetched, reading: Reading | None, *, at: datetime
) -> None:
    """Apply what was read, unless another worker has taken the calendar over meanwhile.

    With `reading` None nothing has changed since the last time. The horizon moves on, though, so
    the file is asked for as a whole again once a day.
    """
    with transaction.atomic():
        values: dict[str, object] = {}
        if not still_mine(calendar).update(lease_token=None, leased_until=None):
            logger.warning("Lost the lease on calendar %s; another worker has it", calendar.pk)
            return
        if reading is not None:
            values = {"problems": apply(calendar, reading, at=at), "etag": fetched.etag}
            values["fetched_at"] = at
        elif calendar.fetched_at is None or at - calendar.fetched_at >= timedelta(days=1):
            values["etag"] = ""
        ImportedCalendar.objects.filter(pk=calendar.pk).update(
            due_at=at + READ_EVERY if calendar.url else None,
            attempts=0,
            last_error="",
            failing_since=None,
            **values,
        )


def _failed(calendar: ImportedCalendar, message: str, *, at: datetime) -> None:
    """Note why, try again later, and tell once when it has gone on for a day."""
    since = calendar.failing_since or at
    doubled: int = 2 ** min(calendar.attempts - 1, 10)
    wait = min(RETRY_FIRST * doubled, RETRY_LIMIT)
    jitter = random.uniform(0.8, 1.0)  # noqa: S311 spreads retries, guards nothing
    with transaction.atomic():
        noted = still_mine(calendar).update(
            lease_token=None,
            leased_until=None,
            due_at=at + wait * jitter,
            last_error=message,
            failing_since=since,
        )
        if noted and at - since >= TELL_AFTER:
            _tell(calendar, message, since=since, at=at)


def _tell(calendar: ImportedCalendar, message: str, *, since: datetime, at: datetime) -> None:
    for person in _told(calendar):
        tell(
            person,
            NoticeKind.CALENDAR_FAILED,
            key=f"calendar-failed-{calendar.pk}-{since:%Y%m%d%H%M%S}-{person.pk}",
            at=at,
            data={
                "calendar": calendar.pk,
                "name": calendar.name,
                "schedule": calendar.schedule.name if calendar.schedule else "",
                "error": message,
                "since": since.isoformat(),
            },
        )


def _told(calendar: ImportedCalendar) -> list[Person]:
    """Whose time off it is; of a schedule, whoever entered it, or else the roster editors."""
    owner = calendar.person or calendar.created_by
    return [owner] if owner and owner.is_active else editors()
