"""The embedded database: writers wait in line, each for no longer than it may."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import IntegrityError, OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sqlite.base import DatabaseWrapper
from config.sqlite.write_queue import WriteQueue, WriteQueueTimeoutError

# Opens databases of its own; the mark allows it to.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

Connect = Callable[..., DatabaseWrapper]
SETTINGS: dict[str, object] = {
    "ATOMIC_REQUESTS": False,
    "AUTOCOMMIT": True,
    "CONN_HEALTH_CHECKS": False,
    "CONN_MAX_AGE": None,
    "ENGINE": "config.sqlite",
    "HOST": "",
    "PASSWORD": "",
    "PORT": "",
    "TEST": {},
    "TIME_ZONE": None,
    "USER": "",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.sqlite3"


@pytest.fixture
def connect(path: Path) -> Iterator[Connect]:
    """Open connections that end with the test; `timeout` in seconds."""
    made = []

    def open_one(timeout: float = 5) -> DatabaseWrapper:
        options = {
            "transaction_mode": "IMMEDIATE",
            "timeout": timeout,
            "init_command": "PRAGMA journal_mode=WAL",
        }
        made.append(DatabaseWrapper({**SETTINGS, "NAME": path, "OPTIONS": options}, alias="own"))
        made[-1].inc_thread_sharing()  # closed here, whichever thread used it
        return made[-1]

    yield open_one
    for connection in made:
        connection.close()


@pytest.fixture
def connection(connect: Connect) -> DatabaseWrapper:
    made = connect()
    with made.cursor() as cursor:
        cursor.execute("CREATE TABLE line (id integer PRIMARY KEY, text varchar UNIQUE)")
    return made


def is_free(path: Path) -> bool:
    """Whether somebody else could write now."""
    other = WriteQueue(Path(f"{path}-queue"))
    try:
        other.enter(timeout=0.05)
    except WriteQueueTimeoutError:
        return False
    finally:
        other.close()
    return True


def write(connection: BaseDatabaseWrapper, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO line (text) VALUES (%s)", [text])


def begin(connection: DatabaseWrapper) -> None:
    connection.ensure_connection()
    connection._start_transaction_under_autocommit()


def test_transaction_holds_the_queue_until_commit(connection, path):
    begin(connection)
    write(connection, "one")

    assert not is_free(path)
    connection._commit()
    assert is_free(path)


def test_rollback_leaves_the_queue(connection, path):
    begin(connection)

    connection._rollback()

    assert is_free(path)


def test_close_leaves_the_queue(connection, path):
    begin(connection)

    connection.close()

    assert is_free(path)


def test_single_write_leaves_the_queue_when_done(connection, path):
    write(connection, "one")

    assert is_free(path)


def test_single_write_that_fails_leaves_the_queue(connection, path):
    write(connection, "one")

    with pytest.raises(IntegrityError):
        write(connection, "one")

    assert is_free(path)


def test_returning_is_committed_before_it_is_read(connection, connect, path):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO line (text) VALUES ('a'), ('b'), ('c') RETURNING id, text")

        assert is_free(path)
        with connect().cursor() as elsewhere:
            elsewhere.execute("SELECT count(*) FROM line")
            assert elsewhere.fetchone() == (3,)
        assert cursor.fetchone() == (1, "a")
        assert cursor.fetchmany(1) == [(2, "b")]
        assert cursor.fetchall() == [(3, "c")]
        assert cursor.fetchone() is None


def test_reading_does_not_wait(connection, connect, path):
    begin(connection)

    with connect().cursor() as cursor:
        cursor.execute("SELECT count(*) FROM line")

        assert cursor.fetchone() == (0,)
    connection._rollback()


def test_writer_gives_up_after_its_time(connection, connect, path):
    begin(connection)

    started = time.monotonic()
    with pytest.raises(OperationalError, match="queue of writers stands still"):
        write(connect(timeout=0.2), "late")

    assert 0.2 <= time.monotonic() - started < 2
    connection._rollback()


def test_place_given_up_is_not_taken_later(connection, connect, path):
    begin(connection)
    with pytest.raises(OperationalError):
        begin(connect(timeout=0.1))

    connection._commit()

    deadline = time.monotonic() + 2
    while not is_free(path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_free(path)


def test_atomic_blocks_queue_and_nest(connection, path, monkeypatch):
    monkeypatch.setattr("django.db.transaction.get_connection", lambda using=None: connection)

    with transaction.atomic():
        write(connection, "outer")
        with pytest.raises(IntegrityError), transaction.atomic():
            write(connection, "outer")
        assert not is_free(path)

    assert is_free(path)


@pytest.mark.slow
def test_many_writers_lose_nothing(connection, connect, path):
    def work(number: int) -> None:
        mine = connect(timeout=20)
        for turn in range(20):
            begin(mine)
            write(mine, f"{number}-{turn}")
            mine._commit()
        mine.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM line")
        assert cursor.fetchone() == (120,)
    assert not [t for t in threading.enumerate() if t.name == "sqlite-write-queue"]


def test_in_memory_database_has_no_queue(tmp_path):
    connection = DatabaseWrapper(
        {**SETTINGS, "NAME": ":memory:", "OPTIONS": {"transaction_mode": "IMMEDIATE"}}, alias="own"
    )

    begin(connection)
    connection._commit()

    assert connection._queue is None
    connection.connection.close()
