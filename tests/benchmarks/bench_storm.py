"""How long another incident's first page takes while a storm is on, on real processes.

`uv run python -m tests.benchmarks.bench_storm` measures SQLite; with `DATABASE_URL` (and
`REDIS_URL`) set it measures those. 10,000 alerts of one cause are posted as fast as they are taken,
each with a key of its own; between them, now and then, comes one of another cause. What is timed is
from the answer to that alert to its page at the mail server.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bench_processing import numbered
from tests.benchmarks.load import post
from tests.e2e.mailbox import Server
from tests.e2e.seed import seed
from tests.e2e.stack import Stack, free_port, wait_until

STORM = 10_000
# So many of them are of another cause: each opens an incident of its own.
OTHERS_EVERY = 250


def measure(stack: Stack, key: str, mail: Server) -> None:
    """Post the storm, wait for every other incident's page, and print the delays."""
    stack.start()
    accepted: dict[str, float] = {}

    def body(number: int) -> bytes:
        if number % OTHERS_EVERY:
            return numbered(number, "storm")
        group = f"other-{number}-"
        accepted[group] = time.time()
        return numbered(number, group)

    result = post(stack.port, f"/ingest/{key}/", body, requests=STORM)
    say(f"posted     {result.per_second:7.0f}/s   {dict(result.statuses)}")
    arrived: dict[str, float] = {}

    def all_paged() -> bool:
        for group in accepted.keys() - arrived.keys():
            if found := mail.mailbox.arrivals(f"({group})"):
                arrived[group] = found[0]
        return len(arrived) == len(accepted)

    wait_until("every other incident's page", all_paged, seconds=180)
    delays = sorted(arrived[group] - accepted[group] for group in accepted)
    p50, p99 = (delays[int(len(delays) * share)] for share in (0.5, 0.99))
    say(
        f"another incident's first page during a storm of {STORM:,}, {len(delays)} incidents:"
        f" p50 {p50:.2f} s, p99 {p99:.2f} s (goal p99 < 5 s)"
    )


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Server(free_port()) as mail:
        stack = Stack(
            data_dir=Path(folder),
            smtp_port=mail.port,
            database_url=os.environ.get("DATABASE_URL", ""),
            redis_url=os.environ.get("REDIS_URL", ""),
        )
        stack.prepare()
        key = seed(stack).key
        say(f"database: {'Postgres' if stack.database_url else 'SQLite'}")
        try:
            measure(stack, key, mail)
        finally:
            stack.stop()


if __name__ == "__main__":
    main()
