"""What a TZID of a calendar stands for, looked up afresh for each file.

The parser's own table is shared by the whole process: there one calendar's "Office time" would
become that of the next. So names are resolved here, and the parser sees local times only.
"""

from datetime import tzinfo
from io import StringIO
from zoneinfo import ZoneInfo

from dateutil.tz import tzical
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from roster.calendar_import.lines import Block, Line
from roster.calendar_import.recurrence import RuleError, read_rule

_MOST_OWN = 5
_MOST_PARTS = 12
_MOST_LINES = 200
_RULES_END = "UNTIL=20500101T000000"
_YEARLY_PARTS = frozenset({"FREQ", "INTERVAL", "BYMONTH", "BYDAY", "BYMONTHDAY", "WKST", "UNTIL"})
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
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None


def _plain(part: Block) -> list[str]:
    """The lines that say when which offset counts; parameters are left out, as dateutil wants."""
    found = []
    for line in part.lines:
        if line.name == "RRULE":
            found.append(f"RRULE:{_yearly(_of(line))}")
        elif line.name in _TIMES:
            found.append(f"{line.name}:{_of(line)}")
    return found


def _yearly(text: str) -> str:
    """A rule of a time zone: yearly, and with an end, or each look-up might count for ever."""
    rule = read_rule(text)
    if rule["FREQ"] != "YEARLY" or not rule.keys() <= _YEARLY_PARTS:
        raise RuleError("it is not a rule of a time zone")
    until = rule.pop("UNTIL", "")
    end = _RULES_END if not until or until[:4] >= "2050" else f"UNTIL={until[:15]}"
    return ";".join([*(f"{name}={value}" for name, value in rule.items()), end])


def _value(block: Block, name: str) -> str:
    return next((_of(line) for line in block.lines if line.name == name), "")


def _of(line: Line) -> str:
    return line.text.partition(":")[2].strip()
