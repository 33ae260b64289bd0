"""How fast accepted alerts become rows and incidents, beside bare INSERTs of the same alerts.

`uv run python -m tests.benchmarks.bench_processing` measures SQLite in a file; with `DATABASE_URL`
set it measures that database. One worker, everything in this process; nobody posts meanwhile.
`--alerts` and `--keys` change the size of the great storm.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")

import django

django.setup()

from django.conf import settings  # noqa: E402 (after the setup, as are those below)
from django.db import connection, transaction  # noqa: E402
from django.db.models import Sum  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from django.utils import timezone  # noqa: E402

from incidents import processing  # noqa: E402
from incidents.models import Alert, AlertEvent, Incident, Page  # noqa: E402
from tests.benchmarks.bench_ingest import alert as webhook  # noqa: E402
from tests.factories.roster import make_person, make_policy  # noqa: E402
from tests.incidents.paging import Paging  # noqa: E402

ROUNDS = 3
PER_ROUND = 2_000
PER_TRANSACTION = processing.EVENTS_PER_TRANSACTION


@contextmanager
def database() -> Iterator[None]:
    """A database of its own: on SQLite a file, as in production."""
    with tempfile.TemporaryDirectory() as folder:
        if connection.vendor == "sqlite":
            path = str(Path(folder) / "muster.sqlite3")
            settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = path
            connection.settings_dict["TEST"]["NAME"] = path
        made = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
        try:
            yield
        finally:
            teardown_databases(made, verbosity=0)


def per_second(count: int, call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return count / (perf_counter() - began)


def accept(paging: Paging, bodies: Iterator[bytes]) -> None:
    """Have these events waiting, as intake leaves them."""
    at = timezone.now()
    AlertEvent.objects.bulk_create(
        (
            AlertEvent(integration=paging.integration, received_at=at, due_at=at, body=body)
            for body in bodies
        ),
        batch_size=500,
    )


def drain() -> None:
    while processing.process_due(at=timezone.now()):
        pass


def bare(rows: list[Alert]) -> None:
    """Insert the same alerts, by one statement run for each, as many to a transaction as we do."""
    fields = [field for field in Alert._meta.concrete_fields if not field.primary_key]
    names = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_bare AS SELECT * FROM incidents_alert WHERE id < 0")
        for start in range(0, len(rows), PER_TRANSACTION):
            with transaction.atomic():
                cursor.executemany(
                    f"INSERT INTO bench_bare ({names}) VALUES ({places})",  # noqa: S608
                    [
                        [
                            field.get_db_prep_save(getattr(row, field.attname), connection)
                            for field in fields
                        ]
                        for row in rows[start : start + PER_TRANSACTION]
                    ],
                )
        cursor.execute("DROP TABLE bench_bare")


def kinds_of_work(paging: Paging) -> None:
    """New alerts of one incident, new incidents, and repeats, each beside the bare INSERT."""
    figures: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        first = number * PER_ROUND
        keys = range(first, first + PER_ROUND)
        work = {
            "new alerts of one incident": [numbered(key, "one") for key in keys],
            "new incidents, each its own group": [numbered(key, f"own-{key}-") for key in keys],
            "repeats": [numbered(key, "one") for key in keys],
        }
        for name, bodies in work.items():
            accept(paging, iter(bodies))
            figures.setdefault(name, []).append(per_second(PER_ROUND, drain))
        rows = list(Alert.objects.order_by("-pk")[:PER_ROUND])
        figure = per_second(len(rows), partial(bare, rows))
        figures.setdefault("bare INSERT", []).append(figure)
    bare_figure = middle(figures["bare INSERT"])
    for name, found in figures.items():
        ratio = middle(found) / bare_figure
        say(f"{name:36} {middle(found):8,.0f}/s   {ratio:5.2f} of the bare INSERT")


def numbered(key: int, group: str) -> bytes:
    """A webhook of about 1.4 KB with a key of its own."""
    fingerprint = f'"fingerprint": "{group}{key % 100:08x}"'.encode()
    return webhook(key, group=group).replace(fingerprint, f'"fingerprint": "{group}{key}"'.encode())


def great_storm(paging: Paging, alerts: int, keys: int) -> None:
    """Drain many alerts over some keys, and hold their counts to what was sent."""
    before = Alert.objects.aggregate(counts=Sum("count"))["counts"] or 0
    incidents = Incident.objects.count()
    accept(paging, (numbered(number % keys, "storm") for number in range(alerts)))
    figure = per_second(alerts, drain)
    counts = Alert.objects.aggregate(counts=Sum("count"))["counts"] - before
    rows = Alert.objects.filter(dedup_key__startswith="storm").count()
    exact = "exact" if (counts, rows) == (alerts, keys) else "WRONG"
    say(
        f"{alerts:,} alerts over {keys:,} keys: {figure:,.0f}/s, counted {counts:,}"
        f" on {rows:,} rows ({exact}), {Incident.objects.count() - incidents} incident more,"
        f" {Page.objects.count()} pages"
    )


def middle(figures: list[float]) -> float:
    return sorted(figures)[len(figures) // 2]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=100_000)
    parser.add_argument("--keys", type=int, default=10_000)
    asked = parser.parse_args()
    with database():
        say(f"database: {connection.vendor}")
        paging = Paging(make_policy(make_person(slug="ada")), at=timezone.now())
        kinds_of_work(paging)
        great_storm(paging, asked.alerts, asked.keys)


if __name__ == "__main__":
    main()
