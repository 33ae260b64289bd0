"""How fair a roster is, as one number: the same for whoever looks for a better one. Pure.

The spread (most minus least) of night, weekend and holiday hours over the running ledger comes
first. The sum of everybody's distance from the average breaks ties, and each wish that is not kept
costs what the rules allow it to cost in hours of spread.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from roster.planning.problem import KINDS, Place, Problem, Roster

# An hour of spread outweighs an hour further from the average of ten people in twelve.
SPREAD_FACTOR = 10

Hours = tuple[int, ...]
"""Hours by kind, in the order of `KINDS`."""


@dataclass(frozen=True)
class Scale:
    """The weights and whole hours of one problem."""

    problem: Problem

    @cached_property
    def counted(self) -> tuple[int, ...]:
        """Whose burden is compared: those who can take a turn at all."""
        able = {person for people in self.problem.eligible.values() for person in people}
        return tuple(person.key for person in self.problem.people if person.key in able)

    @cached_property
    def loads(self) -> dict[tuple[int, Place], Hours]:
        return {
            (person, place): self.problem.load(person, place).hours()
            for place, people in self.problem.eligible.items()
            for person in people
        }

    @cached_property
    def ledger(self) -> dict[int, Hours]:
        return {person.key: person.ledger.hours() for person in self.problem.people}

    @cached_property
    def target(self) -> Hours:
        """What everybody would have carried, were it shared evenly."""
        found = []
        for kind in range(len(KINDS)):
            carried: float = sum(self.ledger[key][kind] for key in self.counted)
            for place, people in self.problem.eligible.items():
                shares = [self.loads[person, place][kind] for person in people]
                carried += sum(shares) / len(shares) if shares else 0
            found.append(round(carried / max(len(self.counted), 1)))
        return tuple(found)

    @property
    def spread_weight(self) -> int:
        return SPREAD_FACTOR * max(len(self.counted), 1)

    @property
    def wish_weight(self) -> int:
        return self.problem.rules.wish_hours * self.spread_weight

    def totals(self, roster: Roster) -> dict[int, list[int]]:
        found = {key: list(self.ledger[key]) for key in self.counted}
        for place, person in roster.items():
            own = found.get(person)
            if own is not None:
                for kind, hours in enumerate(self.loads[person, place]):
                    own[kind] += hours
        return found

    def spread(self, roster: Roster) -> Hours:
        """Most minus least, by kind."""
        carried = list(zip(*self.totals(roster).values(), strict=True))
        return tuple(max(hours) - min(hours) for hours in carried)

    def score(self, roster: Roster) -> int:
        """The lower the fairer."""
        broken = sum(not self.problem.is_kept(wish, roster) for wish in self.problem.wishes)
        return self.score_of(self.totals(roster)) + self.wish_weight * broken

    def score_of(self, totals: dict[int, list[int]]) -> int:
        score = 0
        for kind, target in enumerate(self.target):
            carried = [hours[kind] for hours in totals.values()]
            if carried:
                score += self.spread_weight * (max(carried) - min(carried))
                score += sum(abs(each - target) for each in carried)
        return score

    def classes(self) -> list[list[Place]]:
        """Places that weigh the same for everybody who could take one of them."""
        found: dict[tuple[tuple[int, Hours], ...], list[Place]] = defaultdict(list)
        for place, people in self.problem.eligible.items():
            everybody = tuple((key, self._weight(key, place)) for key in self.counted)
            found[everybody if people else ()].append(place)
        return list(found.values())

    def _weight(self, key: int, place: Place) -> Hours:
        return self.problem.load(key, place).hours()
