"""One event of a calendar, taken from its lines: every line checked, every rule given an end."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from icalendar import Event
from icalendar.parser import Contentline

from roster.calendar_import.errors import CalendarError
from roster.calendar_import.lines import Block, Line
from roster.calendar_import.recurrence import (
    MOST_DAYS,
    BombError,
    Moment,
    Rule,
    RuleError,
    cost,
    expand,
    read_rule,
)
from roster.calendar_import.zones import Zones

HORIZON = timedelta(days=396)
"""How far ahead a calendar is read: thirteen months."""

MOST_TIMES = 10_000  # of all rules together, the last two years included
MOST_DATES = 2_000  # listed one by one, in RDATE and EXDATE together
MOST_RULES = 5
LONGEST = timedelta(days=1_100)
LONGEST_REPEATED = timedelta(days=366)

_YEARS = range(1971, 2200)


class BadLineError(Exception):
    """A line of an event that cannot be read, and why."""

    def __init__(self, line: Line, why: str) -> None:
        super().__init__(f"Line {line.number}, {line.name}: {why}.")


class EventReader:
    """Reads the events of one file; the limits count over all of them."""

    def __init__(self, zones: Zones, zone: ZoneInfo, at: datetime, field_name: str) -> None:
        self._zones, self._zone, self._field = zones, zone, field_name
        self._at, self._until = at, at + HORIZON
        self._dates = self._days = self._times = 0

    def read(self, block: Block, uid: str) -> Event:
        """The event as the expander wants it. Raises BadLineError, or CalendarError at a limit."""
        event = Event()
        event.add("uid", uid or f"line-{block.number}")
        by_name: dict[str, list[Line]] = {}
        for line in block.lines:
            by_name.setdefault(line.name, []).append(line)
        if "DTSTART" not in by_name:
            raise BadLineError(Line(block.number, "DTSTART"), "this event does not say when it is")
        start = self._moment(event, by_name["DTSTART"][0])
        self._end(event, by_name, start)
        self._repetitions(event, by_name, start)
        for line in by_name.get("RECURRENCE-ID", [])[:1]:
            self._recurrence_id(event, line, start)
        _words(event, by_name)
        return event

    def _moment(self, event: Event, line: Line) -> Moment:
        moment = next(iter(self._values(line)), None)
        if not isinstance(moment, date) or moment.year not in _YEARS:
            raise BadLineError(line, f"“{value_of(line)[:40]}” is not a date of our time")
        event.add(line.name, moment)
        return moment

    def _values(self, line: Line) -> list[object]:
        """What a line lists, its times in the zone it names or else in ours."""
        try:
            # The library leaves this class without types.
            name, parameters, value = Contentline(line.text).parts()  # type: ignore[no-untyped-call]
            zone_name = str(parameters.pop("TZID", "") or "")
            component = Event.from_ical(
                f"BEGIN:VEVENT\r\n{_without_zone(line, name, parameters, value)}\r\nEND:VEVENT\r\n"
            )
            parsed = component[name.upper()]
            found = [each.dt for each in getattr(parsed, "dts", [parsed])]
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise BadLineError(line, f"“{value_of(line)[:40]}” is not a date or time") from None
        zone = self._zone_of(line, zone_name)
        return [_in_zone(each, zone) for each in found]

    def _zone_of(self, line: Line, name: str) -> tzinfo:
        if not name:
            return self._zone
        zone = self._zones.find(name)
        if zone is None:
            raise BadLineError(line, f"the time zone “{name[:60]}” is not known")
        return zone

    def _end(self, event: Event, by_name: dict[str, list[Line]], start: Moment) -> None:
        length = timedelta(days=0 if isinstance(start, datetime) else 1)
        if lines := by_name.get("DTEND"):
            end = self._moment(event, lines[0])
            length = _distance(start, end)
            # A day and a time cannot be told apart from a typing error; the time counts.
            if isinstance(start, datetime) != isinstance(end, datetime):
                raise BadLineError(lines[0], "one of start and end is a day, the other a time")
        elif lines := by_name.get("DURATION"):
            given = next(iter(self._values(lines[0])), None)
            if not isinstance(given, timedelta):
                raise BadLineError(lines[0], "this is not a duration")
            length = given
            if length.seconds and not isinstance(start, datetime):
                raise BadLineError(lines[0], "a whole day cannot last hours")
            event.add("duration", length)
        longest = LONGEST_REPEATED if by_name.keys() & {"RRULE", "RDATE"} else LONGEST
        line = (by_name.get("DTEND") or by_name.get("DURATION") or by_name["DTSTART"])[0]
        if length < timedelta():
            raise BadLineError(line, "the event ends before it starts")
        if length > longest:
            raise BadLineError(line, f"the event lasts longer than {longest.days} days")

    def _repetitions(self, event: Event, by_name: dict[str, list[Line]], start: Moment) -> None:
        if len(by_name.get("RRULE", [])) > MOST_RULES:
            raise refused(self._field, "an event has more than five recurrence rules")
        for line in by_name.get("RRULE", []):
            try:
                for each in self._expanded(read_rule(value_of(line)), start):
                    event.add("rdate", each)
            except BombError as error:
                raise refused(self._field, f"line {line.number}: {error}") from None
            except (ArithmeticError, ValueError) as error:
                why = str(error) if isinstance(error, RuleError) else "it makes no sense"
                raise BadLineError(line, why) from None
        for name in ("RDATE", "EXDATE"):
            for line in by_name.get(name, []):
                self._listed(event, name, line, start)

    def _expanded(self, rule: Rule, start: Moment) -> Iterator[Moment]:
        """The times of a rule as single dates; those long past are of no use any more."""
        self._days += cost(rule, start, self._until)
        if self._days > MOST_DAYS:
            raise BombError("it repeats too often or for too long")
        zone = start.tzinfo if isinstance(start, datetime) else None
        since = (self._at.astimezone(zone) - 2 * LONGEST_REPEATED).replace(tzinfo=None)
        for each in expand(rule, start, self._until):
            if each < since:
                continue
            self._times += 1
            if self._times > MOST_TIMES:
                raise BombError(f"there are more than {MOST_TIMES:,} times in all")
            yield each.replace(tzinfo=zone) if isinstance(start, datetime) else each.date()

    def _listed(self, event: Event, name: str, line: Line, start: Moment) -> None:
        """Dates one by one, of the same sort as the start."""
        self._dates += line.text.count(",") + 1
        if self._dates > MOST_DATES:
            raise refused(self._field, f"it lists more than {MOST_DATES:,} single dates")
        for each in self._values(line):
            value = each[0] if isinstance(each, tuple) else each
            if not isinstance(value, date) or value.year not in _YEARS:
                raise BadLineError(line, "there is a date in it that is not of our time")
            event.add(name, _like(value, start))

    def _recurrence_id(self, event: Event, line: Line, start: Moment) -> None:
        moment = self._moment(Event(), line)
        if abs(_distance(moment, start)) > LONGEST_REPEATED:
            raise BadLineError(line, "the event was moved by more than a year")
        parameters = {"RANGE": "THISANDFUTURE"} if "THISANDFUTURE" in line.text.upper() else {}
        event.add("recurrence-id", moment, parameters=parameters)


def refused(field_name: str, why: str) -> CalendarError:
    return CalendarError(
        "calendar_too_many",
        f"This calendar is refused: {why}. Share one with fewer events.",
        field=field_name,
    )


def _words(event: Event, by_name: dict[str, list[Line]]) -> None:
    """What is not a time, as plain text that the expander only copies."""
    for name in ("SUMMARY", "STATUS", "TRANSP", "X-MICROSOFT-CDO-BUSYSTATUS"):
        for line in by_name.get(name, [])[:1]:
            text = value_of(line).replace("\\n", " ").replace("\\N", " ").replace("\\", "")
            event.add(name, text)
    for line in by_name.get("SEQUENCE", [])[:1]:
        event.add("sequence", int(value_of(line)) if value_of(line).isdecimal() else 0)
    emails = [_email(line) for line in by_name.get("ATTENDEE", [])[:200]]
    event.add("x-muster-attendees", " ".join(filter(None, emails)))
    for line in by_name.get("ORGANIZER", [])[:1]:
        event.add("x-muster-organizer", _email(line))


def _without_zone(line: Line, name: str, parameters: object, value: str) -> str:
    kind = getattr(parameters, "get", lambda _: None)("VALUE")
    return f"{name};VALUE={kind}:{value}" if kind else f"{name}:{value}"


def value_of(line: Line) -> str:
    """What stands behind the first colon outside quotation marks."""
    quoted = False
    for place, character in enumerate(line.text):
        if character == '"':
            quoted = not quoted
        elif character == ":" and not quoted:
            return line.text[place + 1 :].strip()
    return ""


def _email(line: Line) -> str:
    scheme, _, address = value_of(line).partition(":")
    is_plain = scheme.lower() == "mailto" and "@" in address and not set(address) & set(" \t")
    return address.lower() if is_plain else ""


def _in_zone(value: object, zone: tzinfo) -> object:
    if isinstance(value, tuple):
        return tuple(_in_zone(each, zone) for each in value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=zone)
    return value


def _like(value: Moment, start: Moment) -> Moment:
    """A listed date as the same sort of thing as the start: programs mix days and times."""
    if isinstance(start, datetime):
        if isinstance(value, datetime):
            return value.astimezone(start.tzinfo)
        return datetime.combine(value, start.timetz())
    return value.date() if isinstance(value, datetime) else value


def _distance(start: Moment, end: Moment) -> timedelta:
    if isinstance(start, datetime) and isinstance(end, datetime):
        return end.astimezone(UTC) - start.astimezone(UTC)
    return timedelta(days=(_day(end) - _day(start)).days)


def _day(moment: Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment
