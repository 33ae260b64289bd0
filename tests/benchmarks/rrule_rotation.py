"""The benchmark's rotation told as calendar events, for `recurring-ical-events` to expand.

Each person of each layer has one recurring event, which is how calendars keep a rota. What a
calendar cannot say is left to the reader of its answer: that a layer hides those beneath it, and
that turns are counted over working days only. So the comparison flatters the calendar.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

_WORKDAYS = ("MO", "TU", "WE", "TH", "FR")


def calendar_of(people: tuple[str, ...], started: int, zone: str, overrides: int) -> Calendar:
    """Weeks as the base, office hours by day, weekends, and one event for each override."""
    calendar = Calendar()
    start = datetime(started, 1, 6, 9, tzinfo=ZoneInfo(zone))
    week = timedelta(days=7)
    for number, person in enumerate(people):
        rule = {"freq": "weekly", "interval": len(people)}
        _add(calendar, f"base-{person}", start + number * week, week, rule)
    for number, day in enumerate(_WORKDAYS):
        rule = {"freq": "weekly", "byday": day}
        opens = start + timedelta(days=number)
        _add(calendar, f"office-{people[number]}", opens, timedelta(hours=8), rule)
    for number, person in enumerate(people[2:]):
        rule = {"freq": "weekly", "interval": len(people) - 2}
        opens = start + timedelta(days=4, hours=8) + number * week
        _add(calendar, f"weekend-{person}", opens, timedelta(hours=64), rule)
    for number in range(overrides):
        opens = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(days=17 * number)
        _add(calendar, f"override-{number}", opens, timedelta(hours=20), None)
    return calendar


def _add(
    calendar: Calendar,
    uid: str,
    start: datetime,
    length: timedelta,
    rule: dict[str, object] | None,
) -> None:
    event = Event()
    event.add("uid", uid)
    event.add("summary", uid)
    event.add("dtstart", start)
    event.add("dtend", start + length)
    if rule:
        event.add("rrule", rule)
    calendar.add_component(event)
