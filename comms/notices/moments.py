"""How notices write moments: in the person's own zone, with its name."""

from datetime import datetime
from zoneinfo import ZoneInfo

from roster.models import Person


def day_and_time(moment: datetime, person: Person) -> str:
    """“Mon 9 Mar, 09:00 GMT”."""
    return f"{moment.astimezone(ZoneInfo(person.time_zone)):%a %-d %b, %H:%M %Z}"


def span(begin: datetime, end: datetime, person: Person) -> str:
    """“Mon 9 Mar, 09:00 to Mon 16 Mar, 09:00 GMT”, with both zones' names where they differ."""
    zone = ZoneInfo(person.time_zone)
    first, last = begin.astimezone(zone), end.astimezone(zone)
    name = "" if first.tzname() == last.tzname() else first.strftime(" %Z")
    if first.date() == last.date():
        return f"{first:%a %-d %b, %H:%M}{name} to {last:%H:%M %Z}"
    return f"{first:%a %-d %b, %H:%M}{name} to {last:%a %-d %b, %H:%M %Z}"
