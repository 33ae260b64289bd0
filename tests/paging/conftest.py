"""The harness for PAGING-RULES: see `tests.paging.harness`."""

from collections.abc import Callable, Generator
from datetime import datetime

import pytest
import time_machine

from comms.outbox.sending import CHANNELS
from roster.models import EscalationPolicy
from tests.paging.harness import Drill, somebody
from tests.paging.providers import Channel, Providers

MakeDrill = Callable[[EscalationPolicy | None], Drill]


@pytest.fixture
def drill(
    db: None, now: datetime, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> MakeDrill:
    """Make the organisation under alarm, with this policy for its one service."""
    made: list[Drill] = []
    providers = Providers(clock=lambda: made[0].at)
    for channel in list(CHANNELS):
        monkeypatch.setitem(CHANNELS, channel, Channel(providers))

    def make(policy: EscalationPolicy | None, *, at: datetime = now) -> Drill:
        clock.move_to(at)
        made.append(Drill(policy, at=at, providers=providers, clock=clock))
        return made[0]

    make.made = made  # for the check after the test
    return make


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Whatever was sent and not expected fails the test."""
    result = yield
    for made in getattr(pyfuncitem.funcargs.get("drill"), "made", ()):
        made.expect_no_more()
    return result


@pytest.fixture
def ada(db: None):
    return somebody("Ada")


@pytest.fixture
def ben(db: None):
    return somebody("Ben")


@pytest.fixture
def cem(db: None):
    return somebody("Cem")
