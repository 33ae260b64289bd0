"""Processes are kept running, named in their output, and all gone at the end."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from io import StringIO

import pytest

from config.supervisor import Command, Supervisor

pytestmark = pytest.mark.slow


def python(name: str, code: str, **environment: str) -> Command:
    return Command(name, [sys.executable, "-u", "-c", code], environment)


def run_until(text: str, *commands: Command, announce=lambda: None) -> str:
    """Supervise until `text` was written, then stop as Ctrl-C would; return all output."""
    output = StringIO()

    def stop_when_seen() -> None:
        deadline = time.monotonic() + 30
        while text not in output.getvalue() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    before = {number: signal.getsignal(number) for number in (2, 15, 1)}
    watcher = threading.Thread(target=stop_when_seen)
    watcher.start()
    try:
        Supervisor(commands, output).run(
            is_ready=lambda: "ready" in output.getvalue(), announce=announce
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        watcher.join()
    return output.getvalue()


def is_alive(pid: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return bool(state) and not state.startswith("Z")


def test_lines_carry_the_name_of_their_process():
    output = run_until(
        "two",
        python("web", "import time; print('one'); time.sleep(60)"),
        python("worker", "import time; time.sleep(1); print('two'); time.sleep(60)"),
    )

    assert sorted(output.splitlines()) == ["web    │ one", "worker │ two"]


def test_environment_is_handed_on():
    output = run_until(
        "hello", python("web", "import os, time; print(os.environ['A']); time.sleep(60)", A="hello")
    )

    assert output == "web │ hello\n"


def test_dead_process_is_started_again_and_said_so():
    output = run_until("again in 2 s", python("web", "print('here'); raise SystemExit(3)"))

    assert output.splitlines() == [
        "web │ here",
        "web │ The process ended with exit code 3. Starting it again in 1 s.",
        "web │ here",
        "web │ The process ended with exit code 3. Starting it again in 2 s.",
    ]


def test_announces_once_when_ready():
    announced = []

    run_until(
        "done",
        python("web", "import time; print('ready'); time.sleep(1); print('done'); time.sleep(60)"),
        announce=lambda: announced.append(True),
    )

    assert announced == [True]


def test_stop_ends_grandchildren_and_the_deaf(monkeypatch):
    monkeypatch.setattr("config.supervisor.STOP_WITHIN", timedelta(seconds=1))
    child = "import time; time.sleep(600)"
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"print('pids', subprocess.Popen([sys.executable, '-c', {child!r}]).pid, flush=True)\n"
        "time.sleep(600)"
    )

    started = time.monotonic()
    output = run_until("pids", python("deaf", code))

    assert time.monotonic() - started < 10
    assert not is_alive(int(output.split()[-1]))
