"""How many messages a minute are admitted, along a clock that only moves when told."""

import pytest

from incidents import intake_limits

START = 1_000.0


@pytest.fixture(autouse=True)
def limit(settings):
    settings.INTAKE_PER_MINUTE = 10
    intake_limits._windows.clear()


def admitted(times: int, *, at: float, integration: int = 1) -> int:
    return sum(intake_limits.admits(integration, at=at) for _ in range(times))


def test_as_many_as_the_limit_are_admitted_at_once():
    assert admitted(15, at=START) == 10


def test_each_integration_has_its_own_share():
    admitted(15, at=START)

    assert admitted(15, at=START, integration=2) == 10


def test_the_minute_slides_so_that_a_full_one_frees_its_places_bit_by_bit():
    admitted(10, at=START)

    assert admitted(15, at=START + 59) == 0
    assert admitted(15, at=START + 90) == 5
    assert admitted(15, at=START + 120) == 5


def test_after_two_quiet_minutes_nothing_is_left_of_it():
    admitted(10, at=START)

    assert admitted(15, at=START + 121) == 10


def test_who_goes_on_trying_gets_its_share_all_the_same():
    admitted(10, at=START)
    admitted(1_000, at=START + 59)

    assert admitted(15, at=START + 90) == 5


def test_zero_means_no_limit(settings):
    settings.INTAKE_PER_MINUTE = 0

    assert admitted(1_000, at=START) == 1_000
