"""A worker that does everything that is due, and may be made to die at a chosen point.

`python -m tests.faults.drain [--later SECONDS] [--die-at dotted.function [--after]]` runs every
sweep until none finds work. `--die-at` has the process kill itself (SIGKILL: no cleaning up) when
that function is called, or with `--after` when it returns. `--later` moves the clock that the
sweeps are given, so that leases of the dead have expired without anyone waiting for it.
"""

import argparse
import importlib
import os
import signal
from datetime import datetime, timedelta

import django
from django.utils import timezone


def main() -> None:
    """Parse the arguments, lay the mine, and work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--later", type=int, default=0)
    parser.add_argument("--die-at", default="")
    parser.add_argument("--after", action="store_true")
    options = parser.parse_args()
    django.setup()
    if options.die_at:
        lay_mine(options.die_at, after=options.after)
    while drain(timezone.now() + timedelta(seconds=options.later)):
        continue


def drain(at: datetime) -> int:
    """Run every sweep once and return how many rows they handled."""
    # The apps can be imported only once Django is set up.
    from comms import outbox, promises  # noqa: PLC0415  # see above
    from incidents import announcements, escalation, processing, responders  # noqa: PLC0415  # see above

    return sum(
        step(at=at)
        for step in (
            processing.process_due,
            escalation.run_due,
            announcements.announce_due,
            responders.remind_due,
            promises.check_due,
            outbox.send_due,
        )
    )


def lay_mine(dotted: str, *, after: bool) -> None:
    """Replace a function by one that kills this process when called, or when it returns."""
    owner_name, _, name = dotted.rpartition(".")
    try:
        owner: object = importlib.import_module(owner_name)
    except ModuleNotFoundError:
        module, _, class_name = owner_name.rpartition(".")
        owner = getattr(importlib.import_module(module), class_name)
    original = getattr(owner, name)

    # Stands in for a function of any signature.
    def mined(*args: object, **kwargs: object) -> object:
        if after:
            original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    setattr(owner, name, mined)


if __name__ == "__main__":
    main()
