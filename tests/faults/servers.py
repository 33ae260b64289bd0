"""A Postgres and a Redis of a test's own, which it may kill.

They run as a user of little power where the tests run as root, as Postgres demands, and keep their
files in a folder that goes with them.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import psycopg
import redis

from tests.e2e.seed import Seeded, seed
from tests.e2e.stack import Stack, free_port

POWERLESS = "nobody"


def postgres_programs() -> Path | None:
    """Where Debian keeps `initdb` and `postgres`, of the newest version there is."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def why_not() -> str:
    """What is absent for servers of one's own, or an empty text."""
    if postgres_programs() is None:
        return "needs Debian's package postgresql"
    return "" if shutil.which("redis-server") else "needs Debian's package redis-server"


@dataclass
class OwnServer:
    """One server process; `kill` leaves it no time for anything, `start` starts it again."""

    command: list[str]
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
                user=POWERLESS if os.geteuid() == 0 else None,
            )  # fmt: skip

    def kill(self) -> None:
        """End it and all of its children with SIGKILL."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=15)
        self.process = None

    def pause(self) -> None:
        """Have it answer nobody, with every connection left open."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process
        os.killpg(self.process.pid, signal.SIGCONT)


class OwnPostgres(OwnServer):
    """A cluster on a port of its own; what it says is committed is on the disk."""

    def __init__(self, folder: Path, template: Path | None = None) -> None:
        """`template` is the folder of another one, which was stopped: its data is copied."""
        self.port = free_port()
        programs = postgres_programs()
        assert programs
        data = str(folder / "data")
        make = [str(programs / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run(
            ["cp", "-a", str(template / "data"), data] if template else make,
            check=True, capture_output=True, cwd=folder,
            user=POWERLESS if os.geteuid() == 0 else None,
        )  # fmt: skip
        settings = {
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
            "max_connections": 100, "shared_buffers": "64MB",
        }  # fmt: skip
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        super().__init__([str(programs / "postgres"), "-D", data, *options], folder)

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        super().start()
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Let it finish what it is doing, so that its files can be copied."""
        assert self.process
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        self.process = None

    def cut_connections(self) -> int:
        """End every session but this one, as a failing network does; how many."""
        with psycopg.connect(self.url, autocommit=True) as session:
            cut = session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        return len(cut)


class OwnRedis(OwnServer):
    """A Redis that keeps nothing on disk: killed, it has lost everything."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        super().__init__(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", str(folder)],
            folder,
        )  # fmt: skip

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def empty(self) -> None:
        """Take every message that is waiting away."""
        with suppress(redis.ConnectionError), redis.Redis.from_url(self.url) as broker:
            broker.flushall()


@contextmanager
def own_folder() -> Iterator[Path]:
    """Yield a folder that the servers may write to, whoever they run as."""
    folder = Path(mkdtemp(prefix="muster-servers-"))
    if os.geteuid() == 0:
        shutil.chown(folder, POWERLESS)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_postgres(template: Path | None = None) -> Iterator[OwnPostgres]:
    with own_folder() as folder:
        server = OwnPostgres(folder, template)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def prepared_postgres() -> Iterator[tuple[Path, Seeded]]:
    """Yield the folder of a stopped cluster with the small organisation in it, to be copied."""
    with own_folder() as folder, TemporaryDirectory() as data_dir:
        server = OwnPostgres(folder)
        server.start()
        try:
            stack = Stack(Path(data_dir), free_port(), database_url=server.url)
            stack.prepare()
            seeded = seed(stack)
            server.stop()
            yield folder, seeded
        finally:
            server.kill()


@contextmanager
def own_redis() -> Iterator[OwnRedis]:
    with own_folder() as folder:
        server = OwnRedis(folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()
