"""Reading decoded JSON strictly, with every problem kept under the path of its field."""

import re
from datetime import UTC, datetime, time
from difflib import get_close_matches
from enum import StrEnum

from roster.rotation.walltime import zone

YEARS = range(1970, 2201)
LONGEST_TEXT = 200
# The path of problems with the document itself.
WHOLE = "body"

_NO_MOMENT = datetime(YEARS.start, 1, 1, tzinfo=UTC)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::(\d\d))?")


class PreviewError(Exception):
    """A document that cannot be answered: sentences by the path of the field they are about."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{path}: {' '.join(said)}" for path, said in fields.items()))
        self.fields = fields


class Node:
    """One value of a document.

    A method that reads the value as something it is not notes the problem and returns a stand-in
    of the right type, so that one pass finds all problems. Nothing read counts while there are
    any. JSON's null is the same as leaving a field out.
    """

    __slots__ = ("path", "problems", "value")

    def __init__(self, value: object, path: str, problems: dict[str, list[str]]) -> None:
        self.value = value
        self.path = path
        self.problems = problems

    @property
    def given(self) -> bool:
        return self.value is not None

    @property
    def sound(self) -> bool:
        """Whether the value is there and no problem with it is known."""
        return self.given and self.path not in self.problems

    def refuse(self, sentence: str) -> None:
        self.problems.setdefault(self.path, []).append(sentence)

    def fields(self, *names: str) -> dict[str, "Node"]:
        """The named fields of an object. If this is none, that is the one problem noted."""
        if not isinstance(self.value, dict):
            self._wrong("an object")
            return {name: Node(None, name, {}) for name in names}
        for name in self.value.keys() - set(names):
            near = get_close_matches(str(name), names, n=1)
            hint = f"Did you mean “{near[0]}”?" if near else f"Known are {', '.join(names)}."
            self._child(str(name)).refuse(f"There is no such field. {hint}")
        return {name: self._child(name, self.value.get(name)) for name in names}

    def items(self, limit: int) -> list["Node"]:
        """The items of a list; a field left out is an empty one."""
        if not self.given:
            return []
        if not isinstance(self.value, list):
            self._wrong("a list")
            return []
        if len(self.value) > limit:
            self.refuse(f"There are {len(self.value)} of these; the most is {limit}.")
            return []
        return [
            Node(item, f"{self.path}[{number}]", self.problems)
            for number, item in enumerate(self.value)
        ]

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            self._wrong("text")
            return ""
        if len(self.value) > LONGEST_TEXT:
            self.refuse(f"This is longer than {LONGEST_TEXT} characters.")
        return self.value

    def integer(self, low: int, high: int) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self._wrong("a whole number")
        elif not low <= self.value <= high:
            self.refuse(f"Give a whole number from {low} to {high}.")
        else:
            return self.value
        return low

    def choice[Choice: StrEnum](self, choices: type[Choice]) -> Choice:
        known = list(choices)
        for each in known:
            if self.value == each.value:
                return each
        names = ", ".join(known)
        self.refuse(f"Give one of {names}." if self.given else "This field is required.")
        return known[0]

    def zone(self) -> str:
        name = self.text()
        if name:
            try:
                zone(name)
            except (KeyError, ValueError, OSError):
                self.refuse(f"“{name}” is not a time zone. Write it like Europe/London.")
        return name

    def clock(self) -> time:
        """A time of day, as 09:00."""
        match = _CLOCK.fullmatch(self.value) if isinstance(self.value, str) else None
        if match is None:
            self._wrong("a time of day from 00:00 to 23:59, such as 09:00")
            return time()
        hour, minute, second = match.groups()
        if second not in (None, "00"):
            self.refuse("Give whole minutes, without seconds.")
        return time(int(hour), int(minute))

    def moment(self) -> datetime:
        """A date and time with offset, to the minute."""
        try:
            moment = datetime.fromisoformat(self.value if isinstance(self.value, str) else "")
        except ValueError:
            self._wrong("a date and time with offset, such as 2026-03-23T09:00+00:00")
            return _NO_MOMENT
        problem = _problem(moment)
        if problem:
            self.refuse(problem)
            return _NO_MOMENT
        return moment

    def _child(self, name: str, value: object = None) -> "Node":
        return Node(value, f"{self.path}.{name}" if self.path else name, self.problems)

    def _wrong(self, wanted: str) -> None:
        self.refuse(f"Give {wanted}." if self.given else "This field is required.")


def period(start: Node, end: Node) -> tuple[datetime, datetime]:
    """Two moments of which the second must be the later."""
    begins, ends = start.moment(), end.moment()
    if start.sound and end.sound and ends.astimezone(UTC) <= begins.astimezone(UTC):
        end.refuse("The end must be after the start.")
    return begins, ends


def _problem(moment: datetime) -> str | None:
    offset = moment.utcoffset()
    if offset is None:
        return "Give the offset from UTC too, such as +01:00, or Z."
    if moment.second or moment.microsecond or offset.total_seconds() % 60:
        return "Give whole minutes, without seconds."
    if moment.year not in YEARS:
        return f"Give a year from {YEARS.start} to {YEARS.stop - 1}."
    return None
