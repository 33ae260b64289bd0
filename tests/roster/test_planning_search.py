"""Whoever looks for a roster keeps the hard rules; held against a checker that shares no code."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roster.planning.checks import Rule, violations
from roster.planning.greedy import GreedySearch
from roster.planning.problem import Load, Problem, Rules, Why, Wish
from roster.planning.scoring import Scale
from roster.planning.searching import Outcome, Verdict
from tests.factories.planning import WEEK_LOAD, make_problem, real_problem

SECONDS = 10.0


def solve(problem: Problem) -> Outcome:
    from roster.planning.solver import CpSearch  # noqa: PLC0415 (needs the extra)

    return CpSearch(problem, seconds=SECONDS).run()


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    people, turns = draw(st.integers(2, 6)), draw(st.integers(1, 7))
    rotations = draw(st.integers(1, 2))
    places = [(rotation, turn) for rotation in range(rotations) for turn in range(turns)]
    pairs = [(person, place) for person in range(1, people + 1) for place in places]
    rules = Rules(
        rest=draw(st.integers(0, 3)),
        consecutive=draw(st.integers(1, 3)),
        most_turns=draw(st.none() | st.integers(2, 5)),
    )
    blocked = dict.fromkeys(draw(st.lists(st.sampled_from(pairs), max_size=6)), Why.AWAY)
    weeks = draw(st.lists(st.integers(0, 4), min_size=people, max_size=people))
    ledgers = [Load(3360 * each, 2880 * each, 1440 * (each % 2)) for each in weeks]
    wishes = [
        Wish(draw(st.integers(1, people)), draw(st.booleans()), frozenset({place}))
        for place in draw(st.lists(st.sampled_from(places), max_size=2))
    ]
    return make_problem(
        people=people,
        turns=turns,
        rotations=rotations,
        rules=rules,
        blocked=blocked,
        ledgers=ledgers,
        wishes=wishes,
    )


def holds(problem: Problem, roster: dict[tuple[int, int], int]) -> bool:
    """Turn by turn, person by person, by writing out a line of x and dots."""
    rules, rest = problem.rules, max(problem.rules.rest, 0)
    if set(roster) != set(problem.places):
        return False
    if any((person, place) in problem.blocked for place, person in roster.items()):
        return False
    for person in problem.people:
        own = [turn for (_, turn), taker in roster.items() if taker == person.key]
        if len(own) != len(set(own)) or len(own) > (rules.most_turns or len(own)):
            return False
        line = "".join("x" if turn in own else "." for turn in range(problem.turns))
        if "x" * (rules.consecutive + 1) in line:
            return False
        pauses = [pause for pause in line.strip(".").split("x") if pause]
        if any(len(pause) < rest for pause in pauses):
            return False
    return True


def is_possible(problem: Problem) -> bool:
    """By trying everything, place by place."""

    def search(done: dict[tuple[int, int], int]) -> bool:
        if len(done) == len(problem.places):
            return True
        place = problem.places[len(done)]
        for person in problem.people:
            longer = {**done, place: person.key}
            if _could_hold(problem, longer) and search(longer):
                return True
        return False

    return search({})


def _could_hold(problem: Problem, roster: dict[tuple[int, int], int]) -> bool:
    """What is broken now stays broken: later turns add to a line only at its end."""
    reached = max(turn for _, turn in roster) + 1
    shorter = make_problem(
        people=len(problem.people),
        turns=reached,
        rotations=len(problem.rotations),
        rules=problem.rules,
        blocked=dict(problem.blocked),
    )
    missing = [place for place in shorter.places if place not in roster]
    return holds(
        Problem(
            rotations=shorter.rotations,
            people=shorter.people + make_problem(people=99).people[20 : 20 + len(missing)],
            turns=reached,
            rules=problem.rules,
            blocked=problem.blocked,
        ),
        {**roster, **{place: 21 + number for number, place in enumerate(missing)}},
    )


@pytest.mark.solver
@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(problem=problems())
def test_solver_finds_a_roster_that_holds_or_there_is_none(problem):
    found = solve(problem)

    if found.verdict == Verdict.IMPOSSIBLE:
        assert not is_possible(problem)
    else:
        assert found.verdict in (Verdict.OPTIMAL, Verdict.GOOD)
        assert holds(problem, dict(found.roster))


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(problem=problems())
def test_greedy_finds_a_roster_that_holds_or_none_and_proves_nothing(problem):
    found = GreedySearch(problem, seconds=1).run()

    if found.verdict != Verdict.UNKNOWN:
        assert holds(problem, dict(found.roster))
        assert found.progress.bound is None


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(problem=problems(), data=st.data())
def test_checks_agree_with_the_other_checker(problem, data):
    keys = st.sampled_from([person.key for person in problem.people])
    roster = {place: data.draw(keys) for place in problem.places}

    assert bool(violations(problem, roster)) != holds(problem, roster)


@pytest.mark.solver
@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(problem=problems())
def test_solver_is_no_worse_than_greedy(problem):
    greedy = GreedySearch(problem, seconds=1).run()
    found = solve(problem)

    if greedy.roster:
        score = Scale(problem).score
        assert score(found.roster) <= found.progress.objective
        assert score(found.roster) <= score(greedy.roster) * 1.021


@pytest.mark.solver
def test_solver_repays_past_unfairness():
    burdened, spared = Load(3360 * 3, 2880 * 3), Load()
    problem = make_problem(people=4, turns=6, ledgers=[burdened, spared, spared, spared])

    counts = {key: len(places) for key, places in problem.turns_of(solve(problem).roster).items()}
    assert counts == {2: 2, 3: 2, 4: 2}


def test_greedy_repays_past_unfairness():
    burdened, spared = Load(3360 * 3, 2880 * 3), Load()
    problem = make_problem(people=4, turns=6, ledgers=[burdened, spared, spared, spared])

    found = GreedySearch(problem, seconds=1).run()

    counts = {key: len(places) for key, places in problem.turns_of(found.roster).items()}
    assert counts == {2: 2, 3: 2, 4: 2}


@pytest.mark.solver
def test_wish_is_kept_where_it_costs_no_fairness():
    wish = Wish(person=2, avoids=False, places=frozenset({(0, 3)}))
    problem = make_problem(people=3, turns=6, wishes=[wish])

    assert solve(problem).roster[0, 3] == 2


@pytest.mark.solver
def test_wish_is_not_kept_at_the_cost_of_fairness():
    places = frozenset((0, turn) for turn in range(6))
    problem = make_problem(people=3, turns=6, wishes=[Wish(1, avoids=True, places=places)])

    counts = {key: len(own) for key, own in problem.turns_of(solve(problem).roster).items()}
    assert counts == {1: 2, 2: 2, 3: 2}


@pytest.mark.solver
def test_place_set_by_hand_is_kept():
    problem = make_problem(people=4, turns=6, pinned={(0, 2): 4, (0, 5): 4})

    roster = solve(problem).roster

    assert (roster[0, 2], roster[0, 5]) == (4, 4)


@pytest.mark.solver
def test_rest_counts_turns_before_the_period():
    plain = make_problem(people=3, turns=3, rules=Rules(rest=2))
    tired = [
        type(person)(person.key, person.name, worked=frozenset({-person.key}))
        for person in plain.people
    ]
    problem = Problem(plain.rotations, tuple(tired), 3, plain.rules, loads=plain.loads)

    assert solve(problem).roster == {(0, 0): 3, (0, 1): 2, (0, 2): 1}


@pytest.mark.solver
@pytest.mark.slow
def test_solver_proves_a_quarter_of_two_rotations():
    problem = real_problem(people=12, weeks=13, rotations=2)

    found = solve(problem)

    assert found.verdict in (Verdict.OPTIMAL, Verdict.GOOD)
    assert found.progress.gap <= 0.02
    assert violations(problem, found.roster) == []


@pytest.mark.solver
def test_search_stopped_before_it_began_finds_nothing():
    from roster.planning.solver import CpSearch  # noqa: PLC0415 (needs the extra)

    search = CpSearch(make_problem(), seconds=SECONDS)
    search.stop()

    assert search.run().verdict == Verdict.UNKNOWN


def test_violation_names_person_and_turn():
    problem = make_problem(people=2, turns=2, blocked={(1, (0, 1)): Why.AWAY})

    found = violations(problem, {(0, 0): 2, (0, 1): 1})

    assert [(each.rule, each.text) for each in found] == [
        (Rule.AWAY, "Person 1 is away in the turn from Mon 9 Nov on Rotation 0.")
    ]


def test_two_rotations_at_once_and_too_little_rest_are_named():
    problem = make_problem(people=2, turns=3, rotations=2, rules=Rules(rest=2))
    roster = {(0, 0): 1, (1, 0): 1, (0, 1): 2, (1, 1): 2, (0, 2): 1, (1, 2): 2}

    texts = [each.text for each in violations(problem, roster)]

    assert texts == [
        "Person 1 is on Rotation 0 and Rotation 1 at once: turn from Mon 2 Nov.",
        "Person 1 has 1 turn of rest before the turn from Mon 16 Nov; 2 asked for.",
        "Person 2 is on Rotation 0 and Rotation 1 at once: turn from Mon 9 Nov.",
        "Person 2 is on call 2 turns in a row, until the end of the turn from Mon 16 Nov; "
        "1 at most.",
    ]


def test_weight_of_a_week_is_what_the_clock_says():
    assert WEEK_LOAD.hours() == (56, 48, 0)
