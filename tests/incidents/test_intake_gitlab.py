"""GitLab: its webhooks, each a change, and alerts in the shape of its own intake."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from incidents.intake import ADAPTERS, Action, Envelope, Importance, IntakeError, gitlab
from incidents.intake.notification import NormalisedChange
from tests.incidents.damage import FIXTURES, bodies_of, damaged_bytes, damaged_json, read_or_refused

BODIES = FIXTURES / "gitlab"


def sent(name: str, options: dict[str, Any] | None = None, **fields: Any) -> Envelope:
    body = json.loads((BODIES / f"{name}.json").read_bytes()) | fields
    return Envelope(json.dumps(body).encode(), options=options or {})


def change(envelope: Envelope) -> NormalisedChange:
    (found,) = gitlab.read(envelope).changes
    return found


def test_deployment_says_what_went_where_and_who_did_it():
    found = change(sent("deployment"))

    assert found.key == "deployment:15"
    assert found.title == "Deploy main to production"
    assert (found.state, found.environment) == ("success", "production")
    assert (found.source, found.actor) == ("shop/checkout", "Ruth Adeyemi")
    assert found.at == datetime(2026, 3, 2, 9, 41, 12, tzinfo=UTC)
    assert [link.label for link in found.links] == ["Deployment", "Environment", "Commit"]


def test_finished_pipeline_of_the_default_branch_is_kept():
    found = change(sent("pipeline"))

    assert (found.title, found.state) == ("Release on main", "failed")
    assert found.at == datetime(2026, 3, 2, 9, 35, 26, tzinfo=UTC)


def test_running_pipeline_is_left_out():
    attributes = json.loads((BODIES / "pipeline.json").read_bytes())["object_attributes"]

    running = sent("pipeline", object_attributes=attributes | {"status": "running"})

    assert gitlab.read(running).changes == []


def test_release_and_push_are_kept():
    assert change(sent("release")).title == "Release Payments retry"
    assert change(sent("push")).title == "Retry payments and 1 more"


@pytest.mark.parametrize("fields", [{"ref": "refs/heads/x"}, {"after": "0" * 40}])
def test_other_pushes_are_left_out(fields):
    assert gitlab.read(sent("push", **fields)).changes == []


def test_other_hooks_are_remarked_upon():
    assert gitlab.read(sent("push", object_kind="wiki_page")).remark == (
        "Nothing is kept of “wiki_page”."
    )


def test_alert_in_gitlabs_shape_fires():
    (alert,) = gitlab.read(sent("alert")).alerts

    assert alert.action == Action.TRIGGER
    assert (alert.title, alert.severity_label) == ("Disk is full", "high")
    assert alert.dedup_key == '["db-1", "disk"]'
    assert alert.labels == {
        "rack": "B7",
        "service": "checkout",
        "monitoring_tool": "Monit",
        "hosts": "db-1, db-2",
        "environment": "production",
    }


def test_alert_with_an_end_is_over():
    (alert,) = gitlab.read(sent("alert", end_time="2026-03-02T10:20:00Z")).alerts

    assert alert.action == Action.RESOLVE
    assert alert.ended_at == datetime(2026, 3, 2, 10, 20, tzinfo=UTC)


def test_alert_without_fingerprint_is_told_by_what_does_not_change_until_its_end():
    began = sent("alert", fingerprint=None)
    ended = sent("alert", fingerprint=None, end_time="2026-03-02T10:20:00Z", hosts="db-3")
    other = sent("alert", fingerprint=None, title="Disk is slow")

    keys = [gitlab.read(each).alerts[0].dedup_key for each in (began, ended, other)]

    assert keys[0] == keys[1] != keys[2]


def test_alert_that_says_nothing_is_critical_as_at_gitlab():
    (alert,) = gitlab.read(Envelope(b"{}")).alerts

    assert (alert.title, alert.severity_label) == ("New: Alert", "critical")


def test_alert_is_answered_as_gitlab_does():
    envelope = sent("alert")

    answer = gitlab.accepted(envelope, gitlab.check(envelope))

    (said,) = json.loads(answer.body)
    assert answer.status == 200
    assert said["title"] == "Disk is full"
    assert isinstance(said["iid"], int)


def test_check_puts_only_firing_alerts_before_the_rest():
    assert gitlab.check(sent("alert")).importance == Importance.FIRING
    assert gitlab.check(sent("deployment")).importance == Importance.LATER


@pytest.mark.parametrize(
    ("name", "headers", "is_accepted"),
    [
        ("push", {"x-gitlab-token": "s3cret"}, True),
        ("push", {"x-gitlab-token": "s3cre"}, False),
        ("push", {"authorization": "Bearer s3cret"}, False),
        ("push", {}, False),
        ("alert", {"authorization": "Bearer s3cret"}, True),
        ("alert", {"authorization": "Basic OnMzY3JldA=="}, True),
        ("alert", {"authorization": "Bearer guess"}, False),
        ("alert", {}, False),
    ],
)
def test_check_holds_the_token_against_the_secret(name, headers, is_accepted):
    envelope = Envelope(sent(name).body, headers=headers, secret="s3cret")

    if is_accepted:
        gitlab.check(envelope)
        return
    with pytest.raises(IntakeError) as refusal:
        gitlab.check(envelope)
    assert refusal.value.status == 401


@pytest.mark.slow
@given(damaged=damaged_json(bodies_of("gitlab")))
def test_damaged_values_raise_nothing_but_intake_errors(damaged):
    read_or_refused(ADAPTERS["gitlab"], Envelope(damaged))


@pytest.mark.slow
@given(damaged=damaged_bytes(bodies_of("gitlab")))
def test_damaged_bytes_raise_nothing_but_intake_errors(damaged):
    read_or_refused(ADAPTERS["gitlab"], Envelope(damaged))
