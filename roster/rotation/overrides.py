"""Deviations from the layers (rule 7)."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from roster.rotation.definition import Override, OverrideKind
from roster.rotation.layers import Crew, Origin
from roster.rotation.walltime import FOREVER, NEVER, instant

Look = Callable[[int], tuple[Crew, int, int]]
"""Tells who is on call at an instant, and a stretch around it in which that stays so."""


class Overrides:
    """All overrides of a schedule, read at one instant after another.

    It holds the stretch `[since, until)` around the last instant asked for in which the same
    overrides are in force, and the numbers of those, in order of creation.
    """

    __slots__ = (
        "_deciding",
        "_in_force",
        "_layers",
        "_marks",
        "_overrides",
        "_since",
        "_spans",
        "_starting",
        "_until",
    )

    def __init__(self, overrides: Sequence[Override], layers: Look) -> None:
        self._overrides = overrides
        self._layers = layers
        self._spans = [(instant(each.start), instant(each.end)) for each in overrides]
        self._starting: dict[int, list[int]] = {}
        for number, (since, _) in enumerate(self._spans):
            self._starting.setdefault(since, []).append(number)
        self._marks = sorted({mark for span in self._spans for mark in span})
        self._in_force: list[int] = []
        self._deciding: list[int] = []
        self._since, self._until = FOREVER, NEVER

    def look(self, at: int) -> tuple[Crew, int, int]:
        """The final crew; the layers are not asked where nothing of them can show."""
        if not self._since <= at < self._until:
            self._seek(at)
        if self._deciding:
            crew, since, until = self._decided(self._deciding, at)
        else:
            crew, since, until = self._layers(at)
        return (
            crew,
            since if since > self._since else self._since,
            until if until < self._until else self._until,
        )

    def _decided(self, numbers: list[int], at: int) -> tuple[Crew, int, int]:
        kind = self._overrides[numbers[0]].kind
        if kind == OverrideKind.TEMPORARY:
            crew, since, until = self._listed(numbers[0], at)
        elif kind == OverrideKind.OVERRIDE:
            crew, since, until = {}, NEVER, FOREVER
        else:
            crew, since, until = self._layers(at)
        for number in numbers:
            crew = _applied(self._overrides[number], (~number, 0, 0), crew)
        return crew, since, until

    def _seek(self, at: int) -> None:
        spans = self._spans
        if at == self._until:
            known = [*self._in_force, *self._starting.get(at, ())]
            self._in_force = sorted(number for number in known if at < spans[number][1])
        else:
            self._in_force = [n for n, (since, until) in enumerate(spans) if since <= at < until]
        place = bisect_right(self._marks, at)
        self._since = self._marks[place - 1] if place else NEVER
        self._until = self._marks[place] if place < len(self._marks) else FOREVER
        self._deciding = self._that_decide()

    def _that_decide(self) -> list[int]:
        """Of those in force, the last temporary alone; else all from the last `override` on."""
        decides = self._in_force
        for place in range(len(self._in_force) - 1, -1, -1):
            kind = self._overrides[self._in_force[place]].kind
            if kind == OverrideKind.TEMPORARY:
                return self._in_force[place : place + 1]
            if kind == OverrideKind.OVERRIDE:
                decides = self._in_force[place:]
        return decides

    def _listed(self, number: int, at: int) -> tuple[Crew, int, int]:
        """Who the mini-schedule of a temporary has on call."""
        crew: Crew = {}
        marks = [NEVER, FOREVER]
        for shift in self._overrides[number].shifts:
            begins, ends = instant(shift.start), instant(shift.end)
            marks += begins, ends
            if begins <= at < ends:
                crew[shift.person] = (~number, 0, 0)
        since = max(mark for mark in marks if mark <= at)
        until = min(mark for mark in marks if mark > at)
        return crew, since, until


def _applied(override: Override, origin: Origin, crew: Crew) -> Crew:
    """The crew with an override. Who is on call already keeps the origin that is known."""
    person = override.person or ""
    match override.kind:
        case OverrideKind.OVERRIDE:
            return {person: origin}
        case OverrideKind.ADD:
            return {person: origin, **crew}
        case OverrideKind.REMOVE:
            return {other: known for other, known in crew.items() if other != person}
        case OverrideKind.REPLACE if override.replaces in crew:
            others = {other: known for other, known in crew.items() if other != override.replaces}
            return crew if person == override.replaces else {person: origin, **others}
    return crew
