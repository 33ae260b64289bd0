"""Running stacks: on the embedded default, and on Postgres with Redis."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e import seed
from tests.e2e.databases import own_database, own_redis
from tests.e2e.mailbox import Server
from tests.e2e.stack import Stack, free_port

EMBEDDED = "embedded"
PRODUCTION = pytest.param("production", marks=[pytest.mark.postgres, pytest.mark.redis])


@dataclass(frozen=True)
class Prepared:
    """A migrated database with reference data and the small organisation, to be copied."""

    stack: Stack
    seeded: seed.Seeded


@pytest.fixture
def mail() -> Iterator[Server]:
    """A mail server of this test's own."""
    with Server(port=free_port()) as server:
        yield server


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Prepared]]:
    """Prepare each kind of database once, when the first test asks for it."""
    made: dict[str, Prepared] = {}
    with ExitStack() as own:

        def prepare(kind: str) -> Prepared:
            if kind not in made:
                stack = Stack(data_dir=tmp_path_factory.mktemp(kind), smtp_port=free_port())
                if kind != EMBEDDED:
                    stack.database_url = own.enter_context(own_database())
                stack.prepare()
                made[kind] = Prepared(stack, seed.seed(stack))
            return made[kind]

        yield prepare


@pytest.fixture(params=[EMBEDDED, PRODUCTION])
def stack(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    mail: Server,
    prepared: Callable[[str], Prepared],
) -> Iterator[Stack]:
    """A copy of the prepared database with nothing started yet."""
    template = prepared(request.param).stack
    made = Stack(data_dir=tmp_path / "data", smtp_port=mail.port)
    with ExitStack() as own:
        if request.param == EMBEDDED:
            shutil.copytree(template.data_dir, made.data_dir)
        else:
            made.data_dir.mkdir()
            made.database_url = own.enter_context(own_database(template.database_url))
            made.redis_url = own.enter_context(own_redis())
        own.callback(made.stop)
        yield made


@pytest.fixture
def seeded(stack: Stack, prepared: Callable[[str], Prepared]) -> seed.Seeded:
    """What was seeded into the stack's database."""
    return prepared("production" if stack.database_url else EMBEDDED).seeded
