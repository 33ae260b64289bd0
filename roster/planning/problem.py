"""What the planner is asked, in plain immutable values: no ORM, no clock.

Rotations and turns are numbered from 0, people are known by id. A place is one turn of one
rotation. Moments are aware; burdens are whole minutes.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Self

Place = tuple[int, int]
"""A rotation and a turn of it."""

Roster = Mapping[Place, int]
"""Who takes which place, by the person's id."""

MINUTES = 60


class Why(StrEnum):
    """Why a person cannot take a place."""

    AWAY = "away"
    UNQUALIFIED = "unqualified"
    INACTIVE = "inactive"
    NOT_LISTED = "not_listed"


@dataclass(frozen=True, slots=True)
class Load:
    """The hours that nobody likes, in minutes; a minute can be several at once."""

    nights: int = 0
    weekends: int = 0
    holidays: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.nights + other.nights,
            self.weekends + other.weekends,
            self.holidays + other.holidays,
        )

    def hours(self) -> tuple[int, int, int]:
        """Rounded, which is as fine as fairness needs it."""
        return (
            round(self.nights / MINUTES),
            round(self.weekends / MINUTES),
            round(self.holidays / MINUTES),
        )


KINDS = ("nights", "weekends", "holidays")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may take turns.

    `ledger` is what they carried in the months that count, and carry until the period begins; for
    somebody who joined meanwhile it includes `credit`, what the others carried on average before.
    `worked` are the turns just before the period on which they are on call: -1 is the last.
    """

    key: int
    name: str
    ledger: Load = Load()
    credit: Load = Load()
    worked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of one rotation: its stretches of duty (several where hours are restricted)."""

    starts_at: datetime
    ends_at: datetime
    spans: tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True, slots=True)
class Rotation:
    key: int
    name: str
    people: tuple[int, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """`rest` free turns between two spells of at most `consecutive` turns, over all rotations."""

    rest: int = 1
    consecutive: int = 1
    most_turns: int | None = None
    wish_hours: int = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """`places` are those it touches; kept by taking one of them, or none if `avoids`."""

    person: int
    avoids: bool
    places: frozenset[Place]
    text: str = ""


@dataclass(frozen=True)
class Problem:
    """`blocked` says who cannot take which place, and why; `loads` what a place weighs for whom.

    Places without an entry in `loads` weigh nothing. `pinned` places keep their person.
    """

    rotations: tuple[Rotation, ...]
    people: tuple[Candidate, ...]
    turns: int
    rules: Rules = Rules()
    blocked: Mapping[tuple[int, Place], Why] = field(default_factory=dict)
    loads: Mapping[tuple[int, Place], Load] = field(default_factory=dict)
    wishes: tuple[Wish, ...] = ()
    pinned: Roster = field(default_factory=dict)

    @cached_property
    def by_key(self) -> dict[int, Candidate]:
        return {person.key: person for person in self.people}

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """In order of time."""
        return tuple(
            (rotation, turn)
            for turn in range(self.turns)
            for rotation in range(len(self.rotations))
        )

    @cached_property
    def eligible(self) -> dict[Place, tuple[int, ...]]:
        """Who could take each place, looking at nothing else; a pinned place has its person."""
        return {
            place: (self.pinned[place],)
            if place in self.pinned
            else tuple(
                person
                for person in self.rotations[place[0]].people
                if (person, place) not in self.blocked
            )
            for place in self.places
        }

    @cached_property
    def overlaps(self) -> tuple[tuple[Place, Place], ...]:
        """Places of different turns at the same time: rotations in zones far apart."""
        found = []
        for first, one in enumerate(self.rotations):
            for second, other in enumerate(self.rotations):
                if first == second:
                    continue
                for turn, mine in enumerate(one.turns):
                    for later in range(turn + 1, min(turn + 3, self.turns)):
                        if _touch(mine, other.turns[later]):
                            found.append(((first, turn), (second, later)))
        return tuple(found)

    def load(self, person: int, place: Place) -> Load:
        return self.loads.get((person, place), Load())

    def why_not(self, person: int, place: Place) -> Why | None:
        if person not in self.rotations[place[0]].people:
            return Why.NOT_LISTED
        return self.blocked.get((person, place))

    def totals(self, roster: Roster) -> dict[int, Load]:
        """What everybody has carried at the end of the period, the ledger included."""
        found = {person.key: person.ledger for person in self.people}
        for place, person in roster.items():
            if person in found:
                found[person] += self.load(person, place)
        return found

    def turns_of(self, roster: Roster) -> dict[int, list[Place]]:
        """By person, in order of time."""
        found: dict[int, list[Place]] = defaultdict(list)
        for place in sorted(roster, key=lambda place: (place[1], place[0])):
            found[roster[place]].append(place)
        return found

    def is_kept(self, wish: Wish, roster: Roster) -> bool:
        takes = any(roster.get(place) == wish.person for place in wish.places)
        return takes != wish.avoids


def _touch(one: Turn, other: Turn) -> bool:
    return any(
        start.timestamp() < until.timestamp() and since.timestamp() < end.timestamp()
        for start, end in one.spans
        for since, until in other.spans
    )


def spells(turns: set[int]) -> list[tuple[int, int]]:
    """Runs of turns without a break, as first and last."""
    ordered = sorted(turns)
    if not ordered:
        return []
    breaks = [(one, other) for one, other in pairwise(ordered) if other - one > 1]
    firsts = [ordered[0], *(other for _, other in breaks)]
    lasts = [*(one for one, _ in breaks), ordered[-1]]
    return list(zip(firsts, lasts, strict=True))
