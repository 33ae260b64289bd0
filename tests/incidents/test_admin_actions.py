"""Everything that can be done on the incident page: who may, and what it does, on POST alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from incidents.admin.desk import ACTIONS
from incidents.models import (
    Acknowledgement,
    Incident,
    Page,
    Phase,
    Responder,
    TimelineEntry,
)
from roster.actors import Actor
from tests.factories.incidents import (
    make_assignment,
    make_incident,
    make_page,
    make_responder,
    make_role,
    make_service,
    make_severity,
    make_severity_rule,
)
from tests.factories.roster import make_person, make_policy, make_team

pytestmark = pytest.mark.django_db
UserWith = Callable[..., User]
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@dataclass(frozen=True)
class Case:
    """One action on an incident in `phase`: what is typed, who may, and the entry it writes."""

    slug: str
    phase: str
    permission: str
    values: Callable[[Incident], dict[str, Any]]
    entry: str


def nothing(incident: Incident) -> dict[str, Any]:
    return {}


def answers(incident: Incident) -> dict[str, Any]:
    extent, degree = make_severity_rule(make_severity(2))
    return {"extent": extent.pk, "degree": degree.pk, "title": "Checkout is down"}


def somebody(incident: Incident) -> dict[str, Any]:
    return {"person": make_person(slug="ada").slug, "purpose": "mitigate"}


def role_and_person(incident: Incident) -> dict[str, Any]:
    return {"role": make_role("scribe").pk, "person": make_person(slug="ada").slug}


def holder(incident: Incident) -> dict[str, Any]:
    return {"assignment": make_assignment(incident, make_role("scribe")).pk}


def of_responder(state: str) -> Callable[[Incident], dict[str, Any]]:
    return lambda incident: {
        "responder": make_responder(incident, state=state).pk,
        "reason": "Enough people",
    }


def of_page(incident: Incident) -> dict[str, Any]:
    return {"page": make_page(incident).pk}


def held(incident: Incident) -> dict[str, Any]:
    Acknowledgement.stand(incident, by=Actor.system("tests"), at=NOW)
    return {}


CASES = [
    Case("acknowledge", Phase.DETECTED, "acknowledge", nothing, "incident_acknowledged"),
    Case("declare", Phase.DETECTED, "declare", answers, "incident_declared"),
    Case(
        "advance",
        Phase.MOBILIZING,
        "advance",
        lambda incident: {"phase": "diagnosing"},
        "phase_changed",
    ),
    Case(
        "restore",
        Phase.RESTORING,
        "restore",
        lambda incident: {"summary": "Rolled back."},
        "incident_restored",
    ),
    Case("learn", Phase.RESTORED, "advance", nothing, "phase_changed"),
    Case(
        "close",
        Phase.LEARNING,
        "close",
        lambda incident: {"summary": "A bad release."},
        "incident_closed",
    ),
    Case(
        "dismiss",
        Phase.DETECTED,
        "dismiss",
        lambda incident: {"reason": "A test."},
        "incident_dismissed",
    ),
    Case(
        "reopen",
        Phase.RESTORED,
        "advance",
        lambda incident: {"phase": "restoring", "reason": "It came back."},
        "incident_reopened",
    ),
    Case(
        "severity",
        Phase.DIAGNOSING,
        "classify",
        lambda incident: {"severity": make_severity(1).pk, "reason": "Data is lost."},
        "severity_changed",
    ),
    Case(
        "resolve-first-line",
        Phase.DETECTED,
        "declare",
        lambda incident: {"summary": "Restarted it."},
        "resolved_at_first_line",
    ),
    Case(
        "escalate-to-team",
        Phase.DETECTED,
        "request_responder",
        lambda incident: {"team": make_team(members=[make_person()]).pk},
        "escalated_to_team",
    ),
    Case("page", Phase.MOBILIZING, "request_responder", nothing, "escalation_started"),
    Case("escalate", Phase.DETECTED, "acknowledge", nothing, "escalated"),
    Case(
        "snooze",
        Phase.DETECTED,
        "acknowledge",
        lambda incident: {"minutes": "15"},
        "incident_snoozed",
    ),
    Case("confirm", Phase.DETECTED, "acknowledge", held, "acknowledgement_confirmed"),
    Case("acknowledge-page", Phase.DETECTED, "acknowledge", of_page, "page_acknowledged"),
    Case("decline-page", Phase.DETECTED, "acknowledge", of_page, "page_declined"),
    Case("assign-role", Phase.MOBILIZING, "assign_role", role_and_person, "role_assigned"),
    Case("end-role", Phase.MOBILIZING, "assign_role", holder, "role_ended"),
    Case("request", Phase.MOBILIZING, "request_responder", somebody, "responder_requested"),
    Case(
        "acknowledge-request",
        Phase.MOBILIZING,
        "release_responder",
        of_responder("requested"),
        "responder_acknowledged",
    ),
    Case(
        "decline-request",
        Phase.MOBILIZING,
        "release_responder",
        of_responder("requested"),
        "responder_declined",
    ),
    Case(
        "leave",
        Phase.MOBILIZING,
        "release_responder",
        of_responder("acknowledged"),
        "responder_asked_to_leave",
    ),
    Case(
        "release",
        Phase.MOBILIZING,
        "release_responder",
        of_responder("acknowledged"),
        "responder_released",
    ),
    Case(
        "ask-again",
        Phase.MOBILIZING,
        "request_responder",
        of_responder("released"),
        "responder_requested",
    ),
    Case(
        "note", Phase.CLOSED, "note", lambda incident: {"text": "It was the cache."}, "note_added"
    ),
    Case(
        "milestone",
        Phase.MOBILIZING,
        "edit",
        lambda incident: {
            "name": "impact_began_at",
            "moment": "2026-03-02T08:55:00",
            "reason": "The graph says so.",
        },
        "milestone_corrected",
    ),
]
PERMISSIONS = {"edit": "incidents.change_incident"}


def permission_of(case: Case) -> str:
    return PERMISSIONS.get(case.permission, f"incidents.{case.permission}_incident")


def url_of(incident: Incident, slug: str) -> str:
    return reverse("admin:incidents_incident_do", args=[incident.pk, slug])


def kinds(incident: Incident) -> set[str]:
    return set(TimelineEntry.objects.filter(incident=incident).values_list("kind", flat=True))


def test_every_action_of_this_app_is_tested() -> None:
    own = {slug for slug, action in ACTIONS.items() if action.__module__.startswith("incidents.")}
    apart = {"assemble", "edit", "fill-roles", "release-all"}  # below, and in test_lookups

    assert own - apart == {case.slug for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_action_shows_its_form_and_changes_nothing_on_get(
    case: Case, client: Client, user_with: UserWith
) -> None:
    incident = make_incident(phase=case.phase)
    client.force_login(user_with("incidents.view_incident", permission_of(case)))

    response = client.get(url_of(incident, case.slug), case.values(incident))

    assert response.status_code == 200
    assert kinds(incident) == set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_action_is_refused_to_staff_without_permission(
    case: Case, client: Client, user_with: UserWith
) -> None:
    incident = make_incident(phase=case.phase)
    client.force_login(user_with("incidents.view_incident"))

    response = client.post(url_of(incident, case.slug), case.values(incident))

    assert response.status_code == 403
    assert kinds(incident) == set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_action_is_done_on_post_and_goes_back_to_the_incident(
    case: Case, client: Client, user_with: UserWith
) -> None:
    incident = make_incident(phase=case.phase)
    client.force_login(user_with("incidents.view_incident", permission_of(case)))

    response = client.post(url_of(incident, case.slug), case.values(incident))

    assert response.status_code == 302, response.context["form"].errors
    assert response["Location"] == incident.get_absolute_url()
    assert case.entry in kinds(incident)


def test_action_on_a_private_incident_is_not_found(client: Client, user_with: UserWith) -> None:
    incident = make_incident(is_private=True)
    client.force_login(user_with("incidents.view_incident", "incidents.note_incident"))

    response = client.post(url_of(incident, "note"), {"text": "I should not see this."})

    assert response.status_code == 404


def test_unknown_action_is_not_found(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    assert client.get(url_of(make_incident(), "explode")).status_code == 404


def test_refusal_keeps_what_was_typed(client: Client, admin_user: User) -> None:
    incident = make_incident(phase=Phase.CLOSED)
    client.force_login(admin_user)

    response = client.post(url_of(incident, "restore"), {"summary": "Rolled back."})

    assert response.status_code == 422
    assert "is already closed. Reopen it first." in response.content.decode()
    assert "Rolled back." in response.content.decode()


def test_something_missing_can_be_overridden_with_a_reason(
    client: Client, admin_user: User
) -> None:
    severity = make_severity(1)
    make_role("incident-manager", required_from=severity)
    incident = make_incident(phase=Phase.MOBILIZING, severity=severity)
    client.force_login(admin_user)

    refused = client.post(url_of(incident, "advance"), {"phase": "diagnosing"})
    done = client.post(
        url_of(incident, "advance"),
        {"phase": "diagnosing", "override_reason": "Everybody is asleep."},
    )

    assert refused.status_code == 422
    assert 'name="override_reason"' in refused.content.decode()
    assert done.status_code == 302
    incident.refresh_from_db()
    assert incident.phase == Phase.DIAGNOSING


def test_declare_overruled_without_reason_is_refused_on_the_field(
    client: Client, admin_user: User
) -> None:
    incident = make_incident()
    client.force_login(admin_user)
    typed = answers(incident) | {"severity": make_severity(1).pk}

    response = client.post(url_of(incident, "declare"), typed)

    assert response.context["form"].errors == {
        "reason": ["The matrix says SEV2. Say why it is SEV1."]
    }


def test_own_page_is_answered_without_any_permission(client: Client, user_with: UserWith) -> None:
    user = user_with("incidents.view_incident")
    page = make_page(make_incident(), make_person(user=user))
    client.force_login(user)

    response = client.post(url_of(page.incident, "acknowledge-page"), {"page": page.pk})

    assert response.status_code == 302
    page.refresh_from_db()
    assert page.state == Page.State.ACKNOWLEDGED


def test_page_of_somebody_else_is_not_answered(client: Client, user_with: UserWith) -> None:
    user = user_with("incidents.view_incident")
    incident = make_incident()
    make_page(incident, make_person(user=user))
    other = make_page(incident, make_person(name="Ada Lovelace"))
    client.force_login(user)

    response = client.post(url_of(incident, "acknowledge-page"), {"page": other.pk})

    assert response.context["form"].errors == {"page": ["This page went to Ada Lovelace."]}
    other.refresh_from_db()
    assert other.state == Page.State.PENDING


def test_incident_manager_may_without_a_permission(client: Client, user_with: UserWith) -> None:
    user = user_with("incidents.view_incident")
    incident = make_incident(phase=Phase.RESTORING)
    make_assignment(incident, make_role("incident-manager"), make_person(user=user))
    client.force_login(user)

    response = client.post(url_of(incident, "restore"), {"summary": "Rolled back."})

    assert response.status_code == 302


def test_request_wants_exactly_one_of_person_team_and_service(
    client: Client, admin_user: User
) -> None:
    incident = make_incident(phase=Phase.MOBILIZING)
    client.force_login(admin_user)

    response = client.post(url_of(incident, "request"), {"purpose": "mitigate"})

    assert response.context["form"].non_field_errors() == [
        "Choose a person, or a team, or a service: one of them."
    ]


def test_request_asks_the_on_call_of_a_service(client: Client, admin_user: User) -> None:
    person = make_person()
    service = make_service(policy=make_policy(person))
    incident = make_incident(phase=Phase.MOBILIZING)
    client.force_login(admin_user)

    client.post(url_of(incident, "request"), {"service": service.pk, "purpose": "mitigate"})

    assert [row.person for row in incident.responders.all()] == [person]


def test_fill_roles_changes_nothing_on_get(client: Client, admin_user: User) -> None:
    make_role("scribe", required_from=make_severity(3))
    incident = make_incident(phase=Phase.MOBILIZING)
    client.force_login(admin_user)

    assert client.get(url_of(incident, "fill-roles")).status_code == 200
    assert kinds(incident) == set()
    assert client.post(url_of(incident, "fill-roles")).status_code == 302
    assert kinds(incident) == {"roles_unfilled"}


def test_release_all_keeps_whom_it_should(client: Client, admin_user: User) -> None:
    incident = make_incident(phase=Phase.MOBILIZING)
    kept = make_responder(incident, state="acknowledged")
    leaving = make_responder(incident, state="acknowledged")
    client.force_login(admin_user)

    client.post(url_of(incident, "release-all"), {"keep": [kept.pk]})

    kept.refresh_from_db()
    leaving.refresh_from_db()
    assert (kept.state, leaving.state) == (Responder.State.ACKNOWLEDGED, Responder.State.RELEASED)


def as_opened(incident: Incident) -> dict[str, Any]:
    """What the browser sends for an edit form nobody has touched."""
    names = (
        "title",
        "customer_impact",
        "summary",
        "workaround",
        "suspected_cause",
        "confirmed_cause",
        "bridge_url",
        "chat_url",
        "ticket_url",
    )
    texts = {name: getattr(incident, name) for name in names}
    return texts | {f"initial-{name}": value for name, value in texts.items()}


def test_edit_writes_only_what_this_person_changed(client: Client, admin_user: User) -> None:
    incident = make_incident(summary="Before")
    typed = as_opened(incident) | {"workaround": "Reload."}
    Incident.objects.filter(pk=incident.pk).update(summary="By somebody else meanwhile")
    client.force_login(admin_user)

    response = client.post(url_of(incident, "edit"), typed)

    assert response.status_code == 302
    incident.refresh_from_db()
    assert (incident.summary, incident.workaround) == ("By somebody else meanwhile", "Reload.")


def test_edit_shows_what_somebody_else_changed_meanwhile(client: Client, admin_user: User) -> None:
    incident = make_incident(summary="Before")
    typed = as_opened(incident) | {"summary": "Mine"}
    Incident.objects.filter(pk=incident.pk).update(summary="Theirs")
    client.force_login(admin_user)

    refused = client.post(url_of(incident, "edit"), typed)
    saved = client.post(url_of(incident, "edit"), typed | {"initial-summary": "Theirs"})

    assert refused.context["form"].errors == {
        "summary": ["Somebody else has changed this meanwhile to “Theirs”."]
    }
    assert 'name="initial-summary" value="Theirs"' in refused.content.decode()
    assert saved.status_code == 302
    incident.refresh_from_db()
    assert incident.summary == "Mine"


def test_script_is_told_where_to_go(client: Client, admin_user: User) -> None:
    incident = make_incident()
    client.force_login(admin_user)

    response = client.post(
        url_of(incident, "note"), {"text": "Seen."}, headers={"X-Requested-With": "fetch"}
    )

    assert response.status_code == 204
    assert response["HX-Redirect"] == incident.get_absolute_url()


def test_next_leads_back_within_muster_only(client: Client, admin_user: User) -> None:
    incident = make_incident()
    client.force_login(admin_user)

    home = client.post(url_of(incident, "note"), {"text": "Seen.", "next": "/admin/"})
    away = client.post(url_of(incident, "note"), {"text": "Seen.", "next": "https://evil.example"})

    assert home["Location"] == "/admin/"
    assert away["Location"] == incident.get_absolute_url()
