"""Sentry's webhooks: issue alerts and the issues that end them, metric alerts, the old plugin."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given

from incidents.intake import ADAPTERS, Action, Envelope, Importance, IntakeError, sentry
from incidents.intake.notification import Link
from tests.incidents.damage import FIXTURES, bodies_of, damaged_bytes, damaged_json, read_or_refused

BODIES = FIXTURES / "sentry"
RESOURCES = {
    "event_alert": "event_alert",
    "metric_critical": "metric_alert",
    "metric_resolved": "metric_alert",
    "issue_resolved": "issue",
    "issue_created": "issue",
    "issue_assigned": "issue",
    "comment": "comment",
    "installation": "installation",
}


def sent(name: str, *, has_header: bool = True, **options: object) -> Envelope:
    resource = RESOURCES.get(name)
    headers = {"sentry-hook-resource": resource} if resource and has_header else {}
    return Envelope((BODIES / f"{name}.json").read_bytes(), headers=headers, options=options)


def test_issue_alert_fires_for_its_issue():
    (alert,) = sentry.read(sent("event_alert")).alerts

    assert alert.dedup_key == "issue:1117540176"
    assert alert.action == Action.TRIGGER
    assert alert.title == "ConnectionError: payment provider did not answer"
    assert alert.severity_label == "error"
    assert alert.labels["rule"] == "Payments fail"
    assert alert.labels["server_name"] == "web-1"
    assert alert.labels["environment"] == "production"
    assert [link.label for link in alert.links] == ["Sentry", "Source"]
    assert alert.started_at == datetime(2026, 3, 2, 9, 58, 35, 513000, tzinfo=UTC)


def test_resolving_the_issue_ends_its_alert():
    (firing,) = sentry.read(sent("event_alert")).alerts
    (resolved,) = sentry.read(sent("issue_resolved")).alerts

    assert (resolved.dedup_key, resolved.action) == (firing.dedup_key, Action.RESOLVE)
    assert (resolved.text, resolved.actor) == ("Resolved in Sentry", "Ruth Adeyemi")


@pytest.mark.parametrize("action", ["archived", "ignored"])
def test_archiving_the_issue_ends_its_alert_too(action):
    body = json.loads((BODIES / "issue_resolved.json").read_bytes()) | {"action": action}
    envelope = Envelope(json.dumps(body).encode(), headers={"sentry-hook-resource": "issue"})

    assert [alert.action for alert in sentry.read(envelope).alerts] == [Action.RESOLVE]


def test_metric_alert_fires_and_ends_by_one_key():
    (firing,) = sentry.read(sent("metric_critical")).alerts
    (resolved,) = sentry.read(sent("metric_resolved")).alerts

    assert firing.dedup_key == resolved.dedup_key == "metric:128"
    assert firing.severity_label == "critical"
    assert firing.title == "Critical: Too many errors"
    assert firing.labels == {"rule": "Too many errors", "project": "checkout"}
    assert resolved.action == Action.RESOLVE
    assert resolved.ended_at == datetime(2026, 3, 2, 10, 20, tzinfo=UTC)


def test_metric_alert_without_an_id_is_told_by_its_rule():
    body = json.loads((BODIES / "metric_critical.json").read_bytes())
    del body["data"]["metric_alert"]["id"]

    (alert,) = sentry.read(Envelope(json.dumps(body).encode())).alerts

    assert alert.dedup_key == "metric:7:7"


def test_assignment_and_comment_are_notes_on_the_alert():
    assigned = sentry.read(sent("issue_assigned")).notes
    (comment,) = sentry.read(sent("comment")).notes

    assert [note.text for note in assigned] == ["Assigned to Ruth Adeyemi in Sentry"]
    assert comment.dedup_key == "issue:1117540176"
    assert (comment.text, comment.actor) == ("The provider is being restarted.", "Ruth Adeyemi")


def test_new_issue_fires_only_where_that_is_wanted():
    quiet = sentry.read(sent("issue_created"))
    (alert,) = sentry.read(sent("issue_created", issues_fire=True)).alerts

    assert (quiet.alerts, bool(quiet.remark)) == ([], True)
    assert alert.dedup_key == "issue:1117540176"
    assert alert.labels["project"] == "checkout"


def test_installation_is_remarked_upon_only():
    notification = sentry.read(sent("installation"))

    assert notification.alerts == []
    assert "installation" in notification.remark


def test_older_plugin_fires_for_its_issue():
    (alert,) = sentry.read(sent("plugin")).alerts

    assert alert.dedup_key == "issue:1117540176"
    assert alert.labels["rule"] == "Payments fail"
    assert alert.links == [
        Link("Sentry", "https://sentry.example.com/example/checkout/issues/1117540176/")
    ]


@pytest.mark.parametrize("name", ["event_alert", "metric_critical", "issue_resolved"])
def test_resource_is_told_by_the_body_where_the_header_is_gone(name):
    assert sentry.read(sent(name, has_header=False)) == sentry.read(sent(name))


def test_check_puts_what_fires_before_what_ends():
    assert sentry.check(sent("event_alert")).importance == Importance.FIRING
    assert sentry.check(sent("issue_resolved")).importance == Importance.LATER
    assert sentry.check(sent("comment")).importance == Importance.LATER


def test_check_holds_the_signature_against_the_secret():
    body = (BODIES / "event_alert.json").read_bytes()
    mac = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()

    sentry.check(Envelope(body, headers={"sentry-hook-signature": mac}, secret="s3cret"))
    with pytest.raises(IntakeError) as refusal:
        sentry.check(Envelope(body, headers={"sentry-hook-signature": mac}, secret="other"))
    assert refusal.value.status == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"hello": 1}', b"not json"])
def test_check_refuses_what_is_not_from_sentry(body):
    with pytest.raises(IntakeError):
        sentry.check(Envelope(body))


@pytest.mark.slow
@given(damaged=damaged_json(bodies_of("sentry")))
def test_damaged_values_raise_nothing_but_intake_errors(damaged):
    read_or_refused(ADAPTERS["sentry"], Envelope(damaged, options={"issues_fire": True}))


@pytest.mark.slow
@given(damaged=damaged_bytes(bodies_of("sentry")))
def test_damaged_bytes_raise_nothing_but_intake_errors(damaged):
    read_or_refused(ADAPTERS["sentry"], Envelope(damaged))
