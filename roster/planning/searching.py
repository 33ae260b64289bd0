"""What every way of looking for a roster has in common: how far it is, and what it found. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from roster.planning.problem import Problem, Roster


class Verdict(StrEnum):
    """`GOOD` is within the gap asked for; `FOUND` says nothing about how good it is."""

    OPTIMAL = "optimal"
    GOOD = "good"
    FOUND = "found"
    IMPOSSIBLE = "impossible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is. `bound`: no roster scores less; None where nothing is known of it.

    `spread` is that of the best so far, in hours of each kind.
    """

    solutions: int = 0
    objective: float | None = None
    bound: float | None = None
    spread: tuple[int, ...] = ()
    seconds: float = 0

    @property
    def gap(self) -> float | None:
        """How much better it could be at most, as a share of the objective."""
        if self.objective is None or self.bound is None:
            return None
        return max(self.objective - self.bound, 0) / max(abs(self.objective), 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search ended with; `roster` is empty unless something was found."""

    verdict: Verdict
    roster: Roster
    progress: Progress
    method: str


class Search(Protocol):
    """One search for a roster. `run` blocks; the rest may be asked by another thread meanwhile."""

    def __init__(self, problem: Problem, *, seconds: float) -> None: ...

    @property
    def progress(self) -> Progress: ...

    def run(self) -> Outcome: ...

    def stop(self) -> None:
        """Have `run` return soon, with the best found so far."""
