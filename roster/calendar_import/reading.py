"""From the bytes of a calendar to the times it says somebody is busy, within limits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from recurring_ical_events import CalendarQuery

from roster.calendar_import.errors import CalendarError
from roster.calendar_import.events import HORIZON, BadLineError, EventReader, refused, value_of
from roster.calendar_import.lines import Block, read_blocks
from roster.calendar_import.recurrence import Moment
from roster.calendar_import.zones import Zones

MOST_OCCURRENCES = 2_000
MOST_PROBLEMS = 50
KEY_LENGTH = 240

_FREE = frozenset({"FREE", "WORKINGELSEWHERE"})
_REPEATED = frozenset({"RRULE", "RDATE", "RECURRENCE-ID"})


@dataclass(frozen=True)
class Occurrence:
    """One event at one time. `key` stays the same from one reading to the next.

    A repeated event has one for each time; `event_key` is what they begin with. `emails` are the
    attendees', lower case, then the organiser's.
    """

    key: str
    event_key: str
    starts_at: datetime
    ends_at: datetime
    summary: str
    attendees: tuple[str, ...] = ()
    organizer: str = ""


@dataclass
class Reading:
    """What a calendar says. `problems` are sentences; `unreadable` the keys of their events."""

    occurrences: list[Occurrence] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)

    def add_problem(self, text: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(text)


def read_calendar(
    content: bytes, *, zone: ZoneInfo, at: datetime, field_name: str = "url"
) -> Reading:
    """The busy times of a calendar that end after `at`, up to the horizon, by start.

    Days, and times without a zone, are those of `zone`. Cancelled and free events are left out.
    An event that cannot be read is a problem, and the others count; a file of which nothing can
    be read, or that would grow beyond the limits, raises CalendarError.
    """
    calendar = read_blocks(content, field_name=field_name)
    reader = _Reader(Zones(calendar), zone, at, field_name)
    for block in calendar.inner:
        if block.kind == "VEVENT":
            reader.take(block)
    return reader.result()


class _Reader:
    """The events of one file, collected one by one and expanded together."""

    def __init__(self, zones: Zones, zone: ZoneInfo, at: datetime, field_name: str) -> None:
        self._zone, self._field = zone, field_name
        self._at, self._until = at, at + HORIZON
        self._events = EventReader(zones, zone, at, field_name)
        self._reading = Reading()
        self._calendar = Calendar()
        self._repeated: set[str] = set()
        self._taken = 0

    def take(self, block: Block) -> None:
        uid = next((value_of(line) for line in block.lines if line.name == "UID"), "")
        key = _event_key(uid or f"line-{block.number}")
        try:
            event = self._events.read(block, uid)
        except BadLineError as problem:
            self._reading.add_problem(str(problem))
            self._reading.unreadable.add(key)
            return
        self._calendar.add_component(event)
        self._taken += 1
        if event.keys() & _REPEATED:
            self._repeated.add(key)

    def result(self) -> Reading:
        if not self._taken and self._reading.problems:
            raise CalendarError("calendar_broken", self._reading.problems[0], field=self._field)
        for component in self._expanded():
            if occurrence := self._occurrence(component):
                self._reading.occurrences.append(occurrence)
        if len(self._reading.occurrences) > MOST_OCCURRENCES:
            raise refused(
                self._field, f"it has more than {MOST_OCCURRENCES:,} events in the next year"
            )
        self._reading.occurrences.sort(key=lambda each: (each.starts_at, each.key))
        return self._reading

    def _expanded(self) -> list[Event]:
        # Naive bounds would be taken in the zone of each event; a day more on both sides is cut
        # off again below.
        day = timedelta(days=1)
        found: list[Event] = []
        query = CalendarQuery(self._calendar, keep_recurrence_attributes=True)
        for series in query.series:
            try:
                for occurrence in series.between(self._at - day, self._until + day):
                    found.append(occurrence.as_component(keep_recurrence_attributes=True))
                    if len(found) > 2 * MOST_OCCURRENCES:
                        return found
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                self._reading.unreadable.add(_event_key(str(series.uid)))
                self._reading.add_problem(
                    f"The repetitions of the event “{str(series.uid)[:60]}” make no sense."
                )
        return found

    def _occurrence(self, component: Event) -> Occurrence | None:
        if _is_free(component):
            return None
        starts_at = _instant(component.start, self._zone)
        ends_at = _instant(component.end, self._zone)
        if ends_at <= max(starts_at, self._at) or starts_at >= self._until:
            return None
        event_key = _event_key(str(component["UID"]))
        original = component.get("RECURRENCE-ID")
        when = _instant(original.dt, self._zone) if original else starts_at
        return Occurrence(
            key=f"{event_key}|{when:%Y%m%dT%H%MZ}" if event_key in self._repeated else event_key,
            event_key=event_key,
            starts_at=starts_at,
            ends_at=ends_at,
            summary=" ".join(str(component.get("SUMMARY", "")).split())[:200],
            attendees=tuple(component.get("X-MUSTER-ATTENDEES", "").split()),
            organizer=str(component.get("X-MUSTER-ORGANIZER", "")),
        )


def _is_free(component: Event) -> bool:
    """Cancelled, or shown as free: nobody is away or on call because of it (RFC 5545 §3.8.2.7)."""
    return (
        str(component.get("STATUS", "")).upper() == "CANCELLED"
        or str(component.get("TRANSP", "")).upper() == "TRANSPARENT"
        or str(component.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper() in _FREE
    )


def _event_key(uid: str) -> str:
    """The event's UID; one that is too long to keep stands as its digest."""
    return uid if len(uid) <= KEY_LENGTH else sha256(uid.encode()).hexdigest()


def _instant(moment: Moment, zone: ZoneInfo) -> datetime:
    """UTC, in whole minutes; a day begins at its midnight in `zone`."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min, zone)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
