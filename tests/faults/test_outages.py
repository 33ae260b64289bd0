"""The broker emptied, the database away, and fifty of the same: seen from outside."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

from tests.e2e import seed
from tests.e2e.mailbox import Server
from tests.e2e.stack import Answer, Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.smtp]

PAYLOAD = Path(__file__).parents[1] / "fixtures" / "alertmanager" / "firing.json"
LATER = Path(__file__).parents[1] / "fixtures" / "alertmanager" / "grouped.json"


def send(stack: Stack, key: str, payload: Path = PAYLOAD) -> Answer:
    """Post an alert as Alertmanager does."""
    return stack.request("POST", f"/ingest/{key}/", form=payload.read_bytes())


def empty_broker(stack: Stack) -> None:
    """Take every message that is waiting in the broker away."""
    if stack.redis_url:
        with redis.Redis.from_url(stack.redis_url) as broker:
            broker.flushdb()
    else:
        for path in (stack.data_dir / "broker").glob("*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_alert_accepted_before_broker_was_emptied_is_paged(
    stack: Stack, seeded: seed.Seeded, mail: Server
) -> None:
    stack.start("web")
    assert send(stack, seeded.key).status == 202

    empty_broker(stack)
    stack.start("worker", "beat")

    wait_until("the page", lambda: mail.mailbox.to(seed.FIRST, "Checkout is failing"))


def test_two_beats_and_two_workers_page_once(
    stack: Stack, seeded: seed.Seeded, mail: Server
) -> None:
    stack.start()
    for name in ("worker", "beat"):
        stack.processes[f"first {name}"] = stack.processes.pop(name)
        stack.start(name)

    assert send(stack, seeded.key).status == 202

    wait_until("the page", lambda: mail.mailbox.to(seed.FIRST, "Checkout is failing"))
    # Once a later incident has been paged, whatever the first one caused has been sent as well.
    assert send(stack, seeded.key, LATER).status == 202
    wait_until("the later page", lambda: mail.mailbox.to(seed.FIRST, "Disk on"))
    assert len(mail.mailbox.to(seed.FIRST, "Checkout is failing")) == 1


def test_same_alert_posted_fifty_times_at_once_is_one_alert_one_incident_one_page(
    stack: Stack, seeded: seed.Seeded, mail: Server
) -> None:
    stack.start()

    with ThreadPoolExecutor(16) as senders:
        answers = list(senders.map(lambda _: send(stack, seeded.key).status, range(50)))

    assert answers == [202] * 50

    def counted() -> bool:
        alerts = stack.get("/api/v1/alerts", token=seeded.token).json["results"]
        return [alert["count"] for alert in alerts] == [50]

    wait_until("all fifty to be counted", counted)
    incidents = stack.get("/api/v1/incidents", token=seeded.token).json["results"]
    assert [incident["reference"] for incident in incidents] == ["INC-1"]
    wait_until("the page", lambda: mail.mailbox.to(seed.FIRST))
    assert len(mail.mailbox.to(seed.FIRST)) == 1


@pytest.mark.postgres
@pytest.mark.parametrize("stack", ["production"], indirect=True)
def test_database_away_takes_alerts_all_the_same_and_pages_when_it_is_back(
    stack: Stack, seeded: seed.Seeded, mail: Server
) -> None:
    stack.start()
    assert send(stack, seeded.key, LATER).status == 202
    with _server(stack) as server:
        name = urlsplit(stack.database_url).path[1:]
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        accepted = send(stack, seeded.key)
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    assert accepted.status == 202, accepted.text
    wait_until("the page", lambda: mail.mailbox.to(seed.FIRST, "Checkout is failing"))


def _server(stack: Stack) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect to another database of the same server, which stays up."""
    maintenance = urlunsplit(urlsplit(stack.database_url)._replace(path="/postgres"))
    return psycopg.connect(maintenance, autocommit=True)
