"""Who holds which turn, through edits of the participants (rules 3 and 8)."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from roster.rotation.definition import Edit, Entry
from roster.rotation.handoffs import Handoffs
from roster.rotation.walltime import FOREVER, NEVER, instant


@dataclass(frozen=True, slots=True)
class _Order:
    """A list of participants in force: `holder` keeps `turn`, which is at `place` in the list.

    Every later turn moves one place on. The holder need not be the entry at that place: after an
    edit in the middle of a turn it is whoever stays, or takes over, until the next handoff.
    """

    turn: int
    place: int
    holder: Entry
    entries: tuple[Entry, ...]

    def place_at(self, turn: int) -> int:
        return (self.place + turn - self.turn) % len(self.entries)

    def holder_of(self, turn: int) -> Entry:
        if turn == self.turn or not self.entries:
            return self.holder
        return self.entries[self.place_at(turn)]

    def edited(self, turn: int, entries: tuple[Entry, ...]) -> "_Order":
        """The order after an edit during `turn` (rule 8)."""
        listed = {person for entry in entries for person in entry}
        for step in range(len(self.entries)):
            place = self.place_at(turn + step)
            crew = self.entries[place] if step else self.holder_of(turn)
            staying = tuple(person for person in crew if person in listed)
            # A free turn that is still listed stays free, but nobody is no successor to anybody.
            if staying or (step == 0 and crew == () and () in entries):
                return _Order(turn, self._counterpart(place, staying, entries), staying, entries)
        return _beginning(entries, turn)

    def _counterpart(self, place: int, crew: Entry, entries: tuple[Entry, ...]) -> int:
        """The place in the new list that goes on from this one in the old.

        An entry listed several times goes on from its mention of the same number. A group that
        was changed goes on from the entry that has most of its people.
        """
        group = set(self.entries[place])
        same = [number for number, entry in enumerate(entries) if set(entry) == group]
        if same:
            mention = sum(set(entry) == group for entry in self.entries[:place])
            return same[min(mention, len(same) - 1)]
        shared = [len(set(entry).intersection(crew)) for entry in entries]
        return shared.index(max(shared))


def _beginning(entries: tuple[Entry, ...], turn: int = 0) -> _Order:
    return _Order(turn, 0, entries[0] if entries else (), entries)


class Succession:
    """The participants of one layer over time.

    `begins` is when the layer first counts or its turn 0 begins, whichever is earlier. An edit
    before that has nobody to go on from: its list simply takes the old one's place.
    """

    __slots__ = ("_orders", "_since")

    def __init__(
        self,
        entries: tuple[Entry, ...],
        edits: Sequence[Edit],
        handoffs: Handoffs,
        begins: int,
    ) -> None:
        self._since = [NEVER]
        self._orders = [_beginning(entries)]
        for edit in sorted(edits, key=lambda each: instant(each.at)):
            at = instant(edit.at)
            if at < begins:
                order = _beginning(edit.participants)
            else:
                turn, _, _ = handoffs.turn_at(at)
                order = self._orders[-1].edited(turn, edit.participants)
            self._since.append(at)
            self._orders.append(order)

    def holder(self, turn: int, at: int) -> tuple[Entry, int, int]:
        """Who holds a turn at an instant, and the stretch between edits around it."""
        if len(self._orders) == 1:
            return self._orders[0].holder_of(turn), NEVER, FOREVER
        number = bisect_right(self._since, at)
        until = self._since[number] if number < len(self._since) else FOREVER
        return self._orders[number - 1].holder_of(turn), self._since[number - 1], until
