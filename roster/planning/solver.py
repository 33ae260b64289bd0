"""The planner's first choice: OR-tools' CP-SAT, which proves how good its answer is.

Importing this module takes seconds and needs the extra `solver`: import it where it is used. The
search itself runs outside of Python's lock, so that other threads of the process go on.
"""

from dataclasses import replace
from time import monotonic

from ortools.sat.python import cp_model

from roster.planning.model import PlanModel
from roster.planning.problem import Problem, Roster
from roster.planning.searching import Outcome, Progress, Verdict

GAP = 0.02
WORKERS = 2
SEED = 1
# One worker follows the order of `_decide_first` and proves, the other finds good rosters.
STRATEGIES = ("fixed", "default_lp")


class _Listener(cp_model.CpSolverSolutionCallback):
    """Notes each better roster. Called from the solver's threads: keeps to plain attributes."""

    def __init__(self, plan: PlanModel) -> None:
        super().__init__()
        self._plan = plan
        self.progress = Progress()
        self.roster: Roster = {}

    def on_solution_callback(self) -> None:
        self.roster = self._plan.roster(self)
        self.progress = replace(
            self.progress,
            solutions=self.progress.solutions + 1,
            objective=self.objective_value,
            bound=self.best_objective_bound,
            spread=self._plan.scale.spread(self.roster),
        )

    def on_bound(self, bound: float) -> None:
        self.progress = replace(self.progress, bound=bound)


class CpSearch:
    """One search by CP-SAT; see `searching.Search`."""

    def __init__(self, problem: Problem, *, seconds: float) -> None:
        self._problem = problem
        self._began = monotonic()
        self._stopped = False
        self._listener: _Listener | None = None
        self._solver = cp_model.CpSolver()
        parameters = self._solver.parameters
        parameters.max_time_in_seconds = seconds
        parameters.num_workers = WORKERS
        parameters.random_seed = SEED
        parameters.relative_gap_limit = GAP
        parameters.subsolvers.extend(STRATEGIES)

    @property
    def progress(self) -> Progress:
        known = self._listener.progress if self._listener else Progress()
        return replace(known, seconds=monotonic() - self._began)

    def stop(self) -> None:
        self._stopped = True
        self._solver.stop_search()

    def run(self) -> Outcome:
        plan = PlanModel(self._problem)
        plan.build()
        listener = self._listener = _Listener(plan)
        self._solver.best_bound_callback = listener.on_bound
        if self._stopped:
            return self._outcome(Verdict.UNKNOWN, {})
        status = self._solver.solve(plan.model, listener)
        if status == cp_model.INFEASIBLE:
            return self._outcome(Verdict.IMPOSSIBLE, {})
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return self._outcome(Verdict.UNKNOWN, {})
        listener.progress = replace(
            listener.progress,
            objective=self._solver.objective_value,
            bound=self._solver.best_objective_bound,
        )
        gap = self.progress.gap or 0
        verdict = Verdict.OPTIMAL if gap == 0 else Verdict.GOOD if gap <= GAP else Verdict.FOUND
        return self._outcome(verdict, plan.roster(self._solver))

    def _outcome(self, verdict: Verdict, roster: Roster) -> Outcome:
        return Outcome(verdict, roster, self.progress, "CP-SAT")
