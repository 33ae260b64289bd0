"""The backend itself: set `ENGINE` to `config.sqlite`.

A transaction takes its place in the queue before BEGIN IMMEDIATE and leaves it with COMMIT,
ROLLBACK or close; a single write outside a transaction holds it for that statement. Never call
the network inside a transaction: every other writer waits meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

from config.sqlite.write_queue import WriteQueue, WriteQueueTimeoutError

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper with a `WriteQueue` beside the database file.

    An in-memory database has none: it belongs to one process, and tests would gain nothing.
    """

    # `Any` below: Django's signatures, which its stubs leave open.
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self._timeout = float(conn_params.get("timeout", 5))
        self._queue = (
            None
            if self.is_in_memory_db()
            else WriteQueue(Path(f"{self.settings_dict['NAME']}-queue"))
        )
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Any:
        if self._queue is None:
            return super().create_cursor(name)
        return self.connection.cursor(factory=partial(QueuedCursor, self))

    @contextmanager
    def waiting_at_most(self, seconds: float) -> Iterator[None]:
        """Give up on another writer after `seconds` inside, if that is sooner than as a rule."""
        self.ensure_connection()
        usual = self._timeout
        self._wait_for_others(min(seconds, usual))
        try:
            yield
        finally:
            if self.connection is not None:
                self._wait_for_others(usual)

    def _wait_for_others(self, seconds: float) -> None:
        """In our queue, and in SQLite's own for those who are not in ours."""
        self._timeout = seconds
        self.connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    def enter_queue(self) -> None:
        """Wait for our turn to write; does nothing where there is no queue or it is our turn."""
        if self._queue is None or self._queue.is_held:
            return
        try:
            self._queue.enter(timeout=self._timeout)
        except WriteQueueTimeoutError as error:
            raise OperationalError(
                "database is locked: the queue of writers stands still"
            ) from error

    def leave_queue(self) -> None:
        """Let the next writer in, once no transaction of ours is open."""
        if self._queue is not None and not (self.connection and self.connection.in_transaction):
            self._queue.leave()

    def _start_transaction_under_autocommit(self) -> None:
        self.enter_queue()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # not in the stubs
        finally:
            self.leave_queue()

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]  # not in the stubs
        finally:
            self.leave_queue()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]  # not in the stubs
        finally:
            self.leave_queue()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # not in the stubs
        finally:
            if self.connection is not None and self._queue is not None:
                self._queue.close()


class QueuedCursor(base.SQLiteCursorWrapper):
    """A cursor whose single writes, outside a transaction, wait for their turn.

    SQLite commits such a write when its last row has been read, so the rows of a RETURNING are
    read here, while it is still our turn.
    """

    def __init__(self, wrapper: DatabaseWrapper, *args: Any) -> None:
        super().__init__(*args)
        self._wrapper = wrapper
        self._returned: Iterator[Any] | None = None

    # `Any`: two stubs of this signature contradict each other.
    def execute(self, query: str, params: Any = None) -> "QueuedCursor":
        self._returned = None
        if self.connection.in_transaction or not query.lstrip()[:7].upper().startswith(_WRITES):
            super().execute(query, params)
            return self
        self._wrapper.enter_queue()
        try:
            super().execute(query, params)
            if self.description is not None:
                self._returned = iter(super().fetchall())
        finally:
            self._wrapper.leave_queue()
        return self

    def fetchone(self) -> Any:
        return super().fetchone() if self._returned is None else next(self._returned, None)

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        if self._returned is None:
            return super().fetchmany(size)
        return [row for _, row in zip(range(size or 1), self._returned, strict=False)]

    def fetchall(self) -> list[Any]:
        return super().fetchall() if self._returned is None else list(self._returned)
