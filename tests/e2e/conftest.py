"""Running stacks: on the embedded default, and on Postgres with Redis."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.databases import own_database, own_redis
from tests.e2e.mailbox import Server
from tests.e2e.stack import Stack, free_port


@pytest.fixture
def mail() -> Iterator[Server]:
    """A mail server of this test's own."""
    with Server(port=free_port()) as server:
        yield server


@pytest.fixture(
    params=["embedded", pytest.param("production", marks=[pytest.mark.postgres, pytest.mark.redis])]
)
def stack(request: pytest.FixtureRequest, tmp_path: Path, mail: Server) -> Iterator[Stack]:
    """Everything prepared, nothing started yet."""
    made = Stack(data_dir=tmp_path / "data", smtp_port=mail.port)
    with ExitStack() as own:
        if request.param == "production":
            made.database_url = own.enter_context(own_database())
            made.redis_url = own.enter_context(own_redis())
        own.callback(made.stop)
        made.prepare()
        yield made
