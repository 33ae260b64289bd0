"""Every action on an incident: who may, when it is refused, and what it takes."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from incidents.models import Incident, Phase, Responder
from incidents.permissions import PERMISSIONS
from incidents.timeline import TimelineEntry
from tests.factories.api import client_of, refusal
from tests.factories.incidents import (
    make_assignment,
    make_incident,
    make_responder,
    make_role,
    make_service,
    make_severity,
    make_severity_rule,
)
from tests.factories.roster import make_person, make_policy, make_team

pytestmark = pytest.mark.django_db

type UserWith = Callable[..., User]


@pytest.fixture
def commander(user_with: UserWith) -> APIClient:
    return client_of(user_with("incidents.view_incident", *PERMISSIONS.values()))


def path_of(incident: Incident, name: str) -> str:
    return f"/api/v1/incidents/{incident.reference}/{name}"


ANA = {"person": "ana"}
# Action, right it needs, phase it starts from, what it takes, what it leaves behind.
ACTIONS = [
    ("acknowledge", "acknowledge", Phase.DETECTED, {}, "incident_acknowledged"),
    ("declare", "declare", Phase.DETECTED, {"severity": "sev3", "reason": "Seen."}, None),
    ("advance", "advance", Phase.MOBILIZING, {"phase": "diagnosing", "override_reason": "x"}, None),
    ("restore", "restore", Phase.RESTORING, {"summary": "Rolled back."}, "incident_restored"),
    ("start-learning", "advance", Phase.RESTORED, {}, "phase_changed"),
    ("close", "close", Phase.LEARNING, {"summary": "Done.", "override_reason": "x"}, None),
    ("dismiss", "dismiss", Phase.DETECTED, {"reason": "A test."}, "incident_dismissed"),
    ("reopen", "advance", Phase.RESTORED, {"phase": "restoring", "reason": "Back."}, None),
    (
        "change-severity",
        "classify",
        Phase.DIAGNOSING,
        {"severity": "sev1", "reason": "Worse."},
        "severity_changed",
    ),
    ("timeline", "note", Phase.DIAGNOSING, {"text": "We look."}, "note_added"),
    ("roles", "assign_role", Phase.DIAGNOSING, {"role": "scribe", **ANA}, "role_assigned"),
    ("request-responder", "request_responder", Phase.DIAGNOSING, ANA, "responder_requested"),
    ("release", "release_responder", Phase.DIAGNOSING, {"person": "engaged"}, "responder_released"),
]
ENTRIES = {
    "declare": "incident_declared",
    "advance": "phase_changed",
    "close": "incident_closed",
    "reopen": "incident_reopened",
}


def set_scene(phase: Phase) -> Incident:
    """An incident whose every action could be done."""
    make_severity(1)
    make_severity(3)
    make_person(slug="ana")
    make_role("scribe")
    incident = make_incident(phase=phase)
    if phase == Phase.DIAGNOSING:
        engaged = make_person(slug="engaged")
        make_responder(incident, engaged, state=Responder.State.ACKNOWLEDGED)
    return incident


@pytest.mark.parametrize(("name", "right", "phase", "body", "entry"), ACTIONS)
def test_action_is_done_with_its_right_alone(name, right, phase, body, entry, user_with):
    incident = set_scene(phase)
    client = client_of(user_with("incidents.view_incident", PERMISSIONS[right]))

    response = client.post(path_of(incident, name), body)

    assert response.status_code == 200, response.json()
    assert response.json()["reference"] == incident.reference
    kinds = [each.kind for each in incident.timeline.all()]
    assert (entry or ENTRIES[name]) in kinds
    assert {each.via for each in incident.timeline.all()} == {"api"}


@pytest.mark.parametrize(("name", "right", "phase", "body", "entry"), ACTIONS)
def test_action_is_refused_with_every_other_right(name, right, phase, body, entry, user_with):
    incident = set_scene(phase)
    others = [code for action, code in PERMISSIONS.items() if action != right]
    client = client_of(user_with("incidents.view_incident", *others))

    assert refusal(client.post(path_of(incident, name), body)) == (403, "permission_denied", [])
    assert not TimelineEntry.objects.exists()


@pytest.mark.parametrize(("name", "right", "phase", "body", "entry"), ACTIONS)
def test_action_is_done_by_whoever_commands_the_incident(
    name, right, phase, body, entry, user_with
):
    incident = set_scene(phase)
    user = user_with("incidents.view_incident")
    make_assignment(incident, make_role("incident-manager"), make_person(user=user))

    assert client_of(user).post(path_of(incident, name), body).status_code == 200


@pytest.mark.parametrize(("name", "right", "phase", "body", "entry"), ACTIONS)
def test_action_on_an_incident_one_may_not_see_is_404(name, right, phase, body, entry, commander):
    incident = set_scene(phase)
    Incident.objects.update(is_private=True)

    assert refusal(commander.post(path_of(incident, name), body)) == (404, "not_found", [])
    assert not TimelineEntry.objects.exists()


@pytest.mark.parametrize(
    ("name", "phase", "body", "code"),
    [
        ("acknowledge", Phase.DISMISSED, {}, "phase_not_allowed"),
        ("acknowledge", Phase.DIAGNOSING, {}, "already_acknowledged"),
        ("declare", Phase.CLOSED, {"severity": "sev3", "reason": "Seen."}, "phase_not_allowed"),
        ("advance", Phase.CLOSED, {"phase": "diagnosing"}, "phase_not_allowed"),
        ("advance", Phase.MOBILIZING, {"phase": "closed"}, "phase_not_allowed"),
        ("advance", Phase.MOBILIZING, {"phase": "diagnosing"}, "something_missing"),
        ("restore", Phase.DETECTED, {"summary": "x"}, "phase_not_allowed"),
        ("start-learning", Phase.DIAGNOSING, {}, "phase_not_allowed"),
        ("close", Phase.CLOSED, {"summary": "x"}, "phase_not_allowed"),
        ("dismiss", Phase.CLOSED, {"reason": "x"}, "phase_not_allowed"),
        ("reopen", Phase.DETECTED, {"phase": "restoring", "reason": "x"}, "phase_not_allowed"),
        ("roles", Phase.CLOSED, {"role": "scribe", **ANA}, "incident_ended"),
        ("request-responder", Phase.CLOSED, ANA, "incident_ended"),
        ("request-responder", Phase.DIAGNOSING, {"person": "engaged"}, "already_requested"),
        ("release", Phase.DIAGNOSING, ANA, "not_engaged"),
    ],
)
def test_change_that_the_state_does_not_allow_is_409(name, phase, body, code, commander):
    incident = set_scene(phase)
    make_role("incident-manager", required_from=make_severity(3))

    assert refusal(commander.post(path_of(incident, name), body)) == (409, code, [])
    incident.refresh_from_db()
    assert incident.phase == phase
    assert not TimelineEntry.objects.exists()


@pytest.mark.parametrize(
    ("name", "phase", "body", "field"),
    [
        ("declare", Phase.DETECTED, {"severity": "sev99"}, "severity"),
        ("declare", Phase.DETECTED, {"extent": "none"}, "extent"),
        ("advance", Phase.MOBILIZING, {}, "phase"),
        ("advance", Phase.MOBILIZING, {"phase": "panic"}, "phase"),
        ("restore", Phase.RESTORING, {}, "summary"),
        ("restore", Phase.RESTORING, {"summary": "  "}, "summary"),
        ("dismiss", Phase.DETECTED, {}, "reason"),
        ("reopen", Phase.RESTORED, {"phase": "restoring"}, "reason"),
        ("change-severity", Phase.DIAGNOSING, {"severity": "sev99"}, "severity"),
        ("change-severity", Phase.DIAGNOSING, {"severity": "sev4"}, "reason"),
        ("timeline", Phase.DIAGNOSING, {"text": ""}, "text"),
        ("timeline", Phase.DIAGNOSING, {"text": "x", "happened_at": "2999-01-01T00:00Z"}, None),
        ("roles", Phase.DIAGNOSING, {"role": "jester", **ANA}, "role"),
        ("roles", Phase.DIAGNOSING, {"role": "scribe", "person": "nobody"}, "person"),
        ("request-responder", Phase.DIAGNOSING, {}, "person"),
        ("request-responder", Phase.DIAGNOSING, {**ANA, "team": "ops"}, "person"),
        ("request-responder", Phase.DIAGNOSING, {**ANA, "purpose": "cheer"}, "purpose"),
        ("release", Phase.DIAGNOSING, {"person": "nobody"}, "person"),
    ],
)
def test_input_that_makes_no_sense_is_400_on_its_field(name, phase, body, field, commander):
    incident = set_scene(phase)
    make_severity(4)
    make_team(slug="ops")

    answer = commander.post(path_of(incident, name), body)

    assert refusal(answer) == (400, "invalid", [field or "happened_at"])
    assert not TimelineEntry.objects.exists()


def test_declaring_takes_the_severity_from_the_two_answers(commander):
    extent, degree = make_severity_rule(make_severity(1))
    incident = make_incident()

    commander.post(path_of(incident, "declare"), {"extent": extent.slug, "degree": degree.slug})

    incident.refresh_from_db()
    assert (incident.phase, incident.severity.slug) == (Phase.MOBILIZING, "sev1")


@pytest.mark.parametrize("whom", ["team", "service"])
def test_team_or_on_call_is_asked_for_help(whom, commander):
    ana = make_person(slug="ana")
    make_team(slug="ops", members=[ana])
    make_service(slug="checkout", policy=make_policy(ana))
    incident = make_incident(phase=Phase.DIAGNOSING)
    body = {"team": {"team": "ops"}, "service": {"service": "checkout"}}[whom]

    commander.post(path_of(incident, "request-responder"), {**body, "message": "Please look."})

    [request] = incident.responders.all()
    assert (request.person, request.message) == (ana, "Please look.")
