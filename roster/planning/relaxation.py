"""What would have to give way for a roster to exist: the fewest rules broken, by the solver.

For problems in which no single rule is to blame. Import it where it is used: it loads OR-tools.
"""

from ortools.sat.python import cp_model

from roster.planning.checks import Rule, Violation, violations
from roster.planning.model import PlanModel
from roster.planning.problem import Problem, Why
from roster.planning.solver import SEED, WORKERS

_INTRODUCTION = {
    Rule.AWAY: "Time off stands in the way",
    Rule.UNQUALIFIED: "The qualification asked for stands in the way",
    Rule.REST: "The rest asked for stands in the way",
    Rule.IN_A_ROW: "The number of turns in a row stands in the way",
    Rule.MOST_TURNS: "The most turns of one person stand in the way",
    Rule.TWICE: "Nobody can be on two rotations at once",
}
SECONDS = 15.0
# What people would rather give up first has the lower price.
_PRICE_OF_REST = 1
_PRICE_OF_ABSENCE = 2
_PRICE_OF_TRAINING = 4
_PRICE_OF_TWICE = 8


class _Relaxed(PlanModel):
    """The same constraints, each of which may be broken at a price."""

    def __init__(self, problem: Problem) -> None:
        self._costs: list[cp_model.LinearExprT] = []
        super().__init__(problem)

    def build(self) -> None:
        for place in self.problem.places:
            for key in self.problem.rotations[place[0]].people:
                why = self.problem.blocked.get((key, place))
                if why and why != Why.INACTIVE and place not in self.problem.pinned:
                    self._allow(key, place, why)
        for place in self.problem.places:
            self.model.add_exactly_one(
                choice for (_, taken), choice in self.takes.items() if taken == place
            )
        for person in self.problem.people:
            self._no_two_at_once(person)
            self._rest(person)
            self._limit(person)
        self.model.minimize(sum(self._costs))

    def _allow(self, person: int, place: tuple[int, int], why: Why) -> None:
        choice = self.model.new_bool_var(f"{person} takes {place} although {why}")
        self.takes[person, place] = choice
        self._of_turn[person][place[1]].append(choice)
        price = _PRICE_OF_TRAINING if why == Why.UNQUALIFIED else _PRICE_OF_ABSENCE
        self._costs.append(price * choice)

    def _require_one_at_most(self, choices: list[cp_model.IntVar]) -> None:
        self._require(sum(choices), 1, _PRICE_OF_TWICE)

    def _require_at_most(self, amount: cp_model.LinearExprT, limit: int) -> None:
        self._require(amount, limit, _PRICE_OF_REST)

    def _require(self, amount: cp_model.LinearExprT, limit: int, price: int) -> None:
        excess = self.model.new_int_var(0, len(self.problem.places), "excess")
        self.model.add(amount <= limit + excess)
        self._costs.append(price * excess)


def cheapest_breach(problem: Problem) -> list[Violation]:
    """The violations of a roster that breaks as little as possible; empty if none was found."""
    plan = _Relaxed(problem)
    plan.build()
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = SECONDS
    solver.parameters.num_workers = WORKERS
    solver.parameters.random_seed = SEED
    if solver.solve(plan.model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return []
    return violations(problem, plan.roster(solver))


def reasons(problem: Problem) -> list[str]:
    """One sentence per kind of rule that must give way, then what the nearest roster breaks."""
    broken = cheapest_breach(problem)
    kinds = dict.fromkeys(each.rule for each in broken)
    if not kinds:
        return []
    heading = [
        f"{_INTRODUCTION[kind]}: the roster that comes nearest breaks it {_times(broken, kind)}."
        for kind in kinds
        if kind in _INTRODUCTION
    ]
    return [*heading, *(each.text for each in broken)]


def _times(broken: list[Violation], kind: Rule) -> str:
    count = sum(each.rule == kind for each in broken)
    return "once" if count == 1 else f"{count} times"
