"""Which step is next, whatever was done to the policy meanwhile."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.escalation.places import first_rung, steps_left


@dataclass(frozen=True)
class Step:
    pk: int
    position: int


def steps(*pks: int) -> list[Step]:
    return [Step(pk, position) for position, pk in enumerate(pks, start=1)]


@pytest.mark.parametrize(
    ("order", "run", "ahead", "left"),
    [
        pytest.param([1, 2, 3], [], [], [1, 2, 3], id="nothing has run"),
        pytest.param([1, 2, 3], [1], [2, 3], [2, 3], id="as it was"),
        pytest.param([1, 3], [1], [2, 3], [3], id="the next one deleted"),
        pytest.param([2, 3], [1], [2, 3], [2, 3], id="the last one deleted"),
        pytest.param([1, 9, 2], [1], [2], [9, 2], id="put in behind"),
        pytest.param([9, 1, 2], [1], [2], [2], id="put in before"),
        pytest.param([2, 1, 3], [1], [2, 3], [2, 3], id="moved to before"),
        pytest.param([1, 3, 2], [1], [2, 3], [3, 2], id="swapped"),
        pytest.param([2, 3, 1], [1], [2, 3], [2, 3], id="moved to the end"),
        pytest.param([], [1], [2, 3], [], id="all deleted"),
        pytest.param([8, 9], [1], [2, 3], [8, 9], id="all replaced"),
        pytest.param([1, 9], [1, 2], [], [9], id="the last one replaced"),
        pytest.param([1, 2, 3], [1, 2, 3], [], [], id="all have run"),
    ],
)
def test_steps_left(order, run, ahead, left):
    assert [step.pk for step in steps_left(steps(*order), run, ahead)] == left


def test_first_rung_is_all_that_stands_at_its_position():
    left = [Step(1, 2), Step(2, 2), Step(3, 5)]

    assert [step.pk for step in first_rung(left)] == [1, 2]
    assert first_rung([]) == []


@given(
    order=st.lists(st.integers(1, 9), unique=True),
    run=st.lists(st.integers(1, 9), unique=True, max_size=5),
    ahead=st.lists(st.integers(1, 9), unique=True, max_size=5),
)
def test_nothing_runs_twice_and_nothing_that_was_ahead_is_missed(order, run, ahead):
    left = [step.pk for step in steps_left(steps(*order), run, ahead)]

    assert not set(left) & set(run)
    assert set(left) >= (set(order) & set(ahead)) - set(run)
    assert left == [pk for pk in order if pk in left]
