"""Alerts as Prometheus itself posts them: when they fire, when they end, which belong together."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.intake import Envelope, Importance, IntakeError, prometheus
from incidents.intake.notification import Link
from incidents.models import AlertEvent
from tests.incidents.doors import Monitor, fixture

NOW = datetime(2026, 11, 22, 11, 20, 10, tzinfo=UTC)
LABELS = {"alertname": "DiskFull", "job": "node", "instance": "db-1"}


def envelope(*alerts: Any, at: datetime | None = NOW, **options: Any) -> Envelope:
    return Envelope(json.dumps(alerts).encode(), received_at=at, options=options)


def posted(ends_in: float | None = None, **labels: str) -> dict[str, Any]:
    """An alert that says to end in so many minutes."""
    alert: dict[str, Any] = {"labels": LABELS | labels, "startsAt": "2026-11-22T11:00:00Z"}
    if ends_in is not None:
        alert["endsAt"] = (NOW + timedelta(minutes=ends_in)).isoformat()
    return alert


def read_one(*alerts: Any, **given: Any) -> Any:
    (alert,) = prometheus.read(envelope(*alerts, **given)).alerts
    return alert


def test_real_prometheus_is_read_with_every_field():
    body = Envelope(fixture("prometheus", "firing.json"), received_at=NOW)

    (alert,) = prometheus.read(body).alerts

    assert (alert.action, alert.title) == ("trigger", "Checkout is failing")
    assert alert.severity_label == "critical"
    assert alert.group == "alertname=CheckoutFailing, job=shop"
    assert alert.started_at == datetime(2026, 11, 22, 11, 20, 4, 729000, tzinfo=UTC)
    assert alert.expires_at == datetime(2026, 11, 22, 11, 20, 18, 729000, tzinfo=UTC)
    assert alert.ended_at is None
    assert alert.links[0] == Link("Runbook", "https://runbooks.example.com/checkout")
    assert [link.label for link in alert.links] == ["Runbook", "Source"]


def test_real_prometheus_ends_the_alert_it_fired():
    fired, ended = (fixture("prometheus", name) for name in ("firing.json", "resolved.json"))
    after = NOW + timedelta(minutes=1)

    (first,) = prometheus.read(Envelope(fired, received_at=NOW)).alerts
    (last,) = prometheus.read(Envelope(ended, received_at=after)).alerts

    assert (last.action, last.dedup_key) == ("resolve", first.dedup_key)
    assert last.ended_at == datetime(2026, 11, 22, 11, 20, 16, 729000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ends_in", "action"), [(-0.1, "resolve"), (0, "resolve"), (0.1, "trigger"), (4, "trigger")]
)
def test_end_is_held_against_the_moment_of_receipt(ends_in, action):
    assert read_one(posted(ends_in)).action == action


def test_alert_without_an_end_fires_for_the_resolve_timeout():
    assert read_one(posted()).expires_at == NOW + timedelta(minutes=5)
    later = read_one(posted(), resolve_timeout_minutes=30)
    assert later.expires_at == NOW + timedelta(minutes=30)


def test_end_in_year_1_is_no_end():
    alert = posted() | {"endsAt": "0001-01-01T00:00:00Z"}

    assert read_one(alert).action == "trigger"


def test_instances_of_one_rule_are_one_group_and_alerts_of_their_own():
    first, second = prometheus.read(envelope(posted(), posted(instance="db-2"))).alerts

    assert first.group == second.group == "alertname=DiskFull, job=node"
    assert first.dedup_key != second.dedup_key


def test_key_is_made_of_the_labels_in_any_order_and_without_empty_ones():
    turned = dict(reversed(LABELS.items())) | {"zone": ""}

    assert read_one(posted()).dedup_key == read_one({"labels": turned}).dedup_key


def test_bad_alert_is_named_and_the_others_kept():
    notification = prometheus.read(envelope("no alert", posted(), {"labels": {}}, {"labels": 7}))

    assert len(notification.alerts) == 1
    assert [problem[:8] for problem in notification.problems] == [
        "Alert 1:",
        "Alert 3:",
        "Alert 4:",
    ]
    assert notification.problems[1] == "Alert 3: it has no labels to tell it apart by."


def test_watchdog_is_a_sign_of_life_and_no_alert():
    notification = prometheus.read(
        envelope(posted(4, alertname="Watchdog"), posted(4), watchdog="Watchdog")
    )

    assert [ping.name for ping in notification.pings] == ["Watchdog"]
    assert [alert.labels["alertname"] for alert in notification.alerts] == ["DiskFull"]


def test_watchdog_that_ended_is_no_sign_of_life():
    notification = prometheus.read(envelope(posted(-1, alertname="Watchdog"), watchdog="Watchdog"))

    assert (notification.pings, notification.alerts) == ([], [])


@pytest.mark.parametrize(
    ("alerts", "importance"),
    [
        ([posted(4)], Importance.FIRING),
        ([posted(-1), posted(4, severity="critical")], Importance.CRITICAL),
        ([posted(-1)], Importance.LATER),
        ([], Importance.LATER),
    ],
)
def test_what_only_ends_waits_behind_what_pages(alerts, importance):
    assert prometheus.check(envelope(*alerts)).importance == importance


@pytest.mark.parametrize("body", [b"{}", b'"text"', b"", b"[", b"null"])
def test_what_is_no_list_is_refused(body):
    with pytest.raises(IntakeError):
        prometheus.check(Envelope(body))


# --- At the door ---------------------------------------------------------------------------------


@pytest.fixture
def monitor(db) -> Monitor:
    return Monitor("prometheus")


def test_prefix_of_prometheus_is_answered_as_by_alertmanager(monitor):
    path = f"/ingest/{monitor.key}/api/v2/alerts"

    response = monitor.send(path, fixture("prometheus", "firing.json"))

    assert (response.status_code, response.content) == (200, b"")
    (alert,) = prometheus.read(AlertEvent.objects.get().envelope()).alerts
    assert alert.title == "Checkout is failing"


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_key_may_be_in_the_header(monitor, scheme):
    basic = base64.b64encode(f"prometheus:{monitor.key}".encode()).decode()
    credentials = basic if scheme == "Basic" else monitor.key

    response = monitor.send("/api/v2/alerts", b"[]", Authorization=f"{scheme} {credentials}")

    assert response.status_code == 200


@pytest.mark.parametrize(("body", "status"), [(b"{}", 400), (b"[", 400)])
def test_refusal_is_one_text_as_by_alertmanager(monitor, body, status):
    response = monitor.send(f"/ingest/{monitor.key}/api/v2/alerts", body)

    assert response.status_code == status
    assert isinstance(json.loads(response.content), str)


def test_wrong_key_is_401(monitor):
    assert monitor.send("/api/v2/alerts", b"[]").status_code == 401


def test_prometheus_is_never_told_to_wait(monitor, settings):
    settings.INTAKE_PER_MINUTE = 1
    path = f"/ingest/{monitor.key}/api/v2/alerts"

    assert [monitor.send(path, b"[]").status_code for _ in range(3)] == [200, 200, 200]


def test_sample_fires_one_alert():
    sample = replace(prometheus.sample(NOW), received_at=NOW)

    (alert,) = prometheus.read(sample).alerts

    assert (alert.action, alert.title) == ("trigger", "A trial alert")
