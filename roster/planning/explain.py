"""Why there is no roster, in sentences that name who, when and which rule. Pure.

What can be seen by looking and counting is said first and at once; what only follows from several
rules together needs the solver (`relaxation`).
"""

from collections.abc import Iterable
from itertools import combinations
from math import ceil

from roster.planning.checks import turn_name
from roster.planning.problem import Place, Problem, Rules, Why

MOST_REASONS = 8
# More rotations than this are not looked at in every combination: nobody plans that many at once.
_ROTATIONS_COMBINED = 6

UNEXPLAINED = (
    "No roster was found that keeps every rule, and no single rule is to blame. Allow less rest, "
    "more turns in a row or more turns of one person, or add people."
)


def reasons(problem: Problem) -> list[str]:
    """The obstacles that can be seen without searching, the plainest first; maybe none."""
    found = [_nobody(problem, place) for place in problem.places if not problem.eligible[place]]
    if not found:
        found = [*_too_few_at_once(problem), *_too_few_in_all(problem), *_too_few_to_rest(problem)]
    return _shortened(found)


def _shortened(sentences: list[str]) -> list[str]:
    more = len(sentences) - MOST_REASONS
    if more <= 0:
        return sentences
    return [*sentences[:MOST_REASONS], f"And {more} more of this kind."]


def _nobody(problem: Problem, place: Place) -> str:
    """“Turn from Mon 21 Dec on Database: everyone is away (time off of Ana, Bo and Cy).”"""
    rotation = problem.rotations[place[0]]
    where = f"{_at_the_start(turn_name(problem, place))} on {rotation.name}"
    by_reason: dict[Why, list[str]] = {}
    for key in rotation.people:
        why = problem.blocked.get((key, place))
        if why:
            by_reason.setdefault(why, []).append(problem.by_key[key].name)
    if not rotation.people:
        return f"{rotation.name} has no people who may take turns. Add some."
    parts = [_SAYS[why].format(names=names_of(people)) for why, people in by_reason.items()]
    if list(by_reason) == [Why.AWAY]:
        return f"{where}: everyone is away ({parts[0]})."
    return f"{where}: nobody can take it ({'; '.join(parts)})."


_SAYS = {
    Why.AWAY: "time off of {names}",
    Why.UNQUALIFIED: "without the qualification asked for: {names}",
    Why.INACTIVE: "inactive: {names}",
    Why.NOT_LISTED: "not listed: {names}",
}


def _too_few_at_once(problem: Problem) -> Iterable[str]:
    """Turns on which some rotations together have fewer people than rotations (Hall)."""
    numbers = range(min(len(problem.rotations), _ROTATIONS_COMBINED))
    for turn in range(problem.turns):
        for size in range(2, len(numbers) + 1):
            for some in combinations(numbers, size):
                able = {key for number in some for key in problem.eligible[number, turn]}
                if len(able) < size:
                    names = names_of(problem.rotations[number].name for number in some)
                    who = names_of(problem.by_key[key].name for key in sorted(able))
                    when = _at_the_start(turn_name(problem, (some[0], turn)))
                    yield (f"{when}: {names} need {size} people at once, and only {who} can.")


def _too_few_in_all(problem: Problem) -> Iterable[str]:
    most = problem.rules.most_turns
    if most is None:
        return
    able = {key for people in problem.eligible.values() for key in people}
    needed = len(problem.places)
    if len(able) * most < needed:
        yield (
            f"{needed} turns are to be taken, and {len(able)} people with {most} turns each at "
            f"most make {len(able) * most}. Allow {ceil(needed / max(len(able), 1))} turns each."
        )


def _too_few_to_rest(problem: Problem) -> Iterable[str]:
    """Stretches of turns in which the people there are cannot cover every turn and rest."""
    rules = problem.rules
    cycle = rules.consecutive + max(rules.rest, 1)
    for first in range(max(problem.turns - cycle, 0) + 1):
        turns = range(first, min(first + cycle, problem.turns))
        places = [place for place in problem.places if place[1] in turns]
        able = {key for place in places for key in problem.eligible[place]}
        if len(able) * min(rules.consecutive, len(turns)) < len(places):
            needed = ceil(len(places) / rules.consecutive)
            who = names_of(problem.by_key[key].name for key in sorted(able))
            yield (
                f"From the {turn_name(problem, places[0])} on: {_rule(rules)} asks for {needed} "
                f"people on {len(problem.rotations)} "
                f"rotation{'' if len(problem.rotations) == 1 else 's'}, and there are "
                f"{len(able)} ({who})."
            )
            return


def _rule(rules: Rules) -> str:
    row = "one turn" if rules.consecutive == 1 else f"{rules.consecutive} turns"
    rest = max(rules.rest, 1)
    return f"a rest of {rest} turn{'' if rest == 1 else 's'} after {row}"


def _at_the_start(words: str) -> str:
    return words[:1].upper() + words[1:]


def names_of(names: Iterable[str]) -> str:
    """“Ana, Bo and Cy”; of many, the first few and how many more."""
    listed = list(names)
    if len(listed) > 6:
        listed = [*listed[:5], f"{len(listed) - 5} more"]
    if len(listed) < 2:
        return "".join(listed) or "nobody"
    return f"{', '.join(listed[:-1])} and {listed[-1]}"
