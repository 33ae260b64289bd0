"""PagerDuty's Events API: what its senders send, what it means here, and the answers they read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from incidents.intake import Envelope, Importance, IntakeError, pagerduty
from incidents.intake.notification import Link
from incidents.models import AlertEvent
from tests.incidents.doors import Monitor, fixture, said

ENQUEUE, CHANGE = "/v2/enqueue", "/v2/change/enqueue"
VERSION_1 = "/generic/2010-04-15/create_event.json"
INVALID = {"status": "invalid event", "message": "Event object is invalid"}


def envelope(body: bytes | dict[str, Any], path: str = ENQUEUE, **headers: str) -> Envelope:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Envelope(raw, call=path.lstrip("/"), headers=headers)


def read_one(name: str, path: str = ENQUEUE) -> Any:
    (alert,) = pagerduty.read(envelope(fixture("pagerduty", name), path)).alerts
    return alert


def event(**fields: Any) -> dict[str, Any]:
    payload = {"summary": "Disk is full", "source": "db-1", "severity": "error"}
    payload |= fields.pop("payload", {})
    return {"event_action": "trigger", "dedup_key": "disk", "payload": payload} | fields


def errors_of(body: dict[str, Any], path: str = ENQUEUE) -> list[str]:
    with pytest.raises(IntakeError) as refusal:
        pagerduty.check(envelope(body, path))
    return list(refusal.value.errors)


# --- Reading -------------------------------------------------------------------------------------


def test_documented_example_maps_every_field():
    alert = read_one("documented.json")

    assert alert.dedup_key == "samplekeyhere"
    assert (alert.action, alert.severity_label) == ("trigger", "info")
    assert alert.title == "Example alert on host1.example.com"
    assert alert.started_at == datetime(2015, 7, 17, 8, 42, 58, 315000, tzinfo=UTC)
    assert alert.labels == {
        "source": "monitoringtool:cloudvendor:central-region-dc-01:852559987"
        ":cluster/api-stats-prod-003",
        "component": "postgres",
        "group": "prod-datapipe",
        "class": "deploy",
        "severity": "info",
        "client": "Sample Monitoring Service",
        "ping time": "1500ms",
        "load avg": "0.75",
    }
    assert alert.links == [
        Link("Sample Monitoring Service", "https://monitoring.example.com"),
        Link("Link text", "https://example.com/"),
        Link("Example text", "https://www.example.com/chart.png"),
        Link("Example text", "https://example.com/"),
    ]


def test_alertmanager_sends_one_event_a_group_and_ends_it_by_the_same_key():
    fired = read_one("alertmanager_trigger.json")
    resolved = read_one("alertmanager_resolve.json")

    assert fired.dedup_key == resolved.dedup_key
    assert (fired.action, resolved.action) == ("trigger", "resolve")
    assert fired.title.startswith("[FIRING:1] CheckoutFailing")
    assert "runbook_url = https://runbooks.example.com/checkout" in fired.description
    assert fired.labels["num_firing"] == "1"
    assert Link("Runbook", "https://runbooks.example.com/checkout") in fired.links


@pytest.mark.parametrize(("name", "key"), [("grafana.json", "718643b4"), ("zabbix.json", "48213")])
def test_other_real_senders_are_read(name, key):
    alert = read_one(name)

    assert alert.dedup_key.startswith(key)
    assert alert.severity_label == "medium"


def test_version_1_is_read_like_version_2():
    alert = read_one("version_1.json", VERSION_1)

    assert alert.dedup_key == "event_source=service;host_name=db-1;service_desc=Disk"
    assert alert.title == "Disk on db-1 is CRITICAL"
    assert alert.severity_label == ""
    assert alert.labels["HOSTNAME"] == "db-1"
    labels = [link.label for link in alert.links]
    assert labels == ["Nagios", "Runbook", "Disk over a day", "Disk over a day"]


@pytest.mark.parametrize(
    ("word", "level"),
    [("critical", "critical"), ("error", "high"), ("warning", "medium"), ("info", "info")],
)
def test_severities_mean_what_they_mean_to_the_vendor(word, level):
    (alert,) = pagerduty.read(envelope(event(payload={"severity": word}))).alerts

    assert (alert.severity_label, alert.labels["severity"]) == (level, word)


def test_nested_and_long_details_are_annotations_and_the_rest_labels():
    details = {"region": "eu", "log": "x" * 500, "host": {"name": "db-1"}, "source": "detail"}

    (alert,) = pagerduty.read(envelope(event(payload={"custom_details": details}))).alerts

    assert alert.labels == {
        "source": "db-1",
        "severity": "error",
        "region": "eu",
    }
    assert alert.annotations == {
        "log": "x" * 500,
        "host": '{"name": "db-1"}',
        "source": "detail",
    }


def test_summary_longer_than_a_title_is_kept_in_the_description():
    (alert,) = pagerduty.read(envelope(event(payload={"summary": "x" * 1024}))).alerts

    assert len(alert.title) == 300
    assert alert.description == "x" * 1024


def test_change_is_no_alert():
    notification = pagerduty.read(envelope(fixture("pagerduty", "change.json"), CHANGE))

    (change,) = notification.changes
    assert notification.alerts == []
    assert change.title == "Build Success - Increase snapshot create timeout to 30 seconds"
    assert (change.environment, change.labels["build_state"]) == ("production", "passed")
    assert change.at == datetime(2026, 7, 17, 8, 42, 58, 315000, tzinfo=UTC)
    assert [link.url for link in change.links] == ["https://acme.example.com/build/2"]


def test_change_with_a_moment_is_told_apart_by_its_body_and_one_without_by_its_own_key():
    first, same = (
        pagerduty.read(envelope(fixture("pagerduty", "change.json"), CHANGE, dedup_key=key))
        for key in ("a", "b")
    )
    bare = {"payload": {"summary": "Deployed"}}
    third, fourth = (pagerduty.read(envelope(bare, CHANGE, dedup_key=key)) for key in ("a", "b"))

    assert first.changes[0].key == same.changes[0].key
    assert third.changes[0].key != fourth.changes[0].key


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ["'event_action' is missing or blank"]),
        (
            event(event_action="explode"),
            [
                "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge'"
                " or 'resolve')"
            ],
        ),
        ({"event_action": "trigger"}, ["'payload' is missing or blank"]),
        ({"event_action": "trigger", "payload": "text"}, ["'payload' must be an object"]),
        (
            event(payload={"summary": " ", "source": None, "severity": ""}),
            [
                "'payload.summary' is missing or blank",
                "'payload.source' is missing or blank",
                "'payload.severity' is missing or blank",
            ],
        ),
        (
            event(payload={"summary": "x" * 1025}),
            ["'payload.summary' is too long (maximum is 1024 characters)"],
        ),
        (event(payload={"summary": ["x"]}), ["'payload.summary' must be a string"]),
        (
            event(payload={"severity": "bad"}),
            [
                "'payload.severity' is invalid (must be one of the following: 'critical', 'error',"
                " 'warning' or 'info')"
            ],
        ),
        (
            event(payload={"timestamp": "yesterday"}),
            [
                "'payload.timestamp' is invalid (must be a time in ISO 8601, such as"
                " 2026-03-02T10:00:00.000+0000)"
            ],
        ),
        ({"event_action": "acknowledge"}, ["'dedup_key' is missing or blank"]),
        ({"event_action": "resolve", "dedup_key": ""}, ["'dedup_key' is missing or blank"]),
        (
            {"event_action": "resolve", "dedup_key": "x" * 256},
            ["'dedup_key' is too long (maximum is 255 characters)"],
        ),
    ],
)
def test_every_wrong_field_is_named(body, expected):
    assert errors_of(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"event_type": "trigger"}, ["'description' is missing or blank"]),
        ({"event_type": "resolve"}, ["'incident_key' is missing or blank"]),
        ({"service_key": "x"}, ["'event_type' is missing or blank"]),
    ],
)
def test_version_1_names_its_own_fields(body, expected):
    assert errors_of(body, VERSION_1) == expected


@pytest.mark.parametrize("body", [{}, {"payload": {}}, {"payload": {"summary": ""}}])
def test_change_needs_a_summary(body):
    assert errors_of(body, CHANGE)[0].endswith("is missing or blank")


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T10:00:00+0000",
        "2026-03-02T10:00:00.000+0000",
        "2026-03-02T12:00:00+02:00",
        "2026-03-02T10:00:00Z",
        "2026-03-02T10:00:00+00:00Z",  # as the vendor's own Python client writes it
        "2026-03-02 10:00:00",
    ],
)
def test_timestamps_as_they_occur_are_understood(written):
    (alert,) = pagerduty.read(envelope(event(payload={"timestamp": written}))).alerts

    assert alert.started_at == datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def test_link_without_an_address_costs_nobody_the_alert():
    body = event(links=[{"text": "?"}, "no link"], images="none", client_url="javascript:alert(1)")

    (alert,) = pagerduty.read(envelope(body)).alerts

    assert alert.links == []


@pytest.mark.parametrize(
    ("fields", "importance"),
    [
        ({"payload": {"severity": "critical"}}, Importance.CRITICAL),
        ({}, Importance.FIRING),
        ({"event_action": "acknowledge"}, Importance.FIRING),
        ({"event_action": "resolve"}, Importance.LATER),
    ],
)
def test_resolves_wait_behind_what_pages(fields, importance):
    assert pagerduty.check(envelope(event(**fields))).importance == importance


# --- At the door ---------------------------------------------------------------------------------


@pytest.fixture
def monitor(db) -> Monitor:
    return Monitor("pagerduty")


def test_trigger_is_answered_in_the_vendors_words(monitor):
    response = monitor.send(ENQUEUE, fixture("pagerduty", "alertmanager_trigger.json", monitor.key))

    assert said(response) == (
        202,
        {
            "status": "success",
            "message": "Event processed",
            "dedup_key": "498232560e83eff5c150217e7f276d2c80f1c8d5854a73686ec5d601542db79c",
        },
    )
    assert AlertEvent.objects.get().integration == monitor.integration


def test_trigger_without_a_key_is_given_one_that_its_alert_has(monitor):
    body = event(routing_key=monitor.key) | {"dedup_key": None}

    first, second = (said(monitor.send(ENQUEUE, body))[1]["dedup_key"] for _ in range(2))

    assert first != second
    stored = AlertEvent.objects.order_by("pk").first()
    (alert,) = pagerduty.read(stored.envelope()).alerts
    assert alert.dedup_key == first


def test_change_is_answered_in_the_vendors_words(monitor):
    response = monitor.send(CHANGE, fixture("pagerduty", "change.json", monitor.key))

    assert said(response) == (
        202,
        {"status": "success", "message": "Change event processed"},
    )
    assert AlertEvent.objects.get().importance == Importance.LATER


def test_version_1_is_answered_with_200(monitor):
    response = monitor.send(VERSION_1, fixture("pagerduty", "version_1.json", monitor.key))

    assert said(response) == (
        200,
        {
            "status": "success",
            "message": "Event processed",
            "incident_key": "event_source=service;host_name=db-1;service_desc=Disk",
        },
    )


def test_own_address_takes_the_same_body(monitor):
    response = monitor.send(f"/ingest/{monitor.key}/", event())

    assert (response.status_code, said(response)[1]["dedup_key"]) == (202, "disk")


def test_older_clients_send_the_key_in_a_header(monitor):
    assert monitor.send(ENQUEUE, event(), **{"X-Routing-Key": monitor.key}).status_code == 202


def test_field_errors_are_answered_as_a_list(monitor):
    body = {"routing_key": monitor.key, "event_action": "resolve"}

    response = monitor.send(ENQUEUE, body)

    assert said(response) == (400, INVALID | {"errors": ["'dedup_key' is missing or blank"]})
    assert AlertEvent.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"{", "JSON parse error"), (b"[]", "Event is no JSON object")],
)
def test_what_is_no_event_is_answered_as_documented(monitor, body, error):
    assert said(monitor.send(ENQUEUE, body)) == (
        400,
        {
            "status": "Unrecognized object",
            "message": "Event object format is unrecognized",
            "errors": [error],
        },
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [(ENQUEUE, "routing_key"), (CHANGE, "routing_key"), (VERSION_1, "service_key")],
)
def test_missing_key_is_named(monitor, path, name):
    expected = INVALID | {"errors": [f"'{name}' is missing or blank"]}

    assert said(monitor.send(path, event())) == (400, expected)


@pytest.mark.parametrize(("path", "name"), [(ENQUEUE, "routing_key"), (VERSION_1, "service_key")])
def test_wrong_key_is_answered_with_400_as_the_vendor_does(monitor, path, name):
    """403 would tell a client of version 1 to try again for ever."""
    status, document = said(monitor.send(path, event(**{name: "R" * 32})))

    assert status == 400
    assert document["status"] == "invalid event"
    assert document["errors"][0].startswith("Invalid routing key. No integration has this key.")


def test_key_of_a_revoked_integration_is_a_wrong_key(monitor):
    monitor.integration.revoke(at=datetime.now(UTC))

    status, document = said(monitor.send(ENQUEUE, event(routing_key=monitor.key)))

    assert (status, document["errors"][0][:20]) == (400, "Invalid routing key.")


def test_key_of_another_kind_is_a_wrong_key(db):
    other = Monitor("alertmanager")

    status, document = said(other.send(ENQUEUE, event(routing_key=other.key)))

    assert status == 400
    assert "another kind of integration" in document["errors"][0]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        (ENQUEUE, 429, event()),
        (VERSION_1, 403, {"event_type": "trigger", "description": "Disk"}),
    ],
)
def test_too_many_are_told_to_come_again_as_each_version_has_it(
    monitor, settings, path, status, body
):
    settings.INTAKE_PER_MINUTE = 1
    body |= {"routing_key": monitor.key, "service_key": monitor.key}

    first, second = monitor.send(path, body), monitor.send(path, body)

    assert first.status_code in (200, 202)
    assert said(second) == (
        status,
        {
            "status": "throttle exceeded",
            "message": "Requests for this service are arriving too quickly.  Please retry later.",
        },
    )
    assert AlertEvent.objects.count() == 1


def test_body_over_the_limit_is_refused_in_the_vendors_shape(monitor):
    status, document = said(monitor.send(ENQUEUE, b" " * (513 * 1024)))

    assert status == 413
    assert document["errors"] == ["The body is over 512 KB. Send fewer alerts at once."]


def test_get_is_refused(monitor):
    response = monitor.send(ENQUEUE, method="GET")

    assert (response.status_code, response["Allow"]) == (405, "POST")
