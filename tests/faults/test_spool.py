"""The database away, from outside: what was accepted meanwhile is paged when it is back.

On a Postgres of the test's own, which is killed, stopped and cut off; and on SQLite with the
database locked by another process for longer than intake waits.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from incidents import spool
from tests.e2e import seed
from tests.e2e.mailbox import Server
from tests.e2e.stack import Stack, wait_until
from tests.faults import servers
from tests.faults.servers import OwnPostgres
from tests.incidents.paging import alert, webhook

pytestmark = [pytest.mark.slow, pytest.mark.smtp]


def send(stack: Stack, key: str, name: str) -> int:
    body = webhook(alert(name, annotations={"summary": name}), group=name)
    return stack.request("POST", f"/ingest/{key}/", form=body).status


def spooled(stack: Stack) -> int:
    return spool.waiting(stack.data_dir / "spool")


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[Path, seed.Seeded]]:
    if reason := servers.why_not():
        pytest.skip(reason)
    with servers.prepared_postgres() as made:
        yield made


@pytest.fixture
def postgres(cluster: tuple[Path, seed.Seeded]) -> Iterator[OwnPostgres]:
    with servers.own_postgres(cluster[0]) as server:
        yield server


@pytest.fixture
def key(cluster: tuple[Path, seed.Seeded]) -> str:
    return cluster[1].key


@pytest.fixture
def away(tmp_path: Path, mail: Server, postgres: OwnPostgres, key: str) -> Iterator[Stack]:
    """A web server that has known its database, and whose database is gone."""
    stack = Stack(tmp_path / "data", mail.port, database_url=postgres.url)
    stack.data_dir.mkdir()
    stack.start("web")
    assert send(stack, key, "before") == 202
    postgres.kill()
    try:
        yield stack
    finally:
        stack.stop()


def stored(url: str) -> list[str]:
    """What was stored, in the order in which it came: the names that `send` gave."""
    with psycopg.connect(url) as session:
        rows = session.execute(
            "SELECT body FROM incidents_alertevent ORDER BY received_at"
        ).fetchall()
    return [json.loads(body)["alerts"][0]["fingerprint"] for (body,) in rows]


def test_events_of_an_outage_are_stored_in_order_and_paged(
    away: Stack, postgres: OwnPostgres, key: str, mail: Server
) -> None:
    names = [f"outage-{number}" for number in range(20)]
    assert {send(away, key, name) for name in names} == {202}
    assert spooled(away) == 20
    [said, *_] = away.get("/readyz").json["problems"]
    assert said == "20 events wait on this host for the database to come back."

    postgres.start()
    wait_until("the spool to be stored", lambda: not spooled(away))

    assert stored(postgres.url) == ["before", *names]
    away.start("worker", "beat")
    wait_until("the page", lambda: mail.mailbox.to(seed.FIRST, "outage-19"))


def test_requests_do_not_wait_for_a_database_that_is_away(away: Stack, key: str) -> None:
    send(away, key, "first")

    began = time.monotonic()
    for number in range(50):
        send(away, key, str(number))

    # Each would wait at least a connection's time-out otherwise, or a refused connection.
    assert time.monotonic() - began < 50 * 0.5


def test_web_process_killed_in_an_outage_loses_nothing_and_doubles_nothing(
    away: Stack, postgres: OwnPostgres, key: str
) -> None:
    assert [send(away, key, f"one-{number}") for number in range(5)] == [202] * 5
    away.kill("web")
    away.start("web")
    # It has never reached the database, and knows the key from the process before.
    assert [send(away, key, f"two-{number}") for number in range(5)] == [202] * 5
    away.kill("web")

    postgres.start()
    away.start("web")
    wait_until("the spool to be stored", lambda: not spooled(away))

    assert sorted(stored(postgres.url)) == sorted(
        ["before", *(f"{part}-{number}" for part in ("one", "two") for number in range(5))]
    )


def test_web_process_killed_while_it_stores_the_spool_doubles_nothing(
    away: Stack, postgres: OwnPostgres, key: str
) -> None:
    names = [f"outage-{number}" for number in range(300)]
    for name in names:
        send(away, key, name)
    postgres.start()
    wait_until("the first to be stored", lambda: len(stored(postgres.url)) > 1)
    away.kill("web")

    away.start("web")
    wait_until("the spool to be stored", lambda: not spooled(away))

    assert sorted(stored(postgres.url)) == sorted(["before", *names])


def test_database_that_accepts_and_never_answers_is_given_up_on(
    away: Stack, postgres: OwnPostgres, key: str
) -> None:
    postgres.start()
    wait_until("the database", lambda: send(away, key, "back") == 202)
    wait_until("nothing spooled", lambda: not spooled(away))
    postgres.pause()

    began = time.monotonic()
    assert send(away, key, "hung") == 202
    assert time.monotonic() - began < 15

    postgres.resume()
    wait_until("the spool to be stored", lambda: not spooled(away))
    assert stored(postgres.url).count("hung") == 1


@pytest.mark.sqlite
@pytest.mark.parametrize("stack", ["embedded"], indirect=True)
def test_sqlite_locked_by_another_process_spools_after_two_seconds(
    stack: Stack, seeded: seed.Seeded, mail: Server
) -> None:
    stack.start("web")
    assert send(stack, seeded.key, "before") == 202

    path = stack.data_dir / "muster.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        names = [f"locked-{number}" for number in range(10)]
        assert {send(stack, seeded.key, name) for name in names} == {202}
        assert spooled(stack) == 10
        other.execute("ROLLBACK")
    wait_until("the spool to be stored", lambda: not spooled(stack))

    with closing(sqlite3.connect(path)) as session:
        rows = session.execute("SELECT body FROM incidents_alertevent ORDER BY id").fetchall()
    found = [json.loads(body)["alerts"][0]["fingerprint"] for (body,) in rows]
    assert found == ["before", *names]
