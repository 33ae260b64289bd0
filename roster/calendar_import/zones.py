"""What a TZID of a calendar stands for, looked up afresh for each file.

The parser's own table is shared by the whole process: there one calendar's "Office time" would
become that of the next. So names are resolved here, and the parser sees local times only.
"""

from datetime import UTC, datetime, tzinfo
from io import StringIO
from zoneinfo import ZoneInfo

from dateutil.tz import tzical
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from roster.calendar_import.lines import Block, Line
from roster.calendar_import.recurrence import RuleError, expand, read_rule

_MOST_OWN = 5
_MOST_PARTS = 12
_MOST_LINES = 200
# Programs begin their rules in 1601; what is read here is near the present.
_FROM, _UNTIL = datetime(2015, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
_TIMES = frozenset({"RDATE", "DTSTART", "TZOFFSETFROM", "TZOFFSETTO"})


class Zones:
    """The time zones that one calendar file names."""

    def __init__(self, calendar: Block) -> None:
        self._defined = {
            _value(block, "TZID"): block for block in calendar.inner if block.kind == "VTIMEZONE"
        }
        self._found: dict[str, tzinfo | None] = {}
        self._computed = 0

    def find(self, name: str) -> tzinfo | None:
        """The zone of that name: a known one, or what the file itself says about it."""
        name = name.strip().strip('"')
        if name not in self._found:
            self._found[name] = _known(name) or self._own(name)
        return self._found[name]

    def _own(self, name: str) -> tzinfo | None:
        block = self._defined.get(name)
        if block is None:
            return None
        if known := _known(_value(block, "X-LIC-LOCATION")):
            return known
        self._computed += 1
        return _computed(block) if self._computed <= _MOST_OWN else None


def _known(name: str) -> tzinfo | None:
    """By the name of the zone database, of Windows, or a path that ends in the former."""
    parts = name.strip("/").split("/")
    tries = ["/".join(parts[start:]) for start in range(len(parts))]
    for each in (WINDOWS_TO_OLSON.get(name, ""), *tries):
        try:
            if each and (each == name or "/" in each or each == tries[0]):
                return ZoneInfo(each)
        except (KeyError, ValueError, OSError):
            continue
    return None


def _computed(block: Block) -> tzinfo | None:
    """The zone that the file's own rules describe; None where they make no sense."""
    lines = sum(len(part.lines) for part in block.inner)
    if lines > _MOST_LINES or len(block.inner) > _MOST_PARTS:
        return None
    text = ["BEGIN:VTIMEZONE", "TZID:own"]
    try:
        for part in block.inner:
            text += [f"BEGIN:{part.kind}", *_plain(part), f"END:{part.kind}"]
        return tzical(StringIO("\n".join([*text, "END:VTIMEZONE"]))).get()
    except (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError):
        return None


def _plain(part: Block) -> list[str]:
    """The lines that say when which offset counts, rules written out; without parameters."""
    found = [f"{line.name}:{_of(line)}" for line in part.lines if line.name in _TIMES]
    start = datetime.strptime(_first(part, "DTSTART")[:15], "%Y%m%dT%H%M%S")  # noqa: DTZ007
    for line in part.lines:
        if line.name == "RRULE":
            rule = read_rule(_of(line))
            if rule.frequency != "YEARLY":
                raise RuleError("it is not a rule of a time zone")
            begins = start.replace(year=max(start.year, _FROM.year))
            times = expand(rule, begins, _UNTIL)
            found += [f"RDATE:{each:%Y%m%dT%H%M%S}" for each in times]
    return found


def _first(part: Block, name: str) -> str:
    return next(_of(line) for line in part.lines if line.name == name)


def _value(block: Block, name: str) -> str:
    return next((_of(line) for line in block.lines if line.name == name), "")


def _of(line: Line) -> str:
    return line.text.partition(":")[2].strip()
