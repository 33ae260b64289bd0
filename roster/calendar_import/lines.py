"""The lines of an iCalendar file (RFC 5545 §3.1), numbered, before anything else reads them.

Only what the import needs is taken along: calendar, zones and events, and of an event the
properties below. Alarms, to-dos, attachments and descriptions never reach the parser.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from roster.calendar_import.errors import CalendarError

MOST_EVENTS = 10_000
MOST_ZONES = 60
LONGEST_LINE = 20_000

EVENT_PROPERTIES = frozenset(
    {
        "UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID",
        "SEQUENCE", "SUMMARY", "STATUS", "TRANSP", "ATTENDEE", "ORGANIZER",
        "X-MICROSOFT-CDO-BUSYSTATUS",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One content line, unfolded. `number` is where it begins in the file, from 1."""

    number: int
    text: str

    @property
    def name(self) -> str:
        """The property's name in capitals, without parameters."""
        return self.text.partition(":")[0].partition(";")[0].strip().upper()


@dataclass
class Block:
    """A component: its lines between BEGIN and END, and the components within it."""

    kind: str
    number: int
    lines: list[Line] = field(default_factory=list)
    inner: list["Block"] = field(default_factory=list)


def read_blocks(content: bytes, *, field_name: str = "url") -> Block:
    """The calendar of a file as blocks. Raises CalendarError naming the line at fault."""
    text = _decoded(content)
    if "BEGIN:VCALENDAR" not in text[:4096].upper():
        raise CalendarError(
            "calendar_not_ical",
            "This is not an iCalendar file: it does not begin with BEGIN:VCALENDAR. Copy the "
            "address that ends in .ics, not the one of the page that shows the calendar.",
            field=field_name,
        )
    root = Block("", 0)
    open_blocks = [root]
    for line in unfolded(text):
        _take(line, open_blocks, field_name)
    if len(open_blocks) > 1:
        raise _broken(
            open_blocks[-1].number,
            f"{open_blocks[-1].kind} is never closed; the file ends in the middle",
            field_name,
        )
    calendar = next((block for block in root.inner if block.kind == "VCALENDAR"), None)
    if calendar is None:
        raise _broken(1, "there is no VCALENDAR in it", field_name)
    for other in root.inner:
        if other.kind == "VCALENDAR" and other is not calendar:
            calendar.inner += other.inner
    _count(calendar, field_name)
    return calendar


def unfolded(text: str) -> Iterator[Line]:
    """Content lines: a line that begins with a blank continues the one before."""
    number, parts = 0, [""]
    for place, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        if line[:1] in (" ", "\t"):
            parts.append(line[1:])
            continue
        if joined := "".join(parts).strip():
            yield Line(number, joined)
        number, parts = place, [line]
    if joined := "".join(parts).strip():
        yield Line(number, joined)


def _decoded(content: bytes) -> str:
    """UTF-8, as the standard says; else the Western European set that old programs write."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\x00", "")


def _take(line: Line, open_blocks: list[Block], field_name: str) -> None:
    value = line.text.partition(":")[2].strip().upper()
    if line.name == "BEGIN":
        block = Block(value, line.number)
        if len(open_blocks) > 5:
            raise _broken(line.number, "components are nested too deeply", field_name)
        open_blocks[-1].inner.append(block)
        open_blocks.append(block)
    elif line.name == "END":
        if len(open_blocks) == 1 or open_blocks[-1].kind != value:
            raise _broken(line.number, f"END:{value[:40]} closes nothing that is open", field_name)
        open_blocks.pop()
    else:
        _keep(line, open_blocks[-1], field_name)


def _keep(line: Line, block: Block, field_name: str) -> None:
    if block.kind == "VEVENT" and line.name not in EVENT_PROPERTIES:
        return
    if block.kind not in ("VEVENT", "VCALENDAR", "VTIMEZONE", "STANDARD", "DAYLIGHT"):
        return
    if len(line.text) > LONGEST_LINE:
        raise _broken(line.number, f"{line.name[:40]} is too long", field_name)
    block.lines.append(line)


def _count(calendar: Block, field_name: str) -> None:
    events = sum(block.kind == "VEVENT" for block in calendar.inner)
    zones = sum(block.kind == "VTIMEZONE" for block in calendar.inner)
    if events > MOST_EVENTS or zones > MOST_ZONES:
        raise CalendarError(
            "calendar_too_many",
            f"This calendar lists more than {MOST_EVENTS:,} events or {MOST_ZONES} time zones. "
            "Share one that reaches less far back.",
            field=field_name,
        )


def _broken(number: int, what: str, field_name: str) -> CalendarError:
    return CalendarError(
        "calendar_broken",
        f"This calendar file is broken at line {number}: {what}. Export it again.",
        field=field_name,
    )
