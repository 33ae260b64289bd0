"""Opsgenie's calls: what they mean here, the answers its clients read, and what became of them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError

from incidents import opsgenie_views, processing
from incidents.intake import Envelope, Importance, IntakeError, opsgenie
from incidents.intake.notification import Link
from incidents.models import Alert, AlertEvent, Heartbeat
from tests.factories.incidents import make_severity
from tests.incidents.doors import Monitor, fixture, said

ALIAS = "?identifierType=alias"


def envelope(call: str, body: bytes | dict[str, Any] = b"", method: str = "POST") -> Envelope:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Envelope(raw, call=call, method=method)


def read(call: str, body: bytes | dict[str, Any] = b"", method: str = "POST") -> Any:
    return opsgenie.read(envelope(call, body, method))


def errors_of(call: str, body: dict[str, Any], method: str = "POST") -> list[str]:
    with pytest.raises(IntakeError) as refusal:
        opsgenie.check(envelope(call, body, method))
    return list(refusal.value.errors)


# --- Reading -------------------------------------------------------------------------------------


def test_documented_alert_maps_every_field():
    notification = read("v2/alerts", fixture("opsgenie", "documented.json"))

    (alert,) = notification.alerts
    assert alert.dedup_key == "Life is too short for no alias"
    assert (alert.title, alert.severity_label) == ("An example alert message", "p1")
    assert alert.description == "Every alert needs a description"
    assert alert.labels == {
        "entity": "An example entity",
        "team": "4513b7ea-3b91-438f-b7e4-e3e54af9147c, NOC",
        "responders": "4513b7ea-3b91-438f-b7e4-e3e54af9147c, NOC, trinity@example.com,"
        " Nightwatch Escalation",
        "tags": "OverwriteQuietHours, Critical",
        "priority": "P1",
        "key1": "value1",
        "region": "eu",
    }
    (note,) = notification.notes
    assert (note.text, note.actor) == ("Called the vendor.", "neo@example.com")


def test_alertmanager_creates_and_closes_by_one_alias():
    (fired,) = read("v2/alerts", fixture("opsgenie", "alertmanager_create.json")).alerts
    close = f"v2/alerts/{fired.dedup_key}/close{ALIAS}"
    (closed,) = read(close, fixture("opsgenie", "alertmanager_close.json")).alerts

    assert (fired.action, closed.action) == ("trigger", "resolve")
    assert fired.dedup_key == closed.dedup_key
    assert fired.labels["alertname"] == "CheckoutFailing"
    assert fired.labels["team"] == "ops"
    assert fired.links == [
        Link("Source", "http://alertmanager.example.com:9093/#/alerts?receiver=m")
    ]


def test_priority_is_p3_unless_given():
    (alert,) = read("v2/alerts", {"message": "Disk"}).alerts

    assert alert.severity_label == "p3"


def test_message_longer_than_the_vendor_allows_is_taken():
    (alert,) = read("v2/alerts", {"message": "x" * 1000}).alerts

    assert len(alert.title) == 300


def test_incident_is_an_alert_of_its_service():
    body = fixture("opsgenie", "incident.json")

    (alert,) = read("v1/incidents/create", body).alerts

    assert alert.labels["service"] == "bd0232cb-5bb1-4ecd-8ec4-cc16cbc5e0ed"
    assert alert.annotations["status_page_title"] == "Payments fail"
    assert alert.severity_label == "p1"


def test_acknowledgement_names_who_and_what_they_said():
    body = {"user": "neo@example.com", "note": "On it"}

    (alert,) = read(f"v2/alerts/disk/acknowledge{ALIAS}", body).alerts

    assert (alert.action, alert.dedup_key) == ("acknowledge", "disk")
    assert (alert.actor, alert.text) == ("neo@example.com", "On it")


def test_deleting_an_alert_resolves_it():
    (alert,) = read(f"v2/alerts/disk{ALIAS}", method="DELETE").alerts

    assert (alert.action, alert.dedup_key) == ("resolve", "disk")


@pytest.mark.parametrize(
    ("call", "method", "body", "text"),
    [
        ("notes", "POST", {"note": "Rebooted"}, "Rebooted"),
        (
            "snooze",
            "POST",
            {"endTime": "2026-03-02T12:00:00Z", "note": "lunch"},
            "Asked to snooze the alert until 2026-03-02T12:00:00Z, which Muster leaves to people."
            " lunch",
        ),
        (
            "unacknowledge",
            "POST",
            {},
            "Asked to take the acknowledgement back, which Muster leaves to people.",
        ),
        ("escalate", "POST", {"escalation": {"name": "Night"}}, "Asked to escalate to Night."),
        (
            "assign",
            "POST",
            {"owner": {"username": "neo@example.com"}},
            "Asked to assign the alert to neo@example.com.",
        ),
        (
            "responders",
            "POST",
            {"responder": {"type": "team", "name": "NOC"}},
            "Asked for another responder: NOC.",
        ),
        ("actions/Restart", "POST", {}, "Action run: Restart."),
        ("tags", "POST", {"tags": ["a", "b"]}, "Tags added: a, b."),
        ("details", "POST", {"details": {"k": "v"}}, "Details added: k = v."),
        ("message", "PUT", {"message": "Two disks"}, "New message: Two disks"),
        ("description", "PUT", {"description": "Both"}, "New description: Both"),
        ("priority", "PUT", {"priority": "P2"}, "New priority: P2"),
    ],
)
def test_what_muster_leaves_to_people_is_noted(call, method, body, text):
    (note,) = read(f"v2/alerts/disk/{call}{ALIAS}", body, method).notes

    assert (note.dedup_key, note.text) == ("disk", text)


@pytest.mark.parametrize(("what", "query"), [("tags", "tags=a,b"), ("details", "keys=a,b")])
def test_removals_have_their_names_in_the_query(what, query):
    call = f"v2/alerts/disk/{what}{ALIAS}&{query}"

    (note,) = read(call, method="DELETE").notes

    assert note.text == f"{what.capitalize()} removed: a,b."


@pytest.mark.parametrize("alias", ["disk", "a/b/close", "what?", "why?/now", "k-notencoded", "ü"])
def test_alias_may_be_any_text(alias):
    (alert,) = read(f"v2/alerts/{alias}/close{ALIAS}").alerts

    assert alert.dedup_key == alias


@pytest.mark.parametrize("key", ["disk", "a/b?c", "ü" * 60, "k-disk", "x" * 500, "8-4-4-4-12"])
def test_id_that_we_tell_leads_back_to_its_alert(key):
    (created,) = read("v2/alerts", {"message": "Disk", "alias": key}).alerts

    told = opsgenie.alert_id_of(created.dedup_key)
    (closed,) = read(f"v2/alerts/{told}/close?identifierType=id").alerts

    assert closed.dedup_key == created.dedup_key
    assert "/" not in told


def test_heartbeat_is_pinged_by_name():
    (ping,) = read("v2/heartbeats/nightly backup/ping", method="GET").pings

    assert (ping.name, ping.has_failed) == ("nightly backup", False)


@pytest.mark.parametrize(
    ("call", "method"),
    [
        ("v2/alerts", "GET"),
        ("v2/alerts/disk", "GET"),
        ("v2/alerts/disk/explode", "POST"),
        ("v2/alerts//close", "POST"),
        ("v2/heartbeats/ping", "GET"),
        ("v2/heartbeats", "POST"),
        ("v2/teams", "POST"),
    ],
)
def test_other_calls_are_refused_by_name(call, method):
    with pytest.raises(IntakeError) as refusal:
        opsgenie.check(envelope(call, method=method))

    assert (refusal.value.status, refusal.value.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("call", "body", "expected"),
    [
        ("v2/alerts", {}, ["message: can not be empty"]),
        (
            "v2/alerts",
            {"message": "x", "priority": "P9"},
            ["priority: should be one of [ P1, P2, P3, P4, P5 ]"],
        ),
        (
            "v2/alerts",
            {"message": "x", "alias": "y" * 513},
            ["alias: should not be longer than 512 characters"],
        ),
        (
            "v1/incidents/create",
            {},
            ["message: can not be empty", "serviceId: can not be empty"],
        ),
        ("v2/alerts/disk/notes", {}, ["note: can not be empty"]),
        (
            "v2/alerts/12/close?identifierType=tiny",
            {},
            ["identifierType: Muster gives out no tiny ids; use alias, or id"],
        ),
    ],
)
def test_every_wrong_field_is_named(call, body, expected):
    assert errors_of(call, body) == expected


@pytest.mark.parametrize(
    ("call", "body", "importance"),
    [
        ("v2/alerts", {"message": "x", "priority": "P1"}, Importance.CRITICAL),
        ("v2/alerts", {"message": "x"}, Importance.FIRING),
        ("v2/alerts/x/acknowledge", {}, Importance.FIRING),
        ("v2/alerts/x/close", {}, Importance.LATER),
    ],
)
def test_what_ends_waits_behind_what_pages(call, body, importance):
    assert opsgenie.check(envelope(call, body)).importance == importance


# --- At the door ---------------------------------------------------------------------------------


@pytest.fixture
def monitor(db) -> Monitor:
    make_severity()
    return Monitor("opsgenie")


def send(monitor: Monitor, path: str, body: Any = b"", method: str = "POST") -> Any:
    return monitor.send(path, body, method, Authorization=f"GenieKey {monitor.key}")


def test_request_is_answered_with_a_number_to_ask_by(monitor):
    response = send(monitor, "/v2/alerts", fixture("opsgenie", "documented.json"))

    status, document = said(response)
    assert status == 202
    assert document["result"] == "Request will be processed"
    assert document["took"] >= 0
    assert AlertEvent.objects.get().receipt == UUID(document["requestId"])
    assert response["X-RateLimit-State"] == "OK"


def test_key_may_be_the_password_of_basic(monitor):
    basic = base64.b64encode(f":{monitor.key}".encode()).decode()

    response = monitor.send("/v2/alerts", {"message": "Disk"}, Authorization=f"Basic {basic}")

    assert response.status_code == 202


def test_own_address_takes_the_same_calls(monitor):
    response = monitor.send(f"/ingest/{monitor.key}/v2/alerts", {"message": "Disk"})

    assert response.status_code == 202


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH"])
def test_heartbeat_answers_pong(monitor, method):
    status, document = said(send(monitor, "/v2/heartbeats/backup/ping", method=method))

    assert (status, document["result"]) == (202, "PONG - Heartbeat received")


@pytest.mark.parametrize("authorization", ["", "GenieKey wrong", "Basic !", "Bearer x"])
def test_wrong_key_is_answered_with_401(monitor, authorization):
    response = monitor.send("/v2/alerts", {"message": "Disk"}, Authorization=authorization)

    status, document = said(response)
    assert status == 401
    assert document["message"].startswith("Could not authenticate.")
    assert UUID(document["requestId"])


def test_revoked_integration_is_answered_with_401(monitor):
    monitor.integration.revoke(at=datetime.now(UTC))

    assert send(monitor, "/v2/alerts", {"message": "Disk"}).status_code == 401


def test_key_of_another_kind_is_answered_with_403(db):
    assert send(Monitor("alertmanager"), "/v2/alerts", {"message": "Disk"}).status_code == 403


def test_wrong_fields_are_answered_with_422_and_their_names(monitor):
    status, document = said(send(monitor, "/v2/alerts", {"priority": "P9"}))

    assert status == 422
    assert document["message"] == "Request body is not processable. Please check the errors."
    assert document["errors"] == {
        "message": "can not be empty",
        "priority": "should be one of [ P1, P2, P3, P4, P5 ]",
    }


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 422)])
def test_what_is_no_object_is_refused(monitor, body, status):
    assert send(monitor, "/v2/alerts", body).status_code == status


def test_too_many_are_answered_with_429_and_the_vendors_headers(monitor, settings):
    settings.INTAKE_PER_MINUTE = 1
    send(monitor, "/v2/alerts", {"message": "Disk"})

    response = send(monitor, "/v2/alerts", {"message": "Disk"})

    assert said(response)[0] == 429
    assert said(response)[1]["message"] == "You are making too many requests!"
    assert response["X-RateLimit-State"] == "THROTTLED"
    assert response["X-RateLimit-Reason"] == "INTEGRATION"
    assert response["X-RateLimit-Period-In-Sec"] == "60"


# --- What became of it ---------------------------------------------------------------------------


def process() -> None:
    at = datetime.now(UTC) + timedelta(seconds=1)
    while processing.process_due(at=at):
        at += timedelta(seconds=2)


def ask(monitor: Monitor, request_id: str, path: str = "/v2/alerts/requests/") -> Any:
    return said(send(monitor, f"{path}{request_id}", method="GET"))


def test_status_tells_the_id_that_the_alert_is_closed_by(monitor):
    request_id = said(send(monitor, "/v2/alerts", {"message": "Disk", "alias": "disk"}))[1][
        "requestId"
    ]
    process()

    status, document = ask(monitor, request_id)
    alert_id = document["data"]["alertId"]
    send(monitor, f"/v2/alerts/{alert_id}/close")
    process()

    assert status == 200
    assert document["requestId"] == request_id
    assert document["data"] | {"processedAt": "", "alertId": ""} == {
        "success": True,
        "isSuccess": True,
        "action": "Create",
        "processedAt": "",
        "integrationId": monitor.integration.slug,
        "status": "Created alert",
        "alertId": "",
        "alias": "disk",
    }
    assert Alert.objects.get().state == Alert.State.RESOLVED


def test_alert_without_an_alias_has_its_id_for_one(monitor):
    request_id = said(send(monitor, "/v2/alerts", {"message": "Disk"}))[1]["requestId"]
    process()

    data = ask(monitor, request_id)[1]["data"]

    assert data["alertId"] == data["alias"] == Alert.objects.get().dedup_key


def test_deletion_is_known_by_its_method_after_it_was_stored(monitor):
    send(monitor, "/v2/alerts", {"message": "Disk", "alias": "disk"})
    request_id = said(send(monitor, f"/v2/alerts/disk{ALIAS}", method="DELETE"))[1]["requestId"]
    process()

    assert ask(monitor, request_id)[1]["data"]["action"] == "Delete"
    assert Alert.objects.get().state == Alert.State.RESOLVED


def test_close_of_what_does_not_exist_says_so(monitor):
    request_id = said(send(monitor, f"/v2/alerts/nothing/close{ALIAS}"))[1]["requestId"]
    process()

    data = ask(monitor, request_id)[1]["data"]

    assert (data["isSuccess"], data["status"]) == (False, "Alert does not exist")


def test_ping_makes_a_heartbeat(monitor):
    send(monitor, "/v2/heartbeats/Nightly%20backup/ping", method="GET")
    process()

    heartbeat = Heartbeat.objects.get()
    assert (heartbeat.slug, heartbeat.name) == ("nightly-backup", "Nightly backup")


def test_request_that_is_not_processed_is_not_found_yet(monitor):
    request_id = said(send(monitor, "/v2/alerts", {"message": "Disk"}))[1]["requestId"]

    status, document = ask(monitor, request_id)

    assert status == 404
    assert document["message"] == "Request not found. It might not be processed, yet."


@pytest.mark.parametrize("request_id", ["nonsense", "767ee623-23fc-4b9d-96f7-370f63993237"])
def test_unknown_request_is_not_found(monitor, request_id):
    assert ask(monitor, request_id)[0] == 404


def test_requests_of_another_integration_are_not_found(monitor):
    request_id = said(send(monitor, "/v2/alerts", {"message": "Disk"}))[1]["requestId"]
    process()

    assert ask(Monitor("opsgenie"), request_id)[0] == 404
    assert ask(monitor, request_id)[0] == 200


@pytest.mark.parametrize("kind", ["alertmanager", "opsgenie"])
def test_status_needs_a_key_of_this_kind(monitor, kind):
    other = Monitor(kind)
    if kind == "opsgenie":
        other.integration.revoke(at=datetime.now(UTC))

    assert ask(other, str(uuid4()))[0] == 401


def test_status_is_told_below_the_own_address_too(monitor):
    request_id = said(send(monitor, "/v2/alerts", {"message": "Disk"}))[1]["requestId"]
    process()

    path = f"/ingest/{monitor.key}/v2/alerts/requests/{request_id}"

    assert said(monitor.send(path, method="GET"))[0] == 200
    assert monitor.send(path).status_code == 405


def test_status_while_the_database_is_away_is_asked_again(monitor, monkeypatch):
    def fail(*args: object, **kwargs: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(opsgenie_views, "_integration", fail)

    assert ask(monitor, str(uuid4()))[0] == 503
