"""What a plan's `result` holds, read and written in one place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from roster.models import RosterPlan
from roster.planning.problem import Place, Problem, Roster, Rotation


@dataclass(frozen=True)
class Result:
    """The proposal: per schedule id the person ids by turn, and what is known about it.

    `edits` are the places set by hand, as schedule id and turn: looking for a roster again leaves
    them alone. `reasons` are sentences, where there is no roster.
    """

    assigned: dict[str, list[int | None]] = field(default_factory=dict)
    edits: list[list[int]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    verdict: str = ""
    method: str = ""
    gap: float | None = None
    seconds: float = 0

    @classmethod
    def of(cls, plan: RosterPlan) -> Self:
        return cls(**plan.result)

    @classmethod
    def listing(cls, problem: Problem, roster: Roster) -> dict[str, list[int | None]]:
        return {
            str(rotation.key): [roster.get((number, turn)) for turn in range(problem.turns)]
            for number, rotation in enumerate(problem.rotations)
        }

    def as_json(self) -> dict[str, Any]:  # what a JSONField takes
        return dict(vars(self))

    def roster(self, rotations: Sequence[Rotation]) -> dict[Place, int]:
        """Who takes which place, as far as rotations and turns are still there."""
        return {
            (number, turn): person
            for number, rotation in enumerate(rotations)
            for turn, person in enumerate(self.assigned.get(str(rotation.key), ()))
            if person is not None and turn < len(rotation.turns)
        }

    def pinned(self, rotations: Sequence[Rotation]) -> dict[Place, int]:
        """The places set by hand; not those of people who were taken off the list since."""
        roster = self.roster(rotations)
        places = self.edited(rotations)
        return {
            place: roster[place]
            for place in places
            if roster.get(place) in rotations[place[0]].people
        }

    def edited(self, rotations: Sequence[Rotation]) -> Iterable[Place]:
        by_key = {rotation.key: number for number, rotation in enumerate(rotations)}
        return [(by_key[key], turn) for key, turn in self.edits if key in by_key]
