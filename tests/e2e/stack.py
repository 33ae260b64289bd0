"""Muster as it runs in production: web server, worker and beat as processes of their own."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECRET_KEY = "only-for-end-to-end-tests-0123456789-abcdefghijklmnopqrstuvwxyz"


def free_port() -> int:
    """Return a loopback port nobody listens on right now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until(what: str, probe: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Return `probe`'s first true answer; fail, naming `what`, when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, AssertionError):
            if answer := probe():
                return answer
        time.sleep(0.1)
    raise AssertionError(f"Waited {seconds:.0f} s in vain for: {what}")


@dataclass
class Stack:
    """Start with `start()`; every process can be killed and started again by its name."""

    data_dir: Path
    smtp_port: int
    database_url: str = ""
    redis_url: str = ""
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return where the web server answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """Return the environment of every process: the machine's, with Muster's own variables."""
        own = {
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": SECRET_KEY,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.smtp_port}",
            "PUBLIC_URL": self.url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONUNBUFFERED": "1",
        }
        return {**os.environ, **own}

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end and return what it printed."""
        return self.run("manage.py", *arguments)

    def run(self, *arguments: str) -> str:
        """Run a Python script or module to its end and return what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT, env=self.env, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def prepare(self) -> None:
        """Create the database and load the reference data.

        An embedded one is made once in a run of the tests, and copied.
        """
        shared = os.environ.get("MUSTER_TESTS_SHARED")
        if self.database_url or not shared:
            self._create()
            return
        made = Path(shared) / "embedded"
        with (Path(shared) / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                scratch = replace(self, data_dir=Path(shared) / "scratch", processes={})
                scratch._create()
                scratch.data_dir.rename(made)
        shutil.copytree(made, self.data_dir, dirs_exist_ok=True)

    def _create(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.manage("migrate", "--verbosity", "0")
        self.manage("load_reference")

    def start(self, *names: str) -> None:
        """Start the named processes: web, worker, beat; all three where none is named."""
        for name in names or ("web", "worker", "beat"):
            with (self.data_dir / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    self._command(name), cwd=ROOT, env=self.env, stdout=log, stderr=log,
                    start_new_session=True,
                )  # fmt: skip
        if "web" in self.processes:
            wait_until("the web server", lambda: self.get("/healthz").status == 200)

    def _command(self, name: str) -> list[str]:
        bin_dir = Path(sys.executable).parent
        celery = [str(bin_dir / "celery"), "-A", "config"]
        return {
            "web": [
                str(bin_dir / "gunicorn"), "--config", "python:config.gunicorn_conf",
                "--bind", f"127.0.0.1:{self.port}", "config.wsgi",
            ],
            "worker": [*celery, "worker", "--pool", "threads", "--concurrency", "4"],
            "beat": [*celery, "beat", "--scheduler", "celery.beat.Scheduler", "--pidfile="],
        }[name]  # fmt: skip

    def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> None:
        """End a process and its children with `sig`; SIGKILL leaves it no time for anything."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sig)
        process.wait(timeout=15)

    def stop(self) -> None:
        """End every process that still runs."""
        for name in list(self.processes):
            self.kill(name)

    def logs(self, name: str) -> str:
        """Return what a process has written so far."""
        return (self.data_dir / f"{name}.log").read_text(errors="replace")

    def get(self, path: str, token: str = "") -> "Answer":
        """GET a path."""
        return self.request("GET", path, token=token)

    def post(self, path: str, body: object = None, token: str = "") -> "Answer":
        """POST a JSON body."""
        return self.request("POST", path, body=body, token=token)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        token: str = "",
        form: bytes | None = None,
    ) -> "Answer":
        """Send a request; a refusal is an answer like any other, not an exception."""
        data = (
            form
            if form is not None
            else (json.dumps(body or {}).encode() if method == "POST" else None)
        )
        kind = "application/x-www-form-urlencoded" if form is not None else "application/json"
        headers = {"Content-Type": kind}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        address = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(address, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return Answer(response.status, response.read())
        except urllib.error.HTTPError as refusal:
            return Answer(refusal.code, refusal.read())


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode(errors="replace")

    # JSON of any shape: the tests assert on what they find in it.
    @property
    def json(self) -> Any:
        """Return the decoded JSON body."""
        return json.loads(self.body)
