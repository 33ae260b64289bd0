from collections.abc import Callable
from datetime import datetime

import pytest

from incidents.announcements import announce_due
from roster.actors import Actor

ACTOR = Actor.system("tests")


@pytest.fixture
def announce(now: datetime) -> Callable[[datetime], None]:
    """Let every app hear of what was recorded up to a moment."""

    def announce(at: datetime = now) -> None:
        while announce_due(at=at):
            pass

    return announce
