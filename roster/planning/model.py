"""A planning problem in CP-SAT's terms. Needs the extra `solver`; see `solver`."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from ortools.sat.python import cp_model

from roster.planning.greedy import first_roster
from roster.planning.problem import KINDS, Candidate, Place, Problem, Roster
from roster.planning.scoring import Scale

Choice = cp_model.IntVar


@dataclass(frozen=True, slots=True)
class _Count:
    """How many places of one weight a person takes: `most` at most, `place` is one of them."""

    place: Place
    count: Choice
    most: int


class PlanModel:
    """The constraints of a problem, and its objective, in CP-SAT's terms."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.scale = Scale(problem)
        self.model = cp_model.CpModel()
        self.takes: dict[tuple[int, Place], Choice] = {
            (person, place): self.model.new_bool_var(f"{person} takes {place}")
            for place, people in problem.eligible.items()
            for person in people
        }
        self._least: list[Choice] = []
        self._most: list[Choice] = []
        self._of_turn: dict[int, dict[int, list[Choice]]] = defaultdict(lambda: defaultdict(list))
        for (person, (_, turn)), choice in self.takes.items():
            self._of_turn[person][turn].append(choice)

    def build(self) -> None:
        self._cover()
        for person in self.problem.people:
            self._no_two_at_once(person)
            self._rest(person)
            self._limit(person)
        self._minimise()
        self._hint()

    def roster(self, value: cp_model.CpSolver | cp_model.CpSolverSolutionCallback) -> Roster:
        return {
            place: person for (person, place), choice in self.takes.items() if value.value(choice)
        }

    def _cover(self) -> None:
        for place, people in self.problem.eligible.items():
            self.model.add_exactly_one(self.takes[person, place] for person in people)

    def _no_two_at_once(self, person: Candidate) -> None:
        for choices in self._of_turn[person.key].values():
            if len(choices) > 1:
                self._require_one_at_most(choices)
        for one, other in self.problem.overlaps:
            keys = [(person.key, place) for place in (one, other)]
            if all(key in self.takes for key in keys):
                self._require_one_at_most([self.takes[key] for key in keys])

    def _require_one_at_most(self, choices: list[Choice]) -> None:
        self.model.add_at_most_one(choices)

    def _require_at_most(self, amount: cp_model.LinearExprT, limit: int) -> None:
        self.model.add(amount <= limit)

    def _window(self, person: Candidate, turns: range) -> tuple[list[Choice], int]:
        """The choices of some turns, and how many of those before the period were worked."""
        choices = [choice for turn in turns for choice in self._of_turn[person.key].get(turn, ())]
        return choices, sum(turn in person.worked for turn in turns)

    def _rest(self, person: Candidate) -> None:
        """As `checks` reads the rules: spells of so many turns, so many free turns between."""
        rest, row = self.problem.rules.rest, self.problem.rules.consecutive
        if row == 1:
            self._at_most(person, 1, within=max(rest, 1) + 1)
            return
        self._at_most(person, row, within=row + 1)
        for first in range(-rest, self.problem.turns):
            ends, worked = self._window(person, range(first, first + 1))
            goes_on, _ = self._window(person, range(first + 1, first + 2))
            if first + 1 in person.worked or not (ends or worked):
                continue
            for later in range(first + 2, min(first + rest + 1, self.problem.turns)):
                again, _ = self._window(person, range(later, later + 1))
                if again:
                    spell = sum(ends) + worked - sum(goes_on) + sum(again)
                    self._require_at_most(spell, 1)

    def _at_most(self, person: Candidate, count: int, *, within: int) -> None:
        for first in range(1 - within, max(self.problem.turns - within, 0) + 1):
            choices, worked = self._window(person, range(first, first + within))
            if not choices:
                continue
            self._require_at_most(sum(choices), max(count - worked, 0))

    def _limit(self, person: Candidate) -> None:
        if self.problem.rules.most_turns is not None:
            choices, _ = self._window(person, range(self.problem.turns))
            self._require_at_most(sum(choices), self.problem.rules.most_turns)

    def _minimise(self) -> None:
        counts = self._counts()
        terms: list[cp_model.LinearExprT] = []
        for kind in range(len(KINDS)):
            terms += self._spread(kind, counts)
        if self.scale.wish_weight:
            terms += [self.scale.wish_weight * broken for broken in self._broken_wishes()]
        self.model.minimize(sum(terms))
        self._break_symmetry(counts)
        self._decide_first(counts)

    def _counts(self) -> dict[int, list[_Count]]:
        """How many places of each weight a person takes: what burden depends on, and no more."""
        found: dict[int, list[_Count]] = defaultdict(list)
        for number, places in enumerate(self.scale.classes()):
            of_class = []
            for person in self.scale.counted:
                own = [self.takes[person, each] for each in places if (person, each) in self.takes]
                if own:
                    count = self.model.new_int_var(0, len(own), f"{person} of class {number}")
                    self.model.add(count == sum(own))
                    found[person].append(_Count(places[0], count, len(own)))
                    of_class.append(count)
            self.model.add(sum(of_class) == len(places))
        return found

    def _spread(self, kind: int, counts: dict[int, list[_Count]]) -> list[cp_model.LinearExprT]:
        """The spread of one kind of hours, and everybody's distance from the average.

        What a person can end up with is a handful of values, weeks apart: saying so lets the
        solver see at once that hours cannot be shared evenly, where it would try for minutes.
        """
        model, target = self.model, self.scale.target[kind]
        reach = {key: self._reachable(key, kind, counts[key]) for key in self.scale.counted}
        anyone = cp_model.Domain.from_values(sorted(set().union(*reach.values()) or {0}))
        least = model.new_int_var_from_domain(anyone, f"least {KINDS[kind]}")
        most = model.new_int_var_from_domain(anyone, f"most {KINDS[kind]}")
        terms: list[cp_model.LinearExprT] = [self.scale.spread_weight * (most - least)]
        self._least.append(least)
        self._most.append(most)
        for key, values in reach.items():
            domain = cp_model.Domain.from_values(sorted(values))
            total = model.new_int_var_from_domain(domain, f"{KINDS[kind]} of {key}")
            model.add(
                total
                == self.scale.ledger[key][kind]
                + sum(
                    self.problem.load(key, each.place).hours()[kind] * each.count
                    for each in counts[key]
                )
            )
            model.add(least <= total)
            model.add(total <= most)
            terms.append(self._distance(total, values, target))
        return terms

    def _reachable(self, key: int, kind: int, counts: list[_Count]) -> set[int]:
        """Every sum of hours that so many turns of such weights can give a person."""
        limit = most_turns_of(self.problem)
        ends = {(self.scale.ledger[key][kind], 0)}
        for each in counts:
            hours = self.problem.load(key, each.place).hours()[kind]
            ends |= {
                (total + hours * more, turns + more)
                for total, turns in ends
                for more in range(1, min(each.most, limit - turns) + 1)
            }
        return {total for total, _ in ends}

    def _distance(self, total: Choice, values: set[int], target: int) -> Choice:
        """|total - target|, with the line through the two values on either side of the target."""
        distance = self.model.new_int_var(
            0, max(abs(value - target) for value in values), f"distance of {total.name}"
        )
        self.model.add(distance >= total - target)
        self.model.add(distance >= target - total)
        below = max((value for value in values if value <= target), default=None)
        above = min((value for value in values if value > target), default=None)
        if below is not None and above is not None:
            rise = (above - target) - (target - below)
            self.model.add(
                (above - below) * (distance - (target - below)) >= rise * (total - below)
            )
        return distance

    def _broken_wishes(self) -> list[Choice]:
        found = []
        for number, wish in enumerate(self.problem.wishes):
            own = [
                self.takes[wish.person, place]
                for place in wish.places
                if (wish.person, place) in self.takes
            ]
            broken = self.model.new_bool_var(f"wish {number} is broken")
            if wish.avoids:
                for choice in own:
                    self.model.add_implication(choice, broken)
            else:
                self.model.add_bool_or([*own, broken])
            found.append(broken)
        return found

    def _break_symmetry(self, counts: dict[int, list[_Count]]) -> None:
        """Of people who differ in nothing, the earlier takes at least as many turns."""
        alike: dict[object, list[int]] = defaultdict(list)
        for person in self.problem.people:
            if person.key in counts:
                alike[self._signature(person)].append(person.key)
        for group in alike.values():
            for one, other in pairwise(group):
                first, second = (sum(each.count for each in counts[key]) for key in (one, other))
                self.model.add(first >= second)

    def _decide_first(self, counts: dict[int, list[_Count]]) -> None:
        """Try the spreads first, from none upwards, then who takes how many turns of which weight.

        That more is impossible is a matter of counting, and shows within a second this way; left
        to itself the solver goes through who takes which week, and takes minutes (measured).
        """
        model = self.model
        model.add_decision_strategy(self._least, cp_model.CHOOSE_FIRST, cp_model.SELECT_MAX_VALUE)
        model.add_decision_strategy(self._most, cp_model.CHOOSE_FIRST, cp_model.SELECT_MIN_VALUE)
        model.add_decision_strategy(
            [each.count for own in counts.values() for each in own],
            cp_model.CHOOSE_MIN_DOMAIN_SIZE,
            cp_model.SELECT_MEDIAN_VALUE,
        )

    def _signature(self, person: Candidate) -> object:
        open_to = tuple(
            (place, self.scale.loads[person.key, place])
            for place in self.problem.places
            if (person.key, place) in self.takes
        )
        wishes = tuple(
            (wish.avoids, wish.places) for wish in self.problem.wishes if wish.person == person.key
        )
        return self.scale.ledger[person.key], person.worked, open_to, wishes

    def _hint(self) -> None:
        known = first_roster(self.problem)
        if known:
            for (person, place), choice in self.takes.items():
                self.model.add_hint(choice, known[place] == person)


def most_turns_of(problem: Problem) -> int:
    """How many turns one person can take at most, by the rules alone."""
    rules = problem.rules
    free = max(rules.rest, 1)
    cycles, left = divmod(problem.turns, rules.consecutive + free)
    most = cycles * rules.consecutive + min(left, rules.consecutive)
    return most if rules.most_turns is None else min(most, rules.most_turns)
