"""How near alert intake comes to a bare view, and how long from an alert to a handed-over page.

`uv run python -m tests.benchmarks.bench_ingest` measures SQLite; with `DATABASE_URL` (and
`REDIS_URL`) set it measures those. Server, load and database share this machine's cores.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.load import Result, post
from tests.e2e.mailbox import Server
from tests.e2e.seed import seed
from tests.e2e.stack import ROOT, Stack, free_port, wait_until

REQUESTS = 6000
ROUNDS = 3
PAGED_SECONDS = 20
PAGED_PER_SECOND = 200
# Of those, how many open an incident of their own; the rest repeat alerts already known.
NEW_INCIDENT_EVERY = 20
STEADY_SECONDS = 20
STEADY_PER_SECOND = 200
BURST_SECONDS = 10
BURST_PER_SECOND = 2000
BURST_CONNECTIONS = 200


def alert(number: int, *, group: str = "storm") -> bytes:
    """Return an Alertmanager webhook body of about 1.4 KB."""
    labels = {"alertname": "CheckoutFailing", "service": "checkout", "severity": "critical"}
    labels |= {"instance": f"web-{number % 100}", "group": group}
    one = {
        "status": "firing", "labels": labels, "startsAt": "2026-03-02T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z", "fingerprint": f"{group}{number % 100:08x}",
        "annotations": {"summary": f"Checkout is failing ({group})", "description": "x" * 600},
        "generatorURL": "http://prometheus.example.com/graph",
    }  # fmt: skip
    return json.dumps(
        {
            "version": "4", "groupKey": group, "truncatedAlerts": 0, "status": "firing",
            "receiver": "muster", "groupLabels": labels, "commonLabels": labels,
            "commonAnnotations": {}, "externalURL": "http://am.example.com", "alerts": [one],
        }
    ).encode()  # fmt: skip


def bare_view(stack: Stack) -> Result:
    """Measure the bare view on the same database with the same server settings."""
    port = free_port()
    stack.run("-c", "from tests.benchmarks.bare import prepare; prepare()")
    command = [
        str(Path(sys.executable).parent / "gunicorn"), "tests.benchmarks.bare",
        "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "8",
        "--workers", "2" if stack.database_url else "1", "--no-control-socket",
    ]  # fmt: skip
    server = subprocess.Popen(
        command, cwd=ROOT, env=stack.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(
            "the bare server", lambda: post(port, "/bare/", alert, requests=1, connections=1)
        )
        return post(port, "/bare/", alert, requests=REQUESTS)
    finally:
        server.terminate()
        server.wait()


def intake(stack: Stack, key: str) -> None:
    """Print accepted requests/s and p99 beside the bare view's, in alternating rounds."""
    ratios = []
    for _ in range(ROUNDS):
        bare = bare_view(stack)
        stack.start("web")
        post(stack.port, f"/ingest/{key}/", alert, requests=200)
        ours = post(stack.port, f"/ingest/{key}/", alert, requests=REQUESTS)
        stack.kill("web")
        ratios.append(ours.per_second / bare.per_second)
        for name, result in (("bare view", bare), ("intake", ours)):
            print(
                f"{name:10} {result.per_second:7.0f}/s"
                f"   p50 {result.percentile(0.5) * 1000:6.1f} ms"
                f"   p99 {result.percentile(0.99) * 1000:6.1f} ms   {dict(result.statuses)}"
            )
    print(f"intake ÷ bare view: {sorted(ratios)[ROUNDS // 2]:.2f} (median; goal ≥ 0.80)")


def steady(stack: Stack, key: str) -> None:
    """Print the delay of answers at a rate that leaves room."""
    stack.start("web")
    post(stack.port, f"/ingest/{key}/", alert, requests=200)
    total = STEADY_SECONDS * STEADY_PER_SECOND
    result = post(
        stack.port, f"/ingest/{key}/", alert, requests=total, per_second=STEADY_PER_SECOND
    )
    stack.kill("web")
    print(
        f"steady {STEADY_PER_SECOND}/s   p50 {result.percentile(0.5) * 1000:6.1f} ms"
        f"   p99 {result.percentile(0.99) * 1000:6.1f} ms (goal < 50 ms)   {dict(result.statuses)}"
    )


def burst(stack: Stack, key: str) -> None:
    """Print what became of far more than can be stored at once, and count the rows afterwards."""
    stack.start("web")
    before = _stored(stack)
    total = BURST_SECONDS * BURST_PER_SECOND
    result = post(
        stack.port, f"/ingest/{key}/", alert, requests=total, connections=BURST_CONNECTIONS,
        per_second=BURST_PER_SECOND,
    )  # fmt: skip
    wait_until(
        "the spool to be stored", lambda: not any((stack.data_dir / "spool").glob("*.spool"))
    )
    stored = _stored(stack) - before
    stack.kill("web")
    accepted = result.statuses[202]
    print(
        f"burst of {BURST_PER_SECOND}/s for {BURST_SECONDS} s: {dict(result.statuses)} within"
        f" {result.elapsed:.1f} s, p99 {result.percentile(0.99):.2f} s; answered with success"
        f" {accepted}, stored {stored}, lost {max(0, accepted - stored)} (goal 0; only 202 and 503)"
    )


def _stored(stack: Stack) -> int:
    counting = "from incidents.models import AlertEvent; print(AlertEvent.objects.count())"
    return int(stack.manage("shell", "-v", "0", "-c", counting).split()[-1])


def paging(stack: Stack, key: str, mail: Server) -> None:
    """Print the delay from an accepted alert to its page at the mail server, at a steady rate."""
    stack.start()
    total = PAGED_SECONDS * PAGED_PER_SECOND
    accepted: dict[str, float] = {}

    def body(number: int) -> bytes:
        if number % NEW_INCIDENT_EVERY:
            return alert(number)
        group = f"fresh-{number}-"
        accepted[group] = time.time()
        return alert(number, group=group)

    result = post(stack.port, f"/ingest/{key}/", body, requests=total, per_second=PAGED_PER_SECOND)
    print(f"paced      {result.per_second:7.0f}/s   p99 {result.percentile(0.99) * 1000:6.1f} ms")
    arrived: dict[str, float] = {}

    def all_paged() -> bool:
        for group in accepted.keys() - arrived.keys():
            if found := mail.mailbox.arrivals(f"({group})"):
                arrived[group] = found[0]
        return len(arrived) == len(accepted)

    wait_until("every new incident's page", all_paged, seconds=120)
    delays = sorted(arrived[group] - accepted[group] for group in accepted)
    p50, p99 = (delays[int(len(delays) * share)] for share in (0.5, 0.99))
    print(
        f"accepted → page handed over, {len(delays)} incidents at {PAGED_PER_SECOND} alerts/s: "
        f"p50 {p50:.2f} s, p99 {p99:.2f} s (goal p99 < 5 s)"
    )
    stack.stop()


def main() -> None:
    """Measure paging, then intake, whose alerts nobody processes."""
    with tempfile.TemporaryDirectory() as folder, Server(free_port()) as mail:
        stack = Stack(
            data_dir=Path(folder),
            smtp_port=mail.port,
            database_url=os.environ.get("DATABASE_URL", ""),
            redis_url=os.environ.get("REDIS_URL", ""),
        )
        stack.prepare()
        key = seed(stack).key
        print(f"database: {'Postgres' if stack.database_url else 'SQLite'}")
        try:
            paging(stack, key, mail)
            intake(stack, key)
            steady(stack, key)
            burst(stack, key)
        finally:
            stack.stop()


if __name__ == "__main__":
    main()
