"""Who is on call by the layers alone (rules 3 to 6)."""

from collections.abc import Sequence

from roster.rotation.definition import Entry, Layer
from roster.rotation.handoffs import Handoffs
from roster.rotation.succession import Succession
from roster.rotation.walltime import FOREVER, NEVER, instant, zone
from roster.rotation.windows import Hours

Origin = tuple[int, int, int]
"""Where somebody's being on call comes from: number of the layer, turn, place in the group.

An override is the complement of its number (below 0), turn 0. The place does not tell apart.
"""

Crew = dict[str, Origin]
"""Who is on call at an instant, each with one origin."""


class Track:
    """One layer, read at one instant after another.

    It holds the stretch `[since, until)` around the last instant sought, in which `crew` is the
    same: within it there is nothing to seek.
    """

    __slots__ = (
        "_from",
        "_handoffs",
        "_hours",
        "_succession",
        "_until",
        "crew",
        "number",
        "since",
        "until",
    )

    def __init__(self, number: int, layer: Layer, schedule_zone: str) -> None:
        local = zone(layer.time_zone or schedule_zone)
        start = instant(layer.start)
        self.number = number
        self._from = start if layer.effective_from is None else instant(layer.effective_from)
        until = layer.effective_until
        self._until = FOREVER if until is None else instant(until)
        self._handoffs = Handoffs(layer, local)
        self._hours = Hours(layer.restrictions, local) if layer.restrictions else None
        self._succession = Succession(
            layer.participants, layer.edits, self._handoffs, min(start, self._from)
        )
        self.crew: Crew = {}
        self.since, self.until = FOREVER, NEVER

    def seek(self, at: int) -> None:
        """Make the stretch the one around an instant."""
        if at < self._from:
            self._set((), 0, NEVER, self._from)
        elif at >= self._until:
            self._set((), 0, max(self._from, self._until), FOREVER)
        else:
            self._seek_turn(at)

    def _seek_turn(self, at: int) -> None:
        since, until = self._from, self._until
        if self._hours is not None:
            is_open, opened, closes = self._hours.around(at)
            since, until = max(since, opened), min(until, closes)
            if not is_open:
                self._set((), 0, since, until)
                return
        turn, begins, ends = self._handoffs.turn_at(at)
        entry, edited, edits = self._succession.holder(turn, at)
        self._set(entry, turn, max(since, begins, edited), min(until, ends, edits))

    def _set(self, entry: Entry, turn: int, since: int, until: int) -> None:
        self.since, self.until = since, until
        number = self.number
        if len(entry) == 1:
            self.crew = {entry[0]: (number, turn, 0)}
        else:
            self.crew = {person: (number, turn, slot) for slot, person in enumerate(entry)}


class Layers:
    """All layers of a schedule: of those that have somebody, the highest priority wins."""

    __slots__ = ("_tiers",)

    def __init__(self, layers: Sequence[Layer], schedule_zone: str) -> None:
        tiers: dict[int, list[Track]] = {}
        for number, layer in enumerate(layers):
            priority = number if layer.priority is None else layer.priority
            tiers.setdefault(priority, []).append(Track(number, layer, schedule_zone))
        self._tiers = [tiers[priority] for priority in sorted(tiers, reverse=True)]

    def look(self, at: int) -> tuple[Crew, int, int]:
        """Who is on call at an instant, and a stretch around it in which that stays so.

        Somebody in several layers of one priority is on call once, by the first of them.
        """
        since, until = NEVER, FOREVER
        for tier in self._tiers:
            crew: Crew = {}
            for track in tier:
                if not track.since <= at < track.until:
                    track.seek(at)
                if track.since > since:
                    since = track.since
                if track.until < until:
                    until = track.until
                crew = {**track.crew, **crew} if crew else track.crew
            if crew:
                return crew, since, until
        return {}, since, until
