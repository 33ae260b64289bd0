"""Real senders that Muster stands in for: PagerDuty's client, Prometheus without Alertmanager."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pagerduty import EventsApiV2Client

from tests.e2e.integrations import issue
from tests.e2e.monitoring import Monitoring
from tests.e2e.seed import Seeded
from tests.e2e.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.smtp]


@pytest.fixture(autouse=True)
def running(stack: Stack) -> None:
    """Every process runs."""
    stack.start()


class PlainHttp(httpx2.HTTPTransport):
    """Carries the client's https requests in plain HTTP: it refuses any other address."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(scheme="http")
        return super().handle_request(request)


def client_of(stack: Stack, key: str) -> EventsApiV2Client:
    """The vendor's own client, with another base address."""
    base = stack.url.replace("http://", "https://")
    return EventsApiV2Client(key, base_url=base, transport=PlainHttp())


def results(stack: Stack, seeded: Seeded, path: str) -> list[Any]:
    answer = stack.get(f"/api/v1/{path}", token=seeded.token)
    assert answer.status == 200, answer.text
    return list(answer.json["results"])


def test_pagerdutys_own_client_triggers_acknowledges_and_resolves(
    stack: Stack, seeded: Seeded
) -> None:
    with client_of(stack, issue(stack, "pagerduty")) as client:
        key = client.trigger("Disk is full", "db-1.example.com", severity="error")
        (alert,) = wait_until("the alert", lambda: results(stack, seeded, "alerts"))
        assert (alert["title"], alert["dedup_key"]) == ("Disk is full", key)

        assert client.acknowledge(key) == key
        wait_until(
            "the acknowledgement",
            lambda: stack.get("/api/v1/incidents/INC-1", token=seeded.token).json[
                "acknowledged_at"
            ],
        )

        assert client.resolve(key) == key
        wait_until("the end", lambda: results(stack, seeded, "alerts?state=resolved"))

        named = client.trigger("Disk is full", "db-1.example.com", dedup_key="disk/db-1")
        assert named == "disk/db-1"


def test_pagerdutys_own_client_submits_a_change(stack: Stack, seeded: Seeded) -> None:
    with client_of(stack, issue(stack, "pagerduty")) as client:
        client.submit("Deployed 4.2", source="ci", timestamp="2026-03-02T10:00:00Z")

        wait_until(
            "the change", lambda: "Deployed 4.2" in stack.manage("shell", "-c", CHANGES_PRINTED)
        )
    assert results(stack, seeded, "alerts") == []


CHANGES_PRINTED = """
from incidents.models import Change
print(list(Change.objects.values_list("title", flat=True)))
"""


@pytest.fixture
def prometheus(stack: Stack, tmp_path: Path) -> Iterator[Monitoring]:
    """A real Prometheus that takes Muster for its Alertmanager."""
    key = issue(stack, "prometheus")
    made = Monitoring(tmp_path / "monitoring", ingest_url="", path_prefix=f"/ingest/{key}")
    made.alertmanager_port = stack.port
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.alertmanager
def test_prometheus_itself_fires_and_resolves(
    stack: Stack, seeded: Seeded, prometheus: Monitoring
) -> None:
    prometheus.fire()
    (alert,) = wait_until("the alert", lambda: results(stack, seeded, "alerts"))
    assert alert["title"] == "Checkout is failing"

    prometheus.resolve()
    (ended,) = wait_until("the end", lambda: results(stack, seeded, "alerts?state=resolved"))

    assert ended["dedup_key"] == alert["dedup_key"]


@pytest.mark.alertmanager
def test_alert_that_prometheus_no_longer_sends_expires(
    stack: Stack, seeded: Seeded, prometheus: Monitoring
) -> None:
    """It dies while the alert fires, and nobody says that it ended."""
    prometheus.fire()
    wait_until("the alert", lambda: results(stack, seeded, "alerts"))

    prometheus.stop()

    wait_until("its end", lambda: results(stack, seeded, "alerts?state=resolved"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_curl_keeps_a_heartbeat_alive(stack: Stack, seeded: Seeded, method: str) -> None:
    address = f"{stack.url}/ingest/{issue(stack, 'heartbeat')}/backup"
    how = ["--head"] if method == "HEAD" else ["-X", method]

    said = subprocess.run(
        ["curl", "-fsS", "-m", "10", *how, address], capture_output=True, text=True, check=True
    ).stdout

    assert "200 OK" in said if method == "HEAD" else said == "OK\n"
    wait_until("the heartbeat", lambda: "alive" in stack.manage("shell", "-c", HEARTBEATS_PRINTED))


HEARTBEATS_PRINTED = """
from incidents.models import Heartbeat
print(list(Heartbeat.objects.values_list("state", flat=True)))
"""
