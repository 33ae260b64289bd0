"""How long a fair plan takes, and how fair: `uv run python -m tests.benchmarks.bench_planning`.

Made-up people of three countries with an uneven past, absences and wishes, the same every time.
The goal: 12 people, 13 weeks and two rotations within 60 seconds on two cores, proven to be the
best or within 2 % of it. The second case is for information.
"""

import os
from time import monotonic

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")
django.setup()

from roster.planning.checks import violations  # noqa: E402 (Django first)
from roster.planning.greedy import GreedySearch  # noqa: E402
from roster.planning.problem import KINDS, Problem, Roster  # noqa: E402
from tests.factories.planning import real_problem  # noqa: E402

SECONDS = 60.0
CASES = ((12, 13, 2, range(5)), (60, 26, 3, range(1)))


def main() -> None:
    began = monotonic()
    from roster.planning.solver import CpSearch  # noqa: PLC0415 (its time is told apart)

    print(f"Loading the solver: {monotonic() - began:.1f} s")
    for people, weeks, rotations, seeds in CASES:
        print(f"\n{people} people, {weeks} weeks, {rotations} rotations")
        for seed in seeds:
            problem = real_problem(people=people, weeks=weeks, rotations=rotations, seed=seed)
            found = CpSearch(problem, seconds=SECONDS).run()
            assert not violations(problem, found.roster)
            print(
                f"  case {seed}: {found.verdict}, {found.progress.seconds:.1f} s, "
                f"gap {(found.progress.gap or 0) * 100:.2f} %"
            )
            _compare(problem, found.roster)
            greedy = GreedySearch(problem, seconds=10).run()
            print(f"    without the solver: {_told(problem, greedy.roster)}")


def _compare(problem: Problem, roster: Roster) -> None:
    turning = turning_roster(problem)
    ours, theirs = (sum(_spread(problem, each)) for each in (roster, turning))
    print(f"    proposal:           {_told(problem, roster)}")
    print(f"    today's rotation:   {_told(problem, turning)}, {theirs / max(ours, 1):.1f} times")


def turning_roster(problem: Problem) -> Roster:
    """What a plain rotation does: everybody in order, rotations half a round apart."""
    count = len(problem.people)
    return {
        (rotation, turn): problem.people[
            (turn + rotation * count // len(problem.rotations)) % count
        ].key
        for rotation, turn in problem.places
    }


def _told(problem: Problem, roster: Roster) -> str:
    hours = _spread(problem, roster)
    return ", ".join(f"{each} h {kind}" for kind, each in zip(KINDS, hours, strict=True))


def _spread(problem: Problem, roster: Roster) -> list[int]:
    """Most minus least of each kind, in hours. A plain rotation does not care who is away."""
    carried = zip(*(load.hours() for load in problem.totals(roster).values()), strict=True)
    return [max(hours) - min(hours) for hours in carried]


if __name__ == "__main__":
    main()
