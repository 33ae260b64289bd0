"""Whether a table of a million old events makes anything slower.

`uv run python -m tests.benchmarks.bench_events [--most 1000000]` fills SQLite; with `DATABASE_URL`
set a database of its own there. At 10⁴, 10⁵ and 10⁶ stored events it measures storing one more, a
worker's claim, what an integration's page asks, and forgetting a batch, each beside 10⁴ as 1.0.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.e2e.databases import own_database
from tests.e2e.seed import seed
from tests.e2e.stack import ROOT, Stack, free_port

SIZES = (10_000, 100_000, 1_000_000)
BATCH = 10_000
ROUNDS = 60
BODY = b'{"alerts": []}' + b" " * 1_000
# Of every hundred thousand events one waits, and ten were set aside.
WAITING_EVERY, ASIDE_EVERY = 100_000, 10_000


def main() -> None:
    """Make a database, and measure in a process that is set up for it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--here", action="store_true", help="the environment is set up already")
    options = parser.parse_args()
    if options.here:
        _measure_all(options.most)
        return
    with tempfile.TemporaryDirectory() as folder, ExitStack() as own:
        stack = Stack(Path(folder), free_port())
        if os.environ.get("DATABASE_URL"):
            stack.database_url = own.enter_context(own_database())
        stack.prepare()
        seed(stack)
        command = [sys.executable, "-m", "tests.benchmarks.bench_events", "--here"]
        subprocess.run([*command, "--most", str(options.most)], cwd=ROOT, env=stack.env, check=True)


def _measure_all(most: int) -> None:
    import django  # noqa: PLC0415  # the imports below need the apps set up first

    django.setup()
    from django.db import connection  # noqa: PLC0415  # see above
    from django.utils import timezone  # noqa: PLC0415  # see above

    from incidents.models import AlertEvent  # noqa: PLC0415  # see above

    print(f"database: {connection.vendor}")
    at = timezone.now()
    first: dict[str, float] = {}
    for size in SIZES:
        if size > most:
            break
        while (missing := size - AlertEvent.objects.count()) > 0:
            _fill(min(missing, BATCH), at)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        for name, ask in _questions(at).items():
            seconds = _median(ask)
            first.setdefault(name, seconds)
            ratio = seconds / first[name]
            print(f"{size:>9,}  {name:42} {seconds * 1000:8.2f} ms   ×{ratio:.2f}")


def _fill(number: int, at: datetime) -> None:
    """Add events of the last 30 days, each processed but a few."""
    from incidents.models import AlertEvent, Integration  # noqa: PLC0415  # see _measure_all

    integration = Integration.objects.get()
    offset = AlertEvent.objects.count()

    def event(place: int) -> AlertEvent:
        received_at = at - timedelta(days=30) * (1 - (place % 1_000_000) / 1_000_000)
        row = AlertEvent(
            integration=integration, received_at=received_at, body=BODY, state="processed",
            processed_at=received_at,
        )  # fmt: skip
        if place % WAITING_EVERY == 1:
            row.state, row.processed_at, row.due_at = "received", None, received_at
        elif place % ASIDE_EVERY == 2:
            row.state, row.processed_at, row.set_aside_reason = "set_aside", None, "Unreadable."
        return row

    AlertEvent.objects.bulk_create(map(event, range(offset, offset + number)), batch_size=500)


def _questions(at: datetime) -> dict[str, Callable[[], Any]]:
    """What is asked of the table, by intake, workers, pages and retention."""
    from django.conf import settings  # noqa: PLC0415  # see _measure_all
    from django.db import transaction  # noqa: PLC0415  # see _measure_all

    from incidents import arrivals, intake_rates, retention  # noqa: PLC0415  # see _measure_all
    from incidents.arrivals import Arrival, new_receipt  # noqa: PLC0415  # see _measure_all
    from incidents.models import AlertEvent, Integration  # noqa: PLC0415  # see _measure_all
    from roster.leases import claim  # noqa: PLC0415  # see _measure_all

    integration = Integration.objects.get()

    def undone(work: Callable[[], Any]) -> Callable[[], Any]:
        def do() -> None:
            with transaction.atomic():
                work()
                transaction.set_rollback(True)

        return do

    def store() -> None:
        arrivals.insert(
            Arrival(new_receipt(), integration.pk, at, 1, "", "application/json", "{}", BODY)
        )

    def claim_some() -> None:
        waiting = AlertEvent.objects.waiting().most_important_first()
        claim(waiting, at=at, limit=100, lease_for=timedelta(seconds=30))

    def newest() -> None:
        list(AlertEvent.objects.filter(integration=integration).order_by("-received_at")[:25])

    def newest_set_aside() -> None:
        list(AlertEvent.objects.set_aside().order_by("-received_at")[:12])

    def forget() -> None:
        settings.EVENT_RETENTION_DAYS = 29.99
        retention.prune(at=at)

    return {
        "store one (intake)": undone(store),
        "claim what waits (worker)": undone(claim_some),
        "newest 25 of an integration (page)": newest,
        "last day by the hour (page)": lambda: intake_rates.last_day(integration, at=at),
        "newest set aside (dashboard)": newest_set_aside,
        "forget up to 200 (retention)": undone(forget),
    }


def _median(ask: Callable[[], Any]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
