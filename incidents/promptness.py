"""Not waiting for a database that does not answer.

One that refuses is no trouble: the statement fails at once. One that keeps the connection and says
nothing (a stalled disk, a table that somebody has locked, a stopped server) would hold every thread
of the web server, and then nothing could be accepted at all.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

from django.db import connection

# On SQLite another writer may hold the lock; a monitor is not to wait for it as long as we do.
LOCKED_FOR_SECONDS = 2.0
ANSWERS_WITHIN_SECONDS = 5.0

_guard = threading.Lock()
# By thread: until when (of the monotonic clock) it waits, and psycopg's connection.
_waiting: dict[int, tuple[float, Any]] = {}


@contextmanager
def promptly(within: float = ANSWERS_WITHIN_SECONDS) -> Iterator[None]:
    """Have what is asked inside answered soon, or fail with an OperationalError.

    On Postgres that is the work of `cut_off_overdue`, which another thread has to call.
    """
    if connection.vendor == "sqlite":
        # Our own backend has it.
        with connection.waiting_at_most(min(within, LOCKED_FOR_SECONDS)):  # type: ignore[attr-defined]
            yield
        return
    connection.ensure_connection()
    with _guard:
        _waiting[threading.get_ident()] = (monotonic() + within, connection.connection)
    try:
        yield
    finally:
        with _guard:
            del _waiting[threading.get_ident()]


def cut_off_overdue() -> int:
    """Cut the connections that have not answered in time; how many. The statement may yet run."""
    with _guard:
        late = [inner for until, inner in _waiting.values() if until < monotonic()]
        for inner in late:
            # Psycopg raises its own error if the connection was closed meanwhile.
            with suppress(Exception), socket.socket(fileno=os.dup(inner.pgconn.socket)) as wire:
                wire.shutdown(socket.SHUT_RDWR)
    return len(late)
