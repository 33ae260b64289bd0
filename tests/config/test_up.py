"""`manage.py up`: from an empty folder to a page, and what may stand in its way."""

import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django.fixtures import Settings

from config import start_checks

ROOT = Path(__file__).resolve().parents[2]
UNSET = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL", "DJANGO_SETTINGS_MODULE")


def environment(data_dir: Path, **own: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    return {**kept, "DATA_DIR": str(data_dir), **own}


def up(data_dir: Path, *arguments: str, **own: str) -> subprocess.CompletedProcess[str]:
    """Run a start that is expected to be refused."""
    return subprocess.run(
        [sys.executable, "manage.py", "up", *arguments],
        cwd=ROOT,
        env=environment(data_dir, **own),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def running(data_dir: Path, *arguments: str, **own: str) -> Iterator["Running"]:
    log = data_dir.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *arguments],
            cwd=ROOT,
            env=environment(data_dir, **own),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Running(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


class Running:
    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self._log = process, log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, what: Callable[[], object], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def pids_of(self, program: str) -> list[int]:
        """The direct children that run `program`: one, or none between two of them."""
        shown = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        return [int(line.split()[0]) for line in shown.splitlines() if f"-m {program}" in line]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def status(url: str, body: str = "") -> int:
    """The status of a GET, or of a POST of `body`; 0 when nobody answers."""
    request = Request(url, data=body.encode() or None, headers={"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=5) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except (URLError, TimeoutError, ConnectionError):
        return 0


def processes_of(data_dir: Path) -> list[str]:
    """Every process that was started for this data folder, whoever its parent is."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"DATA_DIR={data_dir}\0".encode() in (path / "environ").read_bytes():
                found.append((path / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.sqlite
def test_up_runs_everything_and_stops_it_all(tmp_path: Path) -> None:
    data_dir, port = tmp_path / "data", free_port()
    here = f"http://127.0.0.1:{port}"

    with running(data_dir, "--port", str(port), ADMIN_EMAIL="ana@example.com") as muster:
        muster.wait_for(lambda: "/ingest/" in muster.log)
        muster.wait_for(lambda: status(f"{here}/readyz") == 200)
        assert status(f"{here}/admin/login/") == 200
        [password] = re.findall(r"Log in as admin with the password (\S+) ", muster.log)

        # The printed line pages the first administrator, in the log.
        [line] = re.findall(r"^ +(curl .*)$", muster.log, flags=re.MULTILINE)
        body, address = shlex.split(line)[4:6]
        assert status(address, body) == 202
        muster.wait_for(lambda: "Mail to ana@example.com" in muster.log)
        muster.wait_for(lambda: f"{here}/a/" in muster.log)

        # A second start on the same folder is refused, with a sentence.
        second = up(data_dir, "--port", str(free_port()))
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr == (
            f"Muster cannot start. Muster already runs on {data_dir}. Stop it first, or set "
            "DATA_DIR to another folder.\n"
        )

        # A worker that dies is started again, with all that was its own.
        [worker] = muster.pids_of("celery")
        os.kill(worker, signal.SIGKILL)
        muster.wait_for(lambda: "was ended by signal 9. Starting it again in 1 s." in muster.log)
        muster.wait_for(lambda: muster.pids_of("celery") not in ([], [worker]))

        muster.process.send_signal(signal.SIGINT)
        assert muster.process.wait(timeout=30) == 0
        assert processes_of(data_dir) == []
        assert status(f"{here}/healthz") == 0

    with running(data_dir, "--port", str(port)) as muster:
        muster.wait_for(lambda: "/ingest/" in muster.log)
        assert password not in muster.log
        assert status(f"{here}/healthz") == 200
        assert address in muster.log
    with sqlite3.connect(data_dir / "muster.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM auth_user").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM incidents_incident").fetchone() == (1,)
    database.close()
    assert (data_dir / "first-integration.key").stat().st_mode & 0o777 == 0o600


def test_up_names_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(start_checks.StartError) as refused:
            start_checks.check_address("127.0.0.1", port)

    assert str(refused.value) == (
        f"Port {port} on 127.0.0.1 is in use. Choose another with --host and --port."
    )


def test_up_names_an_address_that_is_not_ours() -> None:
    with pytest.raises(start_checks.StartError, match="Muster cannot listen on 192"):
        start_checks.check_address("192.0.2.1", 80)


@pytest.mark.slow
@pytest.mark.parametrize("inside", [(), ("data",)])
def test_up_names_a_folder_it_cannot_write(tmp_path: Path, inside: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("in the way")
    data_dir = tmp_path.joinpath("file", *inside)

    refused = up(data_dir)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Muster cannot start. {data_dir}/secret_key cannot be ")
    assert refused.stderr.endswith("writable, or set DATA_DIR to another folder.\n")
    assert refused.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgres//db", "Muster cannot start. DATABASE_URL cannot be read. Set it to an address"),
        ("mysql://u@h/d", "Muster cannot start. DATABASE_URL names another database. Set it to"),
        (
            "postgres://u@127.0.0.1:1/d",
            "Muster cannot start. The database does not answer (connection",
        ),
    ],
)
def test_up_names_a_wrong_database_url(tmp_path: Path, url: str, sentence: str) -> None:
    refused = up(tmp_path, "--port", str(free_port()), DATABASE_URL=url, SECRET_KEY="x1y2z" * 12)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(sentence)
    assert refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_up_names_a_missing_secret_key(tmp_path: Path) -> None:
    refused = up(tmp_path, DATABASE_URL="postgres://u@127.0.0.1:1/d")

    assert refused.returncode == 1
    assert refused.stderr.startswith("Muster cannot start. SECRET_KEY is missing. Set SECRET_KEY")


@pytest.mark.slow
@pytest.mark.sqlite
def test_up_names_a_half_run_migration_and_keeps_a_copy(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "muster.sqlite3") as database:
        database.executescript(
            "CREATE TABLE django_migrations (id integer PRIMARY KEY AUTOINCREMENT,"
            " app varchar(255), name varchar(255), applied datetime);"
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('sessions', '0001_initial', '2026-01-01');"
            "CREATE TABLE roster_person (id integer);"
        )
    database.close()

    refused = up(tmp_path, "--port", str(free_port()))

    [copy] = tmp_path.glob("muster-before-upgrade-*.sqlite3")
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        "Muster cannot start. The database could not be migrated and may be "
    )
    assert refused.stderr.endswith(f"Put the copy {copy} back in its place, then start again.\n")
    assert refused.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.sqlite
def test_up_names_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "muster.sqlite3").write_text("not a database at all" * 100)

    refused = up(tmp_path, "--port", str(free_port()))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(
        "Muster cannot start. The database does not answer (file is not a database). "
    )


@pytest.mark.django_db(transaction=True)
def test_up_refuses_the_database_of_newer_code(settings: Settings) -> None:
    settings.MIGRATION_MODULES = {}  # the tables of the tests are made without them
    recorder = MigrationRecorder(connection)
    recorder.record_applied("comms", "9999_from_the_future")

    try:
        with pytest.raises(
            start_checks.StartError, match=r"newer Muster \(comms.9999_from_the_fut"
        ):
            start_checks.check_database()
    finally:
        recorder.record_unapplied("comms", "9999_from_the_future")
