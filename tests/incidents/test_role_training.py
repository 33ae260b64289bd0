"""Roles that ask for training: nobody is blocked at night, and the record says what was done."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from incidents.models import Incident, Role, RoleAssignment, TimelineEntry
from incidents.roles import RoleError, assign_role, fill_roles_from_roster
from roster.actors import Actor
from roster.models import Person, Qualification, QualificationException
from tests.factories.api import client_of
from tests.factories.incidents import make_incident, make_role, make_severity
from tests.factories.qualifications import make_grant, make_qualification
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db

RUTH = Actor(person=None, name="Ruth Adeyemi", via="admin")


@pytest.fixture
def command() -> Qualification:
    return make_qualification(name="Command")


@pytest.fixture
def role(command: Qualification) -> Role:
    return make_role("incident-manager", name="Incident manager", qualification=command)


@pytest.fixture
def lena() -> Person:
    return make_person(name="Lena Vogt", slug="lena")


def exceptions() -> list[tuple[str, str, str]]:
    rows = QualificationException.objects.order_by("pk")
    return [(row.person.name, row.where, row.reason) for row in rows]


def test_trained_person_takes_the_role_without_more_ado(
    role: Role, command: Qualification, lena: Person, now: datetime
) -> None:
    make_grant(lena, command)

    assign_role(make_incident(), role, lena, by=RUTH, at=now)

    assert RoleAssignment.objects.get().person == lena
    assert exceptions() == []


def test_untrained_person_needs_a_reason(role: Role, lena: Person, now: datetime) -> None:
    incident = make_incident()

    with pytest.raises(RoleError) as refusal:
        assign_role(incident, role, lena, by=RUTH, at=now)

    assert refusal.value.code == "not_qualified"
    assert refusal.value.message == (
        "Lena Vogt does not hold “Command”. Choose somebody else, or say why it is all right this"
        " time."
    )
    assert not RoleAssignment.objects.exists()


def test_untrained_person_with_a_reason_is_on_the_timeline_and_in_the_log(
    role: Role, lena: Person, now: datetime
) -> None:
    incident = make_incident()

    assign_role(incident, role, lena, by=RUTH, at=now, override_reason="Nobody else is awake")

    entry = TimelineEntry.objects.get(incident=incident)
    assert entry.data["overridden"] == ["Lena Vogt does not hold “Command”."]
    assert entry.data["override_reason"] == "Nobody else is awake"
    where = f"Incident manager of {incident.reference}"
    assert exceptions() == [("Lena Vogt", where, "Nobody else is awake")]


def test_log_does_not_tell_of_private_incidents(role: Role, lena: Person, now: datetime) -> None:
    incident = make_incident(is_private=True)

    assign_role(incident, role, lena, by=RUTH, at=now, override_reason="Payroll data")

    expected = ("Lena Vogt", "Incident manager", "See the timeline of the incident.")
    assert exceptions() == [expected]


def test_whoever_is_on_call_takes_the_role_trained_or_not(
    command: Qualification, lena: Person, now: datetime
) -> None:
    severity = make_severity(1)
    make_role(
        "imoc",
        name="IMOC",
        required_from=severity,
        schedule=make_schedule(lena),
        qualification=command,
    )
    incident = make_incident(severity=severity)

    filled = fill_roles_from_roster(incident, by=RUTH, at=now)

    assert [row.person for row in filled] == [lena]
    where = f"IMOC of {incident.reference}"
    assert exceptions() == [("Lena Vogt", where, "Was on call when the role was filled.")]


def test_first_to_acknowledge_is_never_asked_for_a_reason(
    command: Qualification, lena: Person, now: datetime
) -> None:
    make_role("first-responder", name="First responder", qualification=command)
    incident = make_incident(phase="detected")

    incident.acknowledge(by=Actor.of_person(lena), at=now)

    assert RoleAssignment.objects.get().person == lena
    assert [reason for _, _, reason in exceptions()] == ["Was the first to acknowledge."]


# --- On the page and over the API ------------------------------------------------------------


def test_dialog_asks_for_the_reason_only_then_and_keeps_what_was_typed(
    role: Role, lena: Person, client: Client, user_with: Callable[..., User]
) -> None:
    client.force_login(user_with("incidents.view_incident", "incidents.assign_role_incident"))
    incident = make_incident()
    url = reverse("admin:incidents_incident_do", args=[incident.pk, "assign-role"])
    typed = {"role": role.pk, "person": "lena", "note": "Take over"}

    first = client.get(url).content.decode()
    refused = client.post(url, typed).content.decode()
    client.post(url, {**typed, "override_reason": "Nobody else is awake"})

    assert 'name="override_reason"' not in first
    assert "Lena Vogt does not hold “Command”." in refused
    assert 'name="override_reason"' in refused
    assert "Take over" in refused
    assert Incident.objects.get().manager() == lena


def test_api_takes_the_reason(role: Role, lena: Person, user_with: Callable[..., User]) -> None:
    machine = client_of(user_with("incidents.view_incident", "incidents.assign_role_incident"))
    url = f"/api/v1/incidents/{make_incident().reference}/roles"
    asked = {"role": role.slug, "person": lena.slug}

    refused = machine.post(url, asked)
    done = machine.post(url, {**asked, "override_reason": "Nobody else is awake"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_qualified")
    assert done.status_code == 200
    assert RoleAssignment.objects.get().person == lena
