"""The planner without a solver: turn by turn to whoever carried least, then better by exchanges.

Honours the same hard rules and pursues the same score, but proves nothing: it reports no bound,
and that it found nothing does not mean that there is nothing. Pure; deterministic.
"""

from collections import defaultdict
from time import monotonic

from roster.planning.problem import Place, Problem, Roster, spells
from roster.planning.scoring import Scale
from roster.planning.searching import Outcome, Progress, Verdict

# Steps back and forth before giving up: a few seconds at worst.
MOST_STEPS = 20_000
_LOOKED_AT = 64


class _Board:
    """A roster in the making, and whether somebody may take one place more."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.scale = Scale(problem)
        self.roster: dict[Place, int] = {}
        self._turns: dict[int, set[int]] = {
            person.key: set(person.worked) for person in problem.people
        }
        self._count: dict[int, int] = defaultdict(int)
        self._overlaps: dict[Place, list[Place]] = defaultdict(list)
        for one, other in problem.overlaps:
            self._overlaps[one].append(other)
            self._overlaps[other].append(one)

    def take(self, place: Place, person: int) -> None:
        self.roster[place] = person
        self._turns[person].add(place[1])
        self._count[person] += 1

    def leave(self, place: Place) -> None:
        person = self.roster.pop(place)
        self._turns[person].discard(place[1])
        self._count[person] -= 1

    def allows(self, place: Place, person: int) -> bool:
        turns, turn, rules = self._turns[person], place[1], self.problem.rules
        if turn in turns:
            return False
        if rules.most_turns is not None and self._count[person] >= rules.most_turns:
            return False
        if any(self.roster.get(other) == person for other in self._overlaps[place]):
            return False
        runs = spells(turns | {turn})
        at = next(number for number, (first, last) in enumerate(runs) if first <= turn <= last)
        first, last = runs[at]
        if last - first + 1 > rules.consecutive:
            return False
        before = runs[at - 1][1] if at else None
        after = runs[at + 1][0] if at + 1 < len(runs) else None
        return (before is None or first - before - 1 >= rules.rest) and (
            after is None or after - last - 1 >= rules.rest
        )


def first_roster(problem: Problem, *, steps: int = MOST_STEPS) -> Roster:
    """One that holds, reasonably fair; empty if none was found in so many steps."""
    board = _Board(problem)
    for place, person in problem.pinned.items():
        if person not in problem.by_key or not board.allows(place, person):
            return {}
        board.take(place, person)
    return dict(board.roster) if _fill(board, steps) else {}


def _fill(board: _Board, steps: int) -> bool:
    """Place by place in order of time, stepping back where nobody is left."""
    places = [place for place in board.problem.places if place not in board.roster]
    totals = {key: list(hours) for key, hours in board.scale.ledger.items()}
    stack: list[list[int]] = []
    while len(stack) < len(places):
        place = places[len(stack)]
        stack.append(_in_order(board, place, totals))
        while not _advance(board, places[len(stack) - 1], stack[-1], totals):
            stack.pop()
            steps -= 1
            if not stack or steps < 0:
                return False
            _take_back(board, places[len(stack) - 1], totals)
    return True


def _in_order(board: _Board, place: Place, totals: dict[int, list[int]]) -> list[int]:
    """Who could take a place now; the last of the list has carried least and is asked first."""
    eligible = board.problem.eligible[place]
    free = [person for person in eligible if board.allows(place, person)]
    return sorted(free, key=lambda person: (-sum(totals[person]), -person))


def _advance(
    board: _Board, place: Place, candidates: list[int], totals: dict[int, list[int]]
) -> bool:
    while candidates:
        person = candidates.pop()
        if board.allows(place, person):
            board.take(place, person)
            _count(board, place, person, totals, 1)
            return True
    return False


def _take_back(board: _Board, place: Place, totals: dict[int, list[int]]) -> None:
    _count(board, place, board.roster[place], totals, -1)
    board.leave(place)


def _count(
    board: _Board, place: Place, person: int, totals: dict[int, list[int]], sign: int
) -> None:
    for kind, hours in enumerate(board.scale.loads[person, place]):
        totals[person][kind] += sign * hours


class GreedySearch:
    """One search without a solver; see `searching.Search`."""

    def __init__(self, problem: Problem, *, seconds: float) -> None:
        self._problem = problem
        self._began = monotonic()
        self._until = self._began + seconds
        self._stopped = False
        self._solutions = 0
        self._best: int | None = None
        self._spread: tuple[int, ...] = ()

    @property
    def progress(self) -> Progress:
        return Progress(self._solutions, self._best, None, self._spread, monotonic() - self._began)

    def stop(self) -> None:
        self._stopped = True

    def run(self) -> Outcome:
        roster = dict(first_roster(self._problem))
        if len(roster) < len(self._problem.places):
            return Outcome(Verdict.UNKNOWN, {}, self.progress, "greedy")
        board = _Board(self._problem)
        for place, person in roster.items():
            board.take(place, person)
        self._note(board, board.scale.score(board.roster))
        while self._is_time_left() and self._improve(board):
            pass
        return Outcome(Verdict.FOUND, dict(board.roster), self.progress, "greedy")

    def _note(self, board: _Board, score: int) -> None:
        self._solutions += 1
        self._best = score
        self._spread = board.scale.spread(board.roster)

    def _is_time_left(self) -> bool:
        return not self._stopped and monotonic() < self._until

    def _improve(self, board: _Board) -> bool:
        """Try every handing over and every exchange once; whether any made it better."""
        is_better = False
        free = [place for place in board.problem.places if place not in board.problem.pinned]
        for number, place in enumerate(free):
            if not self._is_time_left():
                return False
            for person in board.problem.eligible[place]:
                is_better |= person != board.roster[place] and self._try(board, {place: person})
            for other in free[number + 1 : number + 1 + _LOOKED_AT]:
                one, two = board.roster[place], board.roster[other]
                is_better |= one != two and self._try(board, {place: two, other: one})
        return is_better

    def _try(self, board: _Board, change: dict[Place, int]) -> bool:
        """Make a change if it is allowed and better; leave everything as it was otherwise."""
        eligible = board.problem.eligible
        if any(person not in eligible[place] for place, person in change.items()):
            return False
        old = {place: board.roster[place] for place in change}
        for place in change:
            board.leave(place)
        taken = []
        for place, person in change.items():
            if board.allows(place, person):
                board.take(place, person)
                taken.append(place)
        if len(taken) == len(change):
            score = board.scale.score(board.roster)
            if self._best is None or score < self._best:
                self._note(board, score)
                return True
        for place in taken:
            board.leave(place)
        for place, person in old.items():
            board.take(place, person)
        return False
