"""What is wrong with a roster: every hard rule it breaks, named. Pure."""

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from roster.planning.problem import Candidate, Place, Problem, Roster, Why, spells


class Rule(StrEnum):
    """The hard rules; those of `Why` are one of them each."""

    OPEN = "open"
    AWAY = "away"
    UNQUALIFIED = "unqualified"
    INACTIVE = "inactive"
    NOT_LISTED = "not_listed"
    TWICE = "twice"
    REST = "rest"
    IN_A_ROW = "in_a_row"
    MOST_TURNS = "most_turns"


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken by `person` (None: an open place) at `places`; `text` is a sentence."""

    rule: Rule
    person: int | None
    places: tuple[Place, ...]
    text: str


_SAYS = {
    Why.AWAY: "{person} is away in the {turn} on {rotation}.",
    Why.UNQUALIFIED: "{person} lacks what {rotation} asks for in the {turn}.",
    Why.INACTIVE: "{person} is inactive and is not paged: {rotation}, {turn}.",
    Why.NOT_LISTED: "{person} is not among the people for {rotation}, {turn}.",
}


def turn_name(problem: Problem, place: Place) -> str:
    """“turn from Mon 21 Dec”, by the clock of the rotation."""
    starts_at = problem.rotations[place[0]].turns[place[1]].starts_at
    return f"turn from {starts_at:%a %-d %b}"


def violations(problem: Problem, roster: Roster) -> list[Violation]:
    """All of them, place by place and then person by person; empty for a roster that holds."""
    found = []
    for place in problem.places:
        found += _about_place(problem, roster, place)
    for key, places in problem.turns_of(roster).items():
        person = problem.by_key.get(key)
        if person is not None:
            found += _about_person(problem, person, places)
    return found


def _about_place(problem: Problem, roster: Roster, place: Place) -> list[Violation]:
    words = {"rotation": problem.rotations[place[0]].name, "turn": turn_name(problem, place)}
    if place not in roster:
        text = "Nobody takes the {turn} on {rotation}.".format(**words)
        return [Violation(Rule.OPEN, None, (place,), text)]
    key = roster[place]
    person = problem.by_key.get(key)
    why = problem.why_not(key, place) if person else Why.NOT_LISTED
    if why is None:
        return []
    name = person.name if person else "Somebody who is gone"
    return [Violation(Rule(why), key, (place,), _SAYS[why].format(person=name, **words))]


def _about_person(problem: Problem, person: Candidate, places: list[Place]) -> list[Violation]:
    found = _twice(problem, person, places)
    by_turn: dict[int, list[Place]] = defaultdict(list)
    for place in places:
        by_turn[place[1]].append(place)
    runs = spells(set(by_turn) | person.worked)
    rules = problem.rules
    for first, last in runs:
        if last >= 0 and last - first + 1 > rules.consecutive:
            inside = _places(by_turn, first, last)
            text = (
                f"{person.name} is on call {last - first + 1} turns in a row, until the end of the "
                f"{turn_name(problem, inside[-1])}; {rules.consecutive} at most."
            )
            found.append(Violation(Rule.IN_A_ROW, person.key, inside, text))
    for (_, before), (after, _) in pairwise(runs):
        if after >= 0 and after - before - 1 < rules.rest:
            both = (*by_turn.get(before, []), *by_turn[after])
            text = (
                f"{person.name} has {_turns(after - before - 1)} of rest before the "
                f"{turn_name(problem, both[-1])}; {rules.rest} asked for."
            )
            found.append(Violation(Rule.REST, person.key, both, text))
    if rules.most_turns is not None and len(places) > rules.most_turns:
        text = f"{person.name} takes {_turns(len(places))}; {rules.most_turns} at most."
        found.append(Violation(Rule.MOST_TURNS, person.key, tuple(places), text))
    return found


def _twice(problem: Problem, person: Candidate, places: list[Place]) -> list[Violation]:
    overlaps = set(problem.overlaps)
    pairs = [
        (one, other)
        for number, one in enumerate(places)
        for other in places[number + 1 :]
        if one[1] == other[1] or (one, other) in overlaps
    ]
    return [
        Violation(
            Rule.TWICE,
            person.key,
            pair,
            f"{person.name} is on {problem.rotations[pair[0][0]].name} and "
            f"{problem.rotations[pair[1][0]].name} at once: {turn_name(problem, pair[1])}.",
        )
        for pair in pairs
    ]


def _places(by_turn: dict[int, list[Place]], first: int, last: int) -> tuple[Place, ...]:
    return tuple(place for turn in range(first, last + 1) for place in by_turn.get(turn, []))


def _turns(count: int) -> str:
    return f"{count} turn{'' if count == 1 else 's'}"
