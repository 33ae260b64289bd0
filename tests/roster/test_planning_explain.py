"""Impossible problems are explained by name."""

import pytest

from roster.planning import explain
from roster.planning.problem import Problem, Rotation, Rules, Why
from tests.factories.planning import make_problem, weekly_turns


def test_everyone_away():
    blocked = {(person, (0, 2)): Why.AWAY for person in (1, 2, 3)}
    problem = make_problem(people=3, turns=4, blocked=blocked)

    assert explain.reasons(problem) == [
        "Turn from Mon 16 Nov on Rotation 0: everyone is away "
        "(time off of Person 1, Person 2 and Person 3)."
    ]


def test_nobody_left_for_several_reasons():
    blocked = {(1, (0, 0)): Why.AWAY, (2, (0, 0)): Why.UNQUALIFIED}
    problem = make_problem(people=2, turns=1, blocked=blocked)

    assert explain.reasons(problem) == [
        "Turn from Mon 2 Nov on Rotation 0: nobody can take it (time off of Person 1; "
        "without the qualification asked for: Person 2)."
    ]


def test_rotation_without_people():
    empty = Problem((Rotation(1, "Database", (), weekly_turns(1)),), (), 1)

    assert explain.reasons(empty) == ["Database has no people who may take turns. Add some."]


def test_too_few_people_at_once():
    blocked = {(person, (rotation, 1)): Why.AWAY for person in (2, 3) for rotation in (0, 1)}
    problem = make_problem(people=3, turns=2, rotations=2, blocked=blocked)

    assert explain.reasons(problem)[0] == (
        "Turn from Mon 9 Nov: Rotation 0 and Rotation 1 need 2 people at once, and only "
        "Person 1 can."
    )


def test_too_few_turns_each():
    problem = make_problem(people=4, turns=10, rules=Rules(most_turns=2))

    assert explain.reasons(problem) == [
        "10 turns are to be taken, and 4 people with 2 turns each at most make 8. "
        "Allow 3 turns each."
    ]


def test_too_few_people_to_rest():
    problem = make_problem(people=2, turns=5, rules=Rules(rest=2))

    assert explain.reasons(problem) == [
        "From the turn from Mon 2 Nov on: a rest of 2 turns after one turn asks for 3 people "
        "on 1 rotation, and there are 2 (Person 1 and Person 2)."
    ]


def test_possible_problem_has_no_obstacle():
    assert explain.reasons(make_problem()) == []


@pytest.mark.solver
def test_rules_that_only_clash_together_are_named_by_the_nearest_roster():
    from roster.planning import relaxation  # noqa: PLC0415 (needs the extra)

    # Three people with two turns each would do, had two of them more than one turn to choose from.
    rules = Rules(rest=0, consecutive=5, most_turns=2)
    away = {(person, (0, turn)): Why.AWAY for person in (2, 3) for turn in range(1, 5)}
    problem = make_problem(people=3, turns=5, rules=rules, blocked=away)

    assert explain.reasons(problem) == []
    found = relaxation.reasons(problem)
    assert found == [
        "The most turns of one person stand in the way: the roster that comes nearest breaks it "
        "once.",
        "Person 1 takes 4 turns; 2 at most.",
    ]


@pytest.mark.solver
def test_possible_problem_needs_no_breach():
    from roster.planning import relaxation  # noqa: PLC0415 (needs the extra)

    assert relaxation.reasons(make_problem()) == []
