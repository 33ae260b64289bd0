"""GitHub's webhooks, each a change."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.intake import ADAPTERS, Envelope, IntakeError, github
from incidents.intake.notification import NormalisedChange
from tests.incidents.damage import FIXTURES, bodies_of, damaged_bytes, damaged_json, read_or_refused

BODIES = FIXTURES / "github"


def sent(name: str, options: dict[str, Any] | None = None, **fields: Any) -> Envelope:
    body = json.loads((BODIES / f"{name}.json").read_bytes()) | fields
    headers = {"x-github-event": name}
    return Envelope(json.dumps(body).encode(), headers=headers, options=options or {})


def change(envelope: Envelope) -> NormalisedChange:
    (found,) = github.read(envelope).changes
    return found


def test_deployment_says_what_went_where_and_who_did_it():
    found = change(sent("deployment_status"))

    assert found.key == "deployment:145988746"
    assert found.title == "Deploy main to production"
    assert (found.kind, found.state, found.environment) == ("deployment", "success", "production")
    assert (found.source, found.actor) == ("Example/checkout", "radeyemi")
    assert found.at == datetime(2026, 3, 2, 9, 41, 12, tzinfo=UTC)
    assert {link.label: link.url for link in found.links} == {
        "Deployment": "https://deploy.example.com/runs/77",
        "Environment": "https://shop.example.com",
        "Commit": "https://github.com/Example/checkout/commit/"
        "a10867b14bb761a232cd80139fbd4c0d33264240",
    }


def test_deployment_to_an_environment_left_out_is_not_kept():
    notification = github.read(sent("deployment_status", {"ignored_environments": ["production"]}))

    assert (notification.changes, bool(notification.remark)) == ([], True)


def test_finished_run_on_the_default_branch_is_kept():
    found = change(sent("workflow_run"))

    assert found.key == "run:4502910331"
    assert (found.title, found.state) == ("Release on main", "failure")
    assert found.labels["about"] == "Retry payments"


@pytest.mark.parametrize(
    ("options", "fields", "is_kept"),
    [
        ({}, {"action": "in_progress"}, False),
        ({"workflows": ["Release"]}, {}, True),
        ({"workflows": ["Tests"]}, {}, False),
    ],
)
def test_runs_are_chosen_by_name_and_state(options, fields, is_kept):
    assert bool(github.read(sent("workflow_run", options, **fields)).changes) == is_kept


def test_run_on_another_branch_is_kept_only_if_its_workflow_is_chosen():
    run = json.loads((BODIES / "workflow_run.json").read_bytes())["workflow_run"]
    elsewhere = run | {"head_branch": "feature"}

    assert github.read(sent("workflow_run", workflow_run=elsewhere)).changes == []
    assert change(sent("workflow_run", {"workflows": ["Release"]}, workflow_run=elsewhere))


def test_published_release_is_kept_and_a_draft_is_not():
    assert change(sent("release")).title == "Release Payments retry"
    assert github.read(sent("release", action="created")).changes == []


def test_push_to_the_default_branch_is_kept():
    found = change(sent("push"))

    assert found.title == "Retry payments and 1 more"
    assert found.at == datetime(2026, 3, 2, 9, 29, 51, tzinfo=UTC)
    assert found.links[0].label == "Comparison"


@pytest.mark.parametrize(
    "fields", [{"ref": "refs/heads/x"}, {"ref": "refs/tags/main"}, {"deleted": True}]
)
def test_other_pushes_are_left_out(fields):
    assert github.read(sent("push", **fields)).changes == []


def test_ping_is_greeted():
    assert github.read(sent("ping")).remark == "GitHub's greeting: the webhook is set up."


def test_other_events_are_remarked_upon():
    envelope = Envelope(b'{"action": "created"}', headers={"x-github-event": "star"})

    assert github.read(envelope).remark == "Nothing is kept of “star”."


def test_body_wrapped_in_a_form_is_read_alike():
    body = (BODIES / "push.json").read_bytes()
    form = urlencode({"payload": body.decode()}).encode()
    headers = {"x-github-event": "push"}
    wrapped = Envelope(form, "application/x-www-form-urlencoded", headers)

    assert github.read(wrapped) == github.read(Envelope(body, "application/json", headers))


def test_form_without_the_payload_is_refused():
    with pytest.raises(IntakeError):
        github.check(Envelope(b"a=b", "application/x-www-form-urlencoded"))


def test_check_holds_the_signature_against_the_secret():
    body = (BODIES / "push.json").read_bytes()
    mac = "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()

    github.check(Envelope(body, headers={"x-hub-signature-256": mac}, secret="s3cret"))
    for wrong in (mac.removeprefix("sha256="), mac[:-1], ""):
        with pytest.raises(IntakeError) as refusal:
            github.check(Envelope(body, headers={"x-hub-signature-256": wrong}, secret="s3cret"))
        assert refusal.value.status == 401


EVENTS = st.sampled_from(["", "ping", "star", *github._READERS])


@pytest.mark.slow
@given(damaged=damaged_json(bodies_of("github")), event=EVENTS)
def test_damaged_values_raise_nothing_but_intake_errors(damaged, event):
    read_or_refused(ADAPTERS["github"], Envelope(damaged, headers={"x-github-event": event}))


@pytest.mark.slow
@given(damaged=damaged_bytes(bodies_of("github")), event=EVENTS)
def test_damaged_bytes_raise_nothing_but_intake_errors(damaged, event):
    form = "application/x-www-form-urlencoded"
    read_or_refused(ADAPTERS["github"], Envelope(damaged, headers={"x-github-event": event}))
    read_or_refused(ADAPTERS["github"], Envelope(b"payload=" + damaged, form))
