"""A few random faults during a storm; a hundred with `python -m tests.faults.soak`."""

import pytest

from tests.faults import servers
from tests.faults.soak import report, run

pytestmark = [pytest.mark.slow, pytest.mark.smtp]

ROUNDS = 6
NO_NEW_ROUND_AFTER_SECONDS = 25


def test_nothing_accepted_is_lost_and_everybody_is_paged_through_random_faults() -> None:
    if reason := servers.why_not():
        pytest.skip(reason)

    result = run(rounds=ROUNDS, seed=4, seconds=NO_NEW_ROUND_AFTER_SECONDS)

    assert result[2].are_clean, report(*result)
