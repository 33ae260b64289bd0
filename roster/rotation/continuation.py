"""Going on with a changed rotation from whoever is on call (rule 8, for more than participants)."""

from datetime import UTC, datetime

from roster.rotation.definition import Entry, Layer
from roster.rotation.handoffs import Handoffs
from roster.rotation.succession import Succession
from roster.rotation.walltime import instant, zone


class Progress:
    """Who holds the turns of one layer, whatever hours it counts in and however long."""

    def __init__(self, layer: Layer, schedule_zone: str) -> None:
        self._layer = layer
        self._handoffs = Handoffs(layer, zone(layer.time_zone or schedule_zone))
        since = layer.start if layer.effective_from is None else layer.effective_from
        begins = min(instant(layer.start), instant(since))
        self._succession = Succession(layer.participants, layer.edits, self._handoffs, begins)

    def next_handoff(self, after: datetime) -> datetime:
        """When the turn after the one at a moment begins, in UTC."""
        _, _, ends = self._handoffs.turn_at(instant(after))
        return datetime.fromtimestamp(ends, UTC)

    def holder(self, at: datetime) -> Entry:
        return self._holder(0, instant(at))

    def holder_just_before(self, at: datetime) -> Entry:
        """Who is on call up to a moment; at a handoff, the outgoing people."""
        return self._holder(0, instant(at) - 1)

    def following(self, at: datetime) -> list[Entry]:
        """Whoever holds each turn after the one at a moment, once round the order of then."""
        known = instant(at)
        versions = [edit for edit in self._layer.edits if instant(edit.at) <= known]
        latest = max(versions, key=lambda edit: instant(edit.at), default=None)
        count = len(latest.participants if latest else self._layer.participants)
        return [self._holder(step, known) for step in range(1, count + 1)]

    def order_for(self, at: datetime, following: list[Entry]) -> list[Entry]:
        """A list by which this layer's turns after the one at a moment have these holders."""
        turn, _, _ = self._handoffs.turn_at(instant(at))
        count = len(following)
        return [following[(place - turn - 1) % count] for place in range(count)]

    def place(self, at: datetime, count: int) -> int:
        """Which entry of a list of `count` the turn at a moment has."""
        return self._handoffs.turn_at(instant(at))[0] % count

    def _holder(self, step: int, at: int) -> Entry:
        turn, _, _ = self._handoffs.turn_at(at)
        return self._succession.holder(turn + step, at)[0]


def agreement(old: Progress, new: Progress, at: datetime) -> datetime | None:
    """From when on a rotation whose turns begin at other times can take over from the old one.

    Between the two handoffs of one turn they disagree about who is on call: taking over there would
    hand back, or hand on, in the middle of it. None if the next handoffs do not end that.
    """
    if new.holder(at) in (old.holder(at), old.holder_just_before(at)):
        return at
    moments = sorted({old.next_handoff(at), new.next_handoff(at)})
    return next((each for each in moments if new.holder(each) == old.holder(each)), None)
