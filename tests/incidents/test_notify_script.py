"""The notification script for Nagios, Icinga 2 and Checkmk, run by a plain POSIX shell."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from incidents.intake import ADAPTERS, Envelope
from incidents.intake.snippets import snippet

SHELL = shutil.which("dash") or "/bin/sh"
HOSTILE = (
    "quote \" backslash \\ newline \n tab \t $(touch hacked) `touch hacked` '; touch hacked; '"
    " <b>&amp; %s \x01\x1f {url} ümlaut \U0001f525"
)


@dataclass
class Sink:
    """An HTTP server that keeps what is posted to it; `answers` are given first, then 202."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = sink.answers.pop(0) if sink.answers else 202
                if status == 202:
                    sink.bodies.append(body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Not on the test's output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def hosts(self) -> list[str]:
        return [json.loads(body)["host"] for body in self.bodies]


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    made.start()
    yield made
    made.stop()


@dataclass
class Script:
    """The script with an address and a folder of its own."""

    folder: Path
    sink: Sink

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        own = {
            "PATH": os.environ["PATH"],
            "MUSTER_URL": f"http://127.0.0.1:{self.sink.port}/ingest/key/",
            "MUSTER_SPOOL": str(self.folder / "spool"),
            "MUSTER_PAUSE": "0.1",
            "TMPDIR": str(self.folder),
        }
        return subprocess.run(
            [SHELL, str(self.folder / "muster-notify"), *arguments],
            env=own | env, cwd=self.folder, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    def problem(self, host: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run("-t", "PROBLEM", "-l", host, "-s", "DOWN", "-o", "no answer", **env)

    def waiting(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "spool" / "waiting").iterdir())


@pytest.fixture
def script(tmp_path: Path, sink: Sink) -> Iterator[Script]:
    (tmp_path / "muster-notify").write_text(snippet("muster-notify.sh"))
    yield Script(tmp_path, sink)
    # A process that still tries finds nothing left to send, and ends.
    shutil.rmtree(tmp_path / "spool", ignore_errors=True)


def until(what: str, probe: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, f"Waited in vain for {what}"
        time.sleep(0.02)


def test_event_is_posted_as_the_adapter_reads_it(script: Script, sink: Sink) -> None:
    done = script.run(
        "-t", "PROBLEM", "-l", "web-1", "-e", "HTTP", "-s", "CRITICAL", "-o", "503",
        "-d", "1772442000", "-4", "192.0.2.10", "-r", "ops@example.com", "-v", "false",
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    until("the event", lambda: sink.bodies)
    assert json.loads(sink.bodies[0]) == {
        "type": "PROBLEM", "host": "web-1", "service": "HTTP", "state": "CRITICAL",
        "output": "503", "changed": "1772442000", "address": "192.0.2.10",
    }  # fmt: skip
    (alert,) = ADAPTERS["nagios"].read(Envelope(sink.bodies[0])).alerts
    assert alert.dedup_key == "web-1!HTTP"


def test_output_of_plugins_arrives_as_it_was_and_runs_nothing(script: Script, sink: Sink) -> None:
    script.run("-t", "PROBLEM", "-l", "web-1", "-s", "DOWN", "-o", HOSTILE, "-c", HOSTILE)

    until("the event", lambda: sink.bodies)
    said = json.loads(sink.bodies[0])
    assert said["output"] == said["comment"] == HOSTILE
    assert not (script.folder / "hacked").exists()


def test_bytes_that_are_no_text_and_endless_ones_arrive_readable(
    script: Script, sink: Sink
) -> None:
    script.run("-t", "PROBLEM", "-l", "web-1", "-o", "\udcff\udcfe")
    script.run("-t", "PROBLEM", "-l", "web-2", "-o", "x" * 100_000)

    until("both events", lambda: len(sink.bodies) == 2)
    broken, endless = (ADAPTERS["nagios"].read(Envelope(body)).alerts[0] for body in sink.bodies)
    assert broken.description == "\ufffd\ufffd"
    assert len(endless.description) == 8_000


@pytest.mark.slow
def test_server_down_then_up_gets_each_event_once_in_order(script: Script, sink: Sink) -> None:
    sink.stop()
    hosts = [f"web-{number}" for number in range(12)]  # past nine: names are sorted as text
    for host in hosts:
        assert script.problem(host).returncode == 0
    assert len(script.waiting()) == len(hosts)

    sink.start()

    until("the events", lambda: len(sink.bodies) >= len(hosts))
    until("an empty folder", lambda: not script.waiting())
    assert sink.hosts == hosts


@pytest.mark.slow
def test_overload_and_wrong_key_are_tried_again(script: Script, sink: Sink) -> None:
    sink.answers = [503, 401, 404, 429, 500]

    script.problem("web-1")
    script.problem("web-2")

    until("the events", lambda: len(sink.bodies) == 2)
    assert sink.hosts == ["web-1", "web-2"]


def test_event_refused_for_good_is_kept_aside_and_holds_up_nothing(
    script: Script, sink: Sink
) -> None:
    sink.answers = [400]

    script.problem("web-1")
    script.problem("web-2")

    until("the second event", lambda: sink.bodies)
    assert sink.hosts == ["web-2"]
    (refused,) = (script.folder / "spool" / "refused").iterdir()
    assert json.loads(refused.read_bytes())["host"] == "web-1"


@pytest.mark.slow
def test_many_at_once_lose_and_repeat_nothing(script: Script, sink: Sink) -> None:
    threads = [
        threading.Thread(target=script.problem, args=(f"web-{number}",)) for number in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    until("the events", lambda: len(sink.bodies) >= 40)
    until("an empty folder", lambda: not script.waiting())
    assert sorted(sink.hosts) == sorted(f"web-{number}" for number in range(40))


def test_server_that_never_answers_keeps_nobody_waiting(script: Script, sink: Sink) -> None:
    sink.stop()
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:  # accepts only
        sink.port = silent.server_address[1]
        done = script.run("-f", MUSTER_TIMEOUT="0.2")
        assert done.returncode == 0  # nothing waits

        assert script.problem("web-1", MUSTER_TIMEOUT="0.2").returncode == 0

        assert len(script.waiting()) == 1
    sink.start()
    until("the event", lambda: sink.hosts == ["web-1"])


def test_flush_sends_at_once_and_says_how_it_went(script: Script, sink: Sink) -> None:
    waiting = script.folder / "spool" / "waiting"
    waiting.mkdir(parents=True)
    (waiting / "000000000007").write_text('{"host":"web-7"}\n')  # left by a server that went down
    sink.answers = [503, 503]

    failed = script.run("-f", MUSTER_PAUSE="3")
    assert failed.returncode == 1
    assert "answer 503" in failed.stderr

    # Its background process is asleep and holds the lock: nobody sends a second time beside it.
    again = script.run("-f")
    assert (again.returncode, sink.bodies) == (0, [])
    assert "Another process is sending" in again.stderr


@pytest.mark.slow
def test_oldest_go_when_too_many_wait(script: Script, sink: Sink) -> None:
    sink.stop()
    for number in range(6):
        script.problem(f"web-{number}", MUSTER_KEEP="4", MUSTER_PAUSE="1")

    sink.start()

    until("the events", lambda: len(sink.bodies) == 4)
    assert sink.hosts == ["web-2", "web-3", "web-4", "web-5"]


def test_folder_that_cannot_be_written_to_is_replaced(script: Script, sink: Sink) -> None:
    done = script.problem("web-1", MUSTER_SPOOL="/proc/nowhere")

    until("the event", lambda: sink.bodies)
    assert sink.hosts == ["web-1"]
    assert "is used instead" in done.stderr


def test_checkmk_tells_by_its_environment(script: Script, sink: Sink) -> None:
    script.run(
        NOTIFY_NOTIFICATIONTYPE="PROBLEM", NOTIFY_WHAT="SERVICE", NOTIFY_HOSTNAME="sw-1",
        NOTIFY_SERVICEDESC="Interface 3", NOTIFY_SERVICESTATE="CRITICAL",
        NOTIFY_SERVICEOUTPUT="down", NOTIFY_LASTSERVICESTATECHANGE="1772442000", OMD_SITE="main",
    )  # fmt: skip

    until("the event", lambda: sink.bodies)
    (alert,) = ADAPTERS["nagios"].read(Envelope(sink.bodies[0])).alerts
    assert (alert.dedup_key, alert.labels["site"]) == ("sw-1!Interface 3", "main")


def test_key_is_no_argument_that_others_can_read(script: Script) -> None:
    assert "curl --silent --config -" in snippet("muster-notify.sh")
    assert snippet("muster-notify.sh").count("{url}") == 1


def test_call_without_a_host_says_so(script: Script) -> None:
    done = script.run("-t", "PROBLEM")

    assert done.returncode == 64
    assert "Which host?" in done.stderr
