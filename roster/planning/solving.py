"""The planner in the background: one plan at a time, under a lease that its heartbeat extends.

The search runs in a thread of its own that never touches the database. The worker's thread looks
at it every second: it writes how far it is, and notices that somebody stopped it. A worker that
dies leaves a lease that ends, and another solves the plan again.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread
from uuid import uuid4

from django.db import transaction

from roster.leases import claim, still_mine
from roster.models import NoticeKind, RosterPlan
from roster.notices import tell
from roster.planning import explain
from roster.planning.greedy import GreedySearch
from roster.planning.problem import Problem
from roster.planning.reading import reading_of
from roster.planning.results import Result
from roster.planning.searching import Outcome, Progress, Search, Verdict

logger = logging.getLogger(__name__)

State = RosterPlan.State
Clock = Callable[[], datetime]

SOLVE_FOR = timedelta(seconds=60)
LEASE_FOR = timedelta(seconds=90)
LOOK_EVERY = timedelta(seconds=1)
MOST_ATTEMPTS = 3
# Without the solver nothing proves that one may stop earlier.
GREEDY_FOR = timedelta(seconds=10)


class _Work(Thread):
    """The search, and the reasons if it finds nothing. Its attributes are read when it is over."""

    def __init__(self, problem: Problem, seconds: float) -> None:
        super().__init__(name="roster-planner", daemon=True)
        self.problem = problem
        self.search = _search(problem, seconds)
        self.outcome: Outcome | None = None
        self.reasons: list[str] = []
        self.error: Exception | None = None
        self.is_stopped = False

    def run(self) -> None:
        try:
            self.outcome = self.search.run()
            if not self.outcome.roster and not self.is_stopped:
                self.reasons = _reasons(self.problem)
        except Exception as error:  # told by the worker's thread, which can write it down
            self.error = error

    def stop(self) -> None:
        self.is_stopped = True
        self.search.stop()


def solve_due(*, at: datetime, clock: Clock, solve_for: timedelta = SOLVE_FOR) -> int:
    """Take one plan that waits and solve it; return how many that were.

    Takes as long as the solver does: no transaction is open meanwhile.
    """
    waiting = RosterPlan.objects.filter(state__in=(State.QUEUED, State.SOLVING))
    plans = claim(waiting, at=at, limit=1, lease_for=LEASE_FOR)
    for plan in plans:
        if plan.attempts > MOST_ATTEMPTS:
            error = f"The solver died {MOST_ATTEMPTS} times. Plan fewer turns or rotations."
            _settle(plan, State.FAILED, Result(reasons=[error]), at=at)
            continue
        try:
            _solve(plan, clock, solve_for)
        except Exception:
            logger.exception("Could not solve plan %s", plan.pk)
            error = "The solver failed. Its operators find the reason in the log; try again."
            _settle(plan, State.FAILED, Result(reasons=[error]), at=clock())
    return len(plans)


def _solve(plan: RosterPlan, clock: Clock, solve_for: timedelta) -> None:
    if not still_mine(plan).update(state=State.SOLVING):
        return
    reading = reading_of(plan, at=clock())
    edits = Result.of(plan).edits
    obstacles = explain.reasons(reading.problem)
    if obstacles:
        _settle(plan, State.IMPOSSIBLE, Result(reasons=obstacles, edits=edits), at=clock())
        return
    work = _Work(reading.problem, solve_for.total_seconds())
    work.start()
    while work.is_alive():
        work.join(LOOK_EVERY.total_seconds())
        if not _note(plan, work.search.progress, solve_for, at=clock()):
            work.stop()
    if work.error:
        raise work.error
    if work.outcome and not work.is_stopped:
        _conclude(plan, reading.problem, work.outcome, work.reasons, at=clock())


def _note(plan: RosterPlan, progress: Progress, solve_for: timedelta, *, at: datetime) -> bool:
    """Write how far it is and keep the lease; False if the plan is no longer ours."""
    known = {
        "solutions": progress.solutions,
        "gap": progress.gap,
        "spread": list(progress.spread),
        "seconds": round(progress.seconds, 1),
        "limit": solve_for.total_seconds(),
    }
    mine = still_mine(plan).filter(state=State.SOLVING)
    return bool(mine.update(progress=known, leased_until=at + LEASE_FOR))


def _conclude(
    plan: RosterPlan, problem: Problem, outcome: Outcome, reasons: list[str], *, at: datetime
) -> None:
    edits = [list(edit) for edit in Result.of(plan).edits]
    result = Result(
        assigned=Result.listing(problem, outcome.roster) if outcome.roster else {},
        edits=edits,
        reasons=reasons,
        verdict=outcome.verdict,
        method=outcome.method,
        gap=outcome.progress.gap,
        seconds=round(outcome.progress.seconds, 1),
    )
    if outcome.roster:
        state = State.PROPOSED
    elif outcome.verdict == Verdict.IMPOSSIBLE:
        state = State.IMPOSSIBLE
    else:
        state = State.FAILED
    _settle(plan, state, result, at=at)


def _settle(plan: RosterPlan, state: str, result: Result, *, at: datetime) -> None:
    """Write what came of it, if the plan is still ours, and tell who asked."""
    with transaction.atomic():
        mine = still_mine(plan).filter(state__in=(State.QUEUED, State.SOLVING))
        done = mine.update(
            state=state,
            result=result.as_json(),
            due_at=None,
            lease_token=None,
            leased_until=None,
        )
        if done and plan.created_by:
            tell(
                plan.created_by,
                NoticeKind.PLAN_READY,
                key=f"plan-ready-{plan.pk}-{uuid4().hex}",
                at=at,
                data={"plan": plan.pk},
            )


def _search(problem: Problem, seconds: float) -> Search:
    try:
        # It takes seconds to load, and may not be installed.
        from roster.planning.solver import CpSearch  # noqa: PLC0415
    except ImportError:
        return GreedySearch(problem, seconds=min(seconds, GREEDY_FOR.total_seconds()))
    return CpSearch(problem, seconds=seconds)


def _reasons(problem: Problem) -> list[str]:
    try:
        from roster.planning import relaxation  # noqa: PLC0415 (as above)
    except ImportError:
        return [explain.UNEXPLAINED]
    return relaxation.reasons(problem) or [explain.UNEXPLAINED]
