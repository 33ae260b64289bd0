"""Time off, calendars that were entered, and the text of calendar files."""

from datetime import UTC, datetime, timedelta
from typing import Any

from roster.models import ImportedCalendar, Person, Schedule, TimeOff

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)

# Keyword arguments go straight to the model, whatever its fields are: hence Any.


def make_time_off(person: Person, **fields: Any) -> TimeOff:
    """Two days away from 10 March 2026, noon, unless said otherwise."""
    fields.setdefault("starts_at", NOON)
    fields.setdefault("ends_at", fields["starts_at"] + timedelta(days=2))
    return TimeOff.objects.create(person=person, **fields)


def make_calendar(owner: Person | Schedule, **fields: Any) -> ImportedCalendar:
    fields.setdefault("name", "Holidays")
    fields.setdefault("url", "https://calendars.example.com/a.ics")
    kind = "person" if isinstance(owner, Person) else "schedule"
    return ImportedCalendar.objects.create(**{kind: owner}, **fields)


def ics(*events: str, zones: str = "") -> bytes:
    """A calendar file; each event is its lines, without BEGIN and END."""
    blocks = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{zones}{blocks}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()
