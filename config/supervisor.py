"""Keeps a few processes running and shows what they say, each line with its process' name."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import TextIO

RESTART_FIRST = timedelta(seconds=1)
RESTART_LIMIT = timedelta(seconds=30)
# Whoever lived this long died of something new: the waiting starts over.
HEALTHY_AFTER = timedelta(minutes=1)
STOP_WITHIN = timedelta(seconds=8)
LAST_WORDS_WITHIN = timedelta(seconds=1)
LOOK_EVERY = timedelta(seconds=0.2)
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_COLOURS = (36, 35, 33, 32)  # cyan, magenta, yellow, green
_PR_SET_PDEATHSIG = 1  # of Linux' <sys/prctl.h>
# Loaded here, for between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None)


@dataclass(frozen=True)
class Command:
    """A process to keep running."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]


class Child:
    """One command and its current process, the leader of a process group of its own."""

    def __init__(self, command: Command, say: Callable[[str, str], None]) -> None:
        self.command = command
        self._say = say
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._started_at = 0.0  # of the monotonic clock, in seconds, like the next
        self._start_again_at = 0.0
        self._pause = RESTART_FIRST

    def start(self) -> None:
        """Start the process; its own session keeps the terminal's Ctrl-C for the supervisor."""
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 (commands of our own making)
            self.command.arguments,
            env={**os.environ, **self.command.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self._reader = threading.Thread(target=self._pass_on, args=[self._process], daemon=True)
        self._reader.start()

    def look(self) -> None:
        """Notice that the process died, and start it again once its pause is over."""
        if self._process is None:
            if time.monotonic() >= self._start_again_at:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            return
        self._signal(signal.SIGKILL)  # what it left behind
        if time.monotonic() - self._started_at > HEALTHY_AFTER.total_seconds():
            self._pause = RESTART_FIRST
        seconds = self._pause.total_seconds()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._say(self.command.name, f"The process {how}. Starting it again in {seconds:g} s.")
        self._process, self._start_again_at = None, time.monotonic() + seconds
        self._pause = min(self._pause * 2, RESTART_LIMIT)

    def ask_to_stop(self) -> None:
        """Let the process finish what it is doing; it stops its own children."""
        if self.is_running():
            self._process.terminate()  # type: ignore[union-attr]  # is_running says there is one

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End whatever is left of the process group, and pass on its last words."""
        self._signal(signal.SIGKILL)
        if self._process is not None and self._reader is not None:
            self._process.wait()
            self._reader.join(LAST_WORDS_WITHIN.total_seconds())

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _pass_on(self, process: subprocess.Popen[str]) -> None:
        with process:  # closes the pipe, and waits for the process
            for line in process.stdout or ():
                self._say(self.command.name, line.rstrip("\n"))


class Supervisor:
    """Runs commands until it is told to stop by Ctrl-C, SIGTERM or a closed terminal."""

    def __init__(self, commands: Sequence[Command], output: TextIO) -> None:
        self._output = output
        self._writing = threading.Lock()
        self._names = [command.name for command in commands]
        self._children = [Child(command, self.say) for command in commands]
        self._stopping = threading.Event()

    def run(self, *, is_ready: Callable[[], bool], announce: Callable[[], None]) -> None:
        """Keep the children running; call `announce` once, when `is_ready` first says so."""
        for number in _STOP_SIGNALS:
            signal.signal(number, self._stop_soon)
        announced = False
        try:
            for child in self._children:
                child.start()
            while not self._stopping.wait(LOOK_EVERY.total_seconds()):
                for child in self._children:
                    child.look()
                if not announced and is_ready():
                    announce()
                    announced = True
        finally:
            self._stop()

    def say(self, name: str, line: str) -> None:
        """Write one line under the name of a process."""
        width = max(map(len, self._names))
        prefix = f"{name:<{width}} │"
        if self._output.isatty():
            prefix = f"\033[{_COLOURS[self._names.index(name) % len(_COLOURS)]}m{prefix}\033[0m"
        with self._writing:
            self._output.write(f"{prefix} {line}\n")
            self._output.flush()

    def _stop_soon(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _stop(self) -> None:
        for child in self._children:
            child.ask_to_stop()
        give_up_at = time.monotonic() + STOP_WITHIN.total_seconds()
        while time.monotonic() < give_up_at and any(c.is_running() for c in self._children):
            time.sleep(0.05)
        for child in self._children:
            child.kill()


def _die_with_parent() -> None:
    """Have the kernel end this process when the supervisor is killed outright (Linux only)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
