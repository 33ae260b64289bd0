from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from incidents.models import Alert, Incident, Integration, Phase, Role, Service
from incidents.models.integrations import digest_of
from incidents.permissions import PERMISSIONS
from roster.actors import Actor
from roster.models import IdempotencyRecord
from tests.factories.api import client_of, refusal, slugs
from tests.factories.incidents import (
    make_alert,
    make_assignment,
    make_change,
    make_incident,
    make_integration,
    make_responder,
    make_role,
    make_service,
    make_severity,
)
from tests.factories.roster import make_person, make_policy, make_team

pytestmark = pytest.mark.django_db

type UserWith = Callable[..., User]
VIEWS = [
    f"incidents.view_{what}"
    for what in ("incident", "alert", "change", "service", "severity", "role", "integration")
]


@pytest.fixture
def reader(user_with: UserWith) -> APIClient:
    return client_of(user_with(*VIEWS, username="reader"))


@pytest.fixture
def commander(user_with: UserWith) -> APIClient:
    return client_of(user_with(*VIEWS, *PERMISSIONS.values(), username="commander"))


def path_of(incident: Incident, *more: str) -> str:
    return "/".join(["/api/v1/incidents", incident.reference, *more])


def references(response) -> list[str]:
    return [row["reference"] for row in response.json()["results"]]


# --- Reading -------------------------------------------------------------------------------------

LISTS = ["incidents", "alerts", "changes", "services", "severities", "roles", "integrations"]


@pytest.mark.parametrize("what", LISTS)
def test_reading_needs_a_login_and_the_right_to_view(what, user_with):
    assert refusal(APIClient().get(f"/api/v1/{what}")) == (401, "not_authenticated", [])
    assert refusal(client_of(user_with()).get(f"/api/v1/{what}"))[:2] == (
        403,
        "permission_denied",
    )


def fill_incidents() -> None:
    incident = make_incident(phase=Phase.DIAGNOSING, services=[make_service(), make_service()])
    manager = Role.objects.filter(slug="incident-manager").first()
    make_assignment(incident, manager or make_role("incident-manager"))


def fill_services() -> None:
    make_service(policy=make_policy()).depends_on.add(make_service())


def fill_roles() -> None:
    make_role(required_from=make_severity())


@pytest.mark.parametrize(
    ("what", "fill", "queries"),
    [
        ("incidents", fill_incidents, 6),
        ("alerts", make_alert, 4),
        ("changes", make_change, 4),
        ("services", fill_services, 6),
        ("severities", lambda: make_severity(), 4),
        ("roles", fill_roles, 4),
        ("integrations", make_integration, 5),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_the_same_queries_whatever_its_length(
    rows: int,
    what: str,
    fill: Callable[[], object],
    queries: int,
    reader: APIClient,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    for _ in range(rows):
        fill()

    with django_assert_num_queries(queries):
        assert reader.get(f"/api/v1/{what}").status_code == 200


def record_note(incident: Incident) -> None:
    by = Actor.of_person(make_person())
    incident.note("We look.", by=by, at=incident.detected_at)


@pytest.mark.parametrize(
    ("what", "add", "queries"),
    [
        ("timeline", record_note, 7),
        ("responders", make_responder, 7),
        ("roles", lambda incident: make_assignment(incident, make_role()), 7),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_list_of_an_incident_takes_the_same_queries(
    rows: int,
    what: str,
    add: Callable[[Incident], object],
    queries: int,
    reader: APIClient,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    incident = make_incident(phase=Phase.DIAGNOSING)
    for _ in range(rows):
        add(incident)

    with django_assert_num_queries(queries):
        answer = reader.get(path_of(incident, what))

    assert sorted(answer.json()) == ["next", "previous", "results"]
    assert len(answer.json()["results"]) == rows


def test_incident_is_shown_by_its_reference_in_any_case(reader):
    incident = make_incident(title="Checkout errors", services=[make_service(slug="checkout")])
    make_assignment(incident, make_role("incident-manager"), make_person(slug="ana"))

    shown = reader.get(f"/api/v1/incidents/{incident.reference.lower()}").json()

    assert {name: shown[name] for name in ("reference", "title", "phase", "services")} == {
        "reference": incident.reference,
        "title": "Checkout errors",
        "phase": "detected",
        "services": ["checkout"],
    }
    assert (shown["manager"], shown["detected_at"]) == ("ana", "2026-03-02T09:00:00Z")


@pytest.mark.parametrize("reference", ["INC-1", "PM-7", "INC-99999999999999999999", "INC-x", "7"])
def test_incident_that_is_not_there_is_404(reference, reader):
    assert refusal(reader.get(f"/api/v1/incidents/{reference}")) == (404, "not_found", [])


def test_severities_come_worst_first(reader):
    for rank in (2, 1, 3):
        make_severity(rank)

    first = reader.get("/api/v1/severities?page_size=2")

    assert slugs(first) == ["sev1", "sev2"]
    assert slugs(reader.get(first.json()["next"])) == ["sev3"]


def test_incidents_are_narrowed(reader):
    checkout = make_service(slug="checkout")
    live = make_incident(severity=make_severity(1), services=[checkout])
    drill = make_incident(kind="drill", phase=Phase.RESTORED, services=[checkout])
    closed = make_incident(phase=Phase.CLOSED, detected_at=live.detected_at.replace(year=2025))

    def found(query: str) -> list[str]:
        return references(reader.get(f"/api/v1/incidents?{query}"))

    assert found("open=true") == [drill.reference, live.reference]
    assert found("open=false") == [closed.reference]
    assert found("phase=closed&phase=detected") == [closed.reference, live.reference]
    assert found("severity=sev1") == [live.reference]
    assert found("service=checkout&kind=drill") == [drill.reference]
    assert found("detected_before=2026-01-01T00:00:00Z") == [closed.reference]
    assert found("detected_after=2026-03-02T09:00:00Z") == [drill.reference, live.reference]


@pytest.mark.parametrize(
    ("what", "query", "field"),
    [
        ("incidents", "open=perhaps", "open"),
        ("incidents", "phase=panic", "phase"),
        ("incidents", "severity=sev99", "severity"),
        ("incidents", "service=nowhere", "service"),
        ("incidents", "kind=circus", "kind"),
        ("incidents", "detected_after=yesterday", "detected_after"),
        ("alerts", "state=loud", "state"),
        ("alerts", "integration=none", "integration"),
        ("alerts", "service=none", "service"),
        ("services", "team=none", "team"),
        ("services", "tier=high", "tier"),
    ],
)
def test_list_refuses_nonsense_by_name(what, query, field, reader):
    assert refusal(reader.get(f"/api/v1/{what}?{query}")) == (400, "invalid", [field])


def test_alerts_are_narrowed(reader):
    integration, _ = make_integration(slug="prometheus")
    firing = make_alert(integration=integration)
    make_alert(integration=integration, state=Alert.State.RESOLVED)
    make_alert()

    answer = reader.get("/api/v1/alerts?integration=prometheus&state=firing").json()

    assert [row["id"] for row in answer["results"]] == [firing.pk]


# --- Private incidents ---------------------------------------------------------------------------


def test_private_incident_is_nowhere_for_the_uninvited(commander):
    secret = make_incident(is_private=True, phase=Phase.DIAGNOSING, title="Breach")
    alert = make_alert(secret)
    make_responder(secret)

    assert references(commander.get("/api/v1/incidents")) == []
    assert commander.get("/api/v1/alerts").json()["results"] == []
    assert refusal(commander.get(f"/api/v1/alerts/{alert.pk}"))[0] == 404
    assert refusal(commander.patch(path_of(secret), {"title": "X"}))[0] == 404
    for part in ("", "timeline", "responders", "roles"):
        assert refusal(commander.get(path_of(secret, part)))[0] == 404


@pytest.mark.parametrize("involved", [False, True])
def test_private_incident_is_shown_to_the_invited(involved, user_with):
    secret = make_incident(is_private=True, phase=Phase.DIAGNOSING)
    rights = [] if involved else ["incidents.view_private_incident"]
    user = user_with(*VIEWS, *rights)
    if involved:
        make_responder(secret, make_person(user=user))

    assert references(client_of(user).get("/api/v1/incidents")) == [secret.reference]
    assert client_of(user).get(path_of(secret, "timeline")).status_code == 200


# --- Entering and describing ---------------------------------------------------------------------


def detection(**given: object) -> dict[str, object]:
    return {"title": "Checkout errors", "services": ["checkout"], "severity": "sev3", **given}


def test_incident_is_entered_and_its_policy_pages(commander):
    make_service(slug="checkout", policy=make_policy(make_person()))
    make_severity(3)

    response = commander.post("/api/v1/incidents", detection())

    incident = Incident.objects.get()
    assert response.status_code == 201
    assert response.json()["reference"] == incident.reference
    assert (incident.phase, incident.detected_by_name) == (Phase.DETECTED, "commander")
    assert incident.escalations.count() == 1


def test_private_incident_is_answered_once_to_whoever_reports_it(commander):
    make_service(slug="checkout")
    make_severity(3)

    response = commander.post("/api/v1/incidents", detection(is_private=True))

    assert (response.status_code, response.json()["is_private"]) == (201, True)
    assert refusal(commander.get(path_of(Incident.objects.get())))[0] == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"services": []}, "services"),
        ({"services": ["nowhere"]}, "services"),
        ({"severity": "sev99"}, "severity"),
        ({"kind": "circus"}, "kind"),
        ({"source": "rumour"}, "source"),
    ],
)
def test_incident_that_makes_no_sense_is_not_entered(wrong, field, commander):
    make_service(slug="checkout")
    make_severity(3)

    answer = commander.post("/api/v1/incidents", detection(**wrong))

    assert refusal(answer) == (400, "invalid", [field])
    assert not Incident.objects.exists()


def test_description_is_changed_with_an_entry(commander):
    incident = make_incident()

    response = commander.patch(path_of(incident), {"summary": "A full disk."})

    incident.refresh_from_db()
    assert (response.status_code, incident.summary) == (200, "A full disk.")
    assert [entry.kind for entry in incident.timeline.all()] == ["details_changed"]


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "closed"},
        {"severity": "sev1"},
        {"restored_at": "2026-01-01T00:00:00Z"},
        {"is_private": True},
        {"reference": "INC-1"},
    ],
)
def test_description_never_changes_phase_severity_or_milestones(change, commander):
    make_severity(1)
    incident = make_incident()
    before = Incident.objects.values().get()

    commander.patch(path_of(incident), change)

    assert Incident.objects.values().get() == before
    assert not incident.timeline.exists()


@pytest.mark.parametrize("field", ["title", "bridge_url"])
def test_description_is_checked(field, commander):
    wrong = {"title": "", "bridge_url": "not an address"}

    answer = commander.patch(path_of(make_incident()), {field: wrong[field]})

    assert refusal(answer) == (400, "invalid", [field])


def test_incident_is_neither_replaced_nor_deleted(commander):
    incident = make_incident()

    assert refusal(commander.put(path_of(incident), {})) == (405, "method_not_allowed", [])
    assert refusal(commander.delete(path_of(incident))) == (405, "method_not_allowed", [])


# --- Services and integrations -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"tier": 5}, "tier"),
        ({"owner_team": "none"}, "owner_team"),
        ({"runbook_url": "wiki"}, "runbook_url"),
        ({"slug": "taken"}, "slug"),
        ({"depends_on": ["none"]}, "depends_on"),
    ],
)
def test_service_is_checked_as_in_the_admin(wrong, field, user_with):
    client = client_of(user_with("incidents.add_service"))
    make_service(slug="taken", owner_team=make_team(slug="ops"))
    given = {"slug": "checkout", "name": "Checkout", "owner_team": "ops"}

    assert refusal(client.post("/api/v1/services", given | wrong)) == (400, "invalid", [field])
    assert client.post("/api/v1/services", given).status_code == 201
    assert Service.objects.filter(slug="checkout", owner_team__slug="ops").exists()


def test_integration_shows_its_key_once_and_keeps_it_nowhere(user_with):
    client = client_of(user_with("incidents.add_integration", "incidents.view_integration"))
    make_service(slug="checkout")
    given = {"slug": "prometheus", "name": "Prometheus", "service": "checkout"}

    first = client.post("/api/v1/integrations", given, headers={"Idempotency-Key": "k"})
    again = client.post("/api/v1/integrations", given, headers={"Idempotency-Key": "k"})

    key = first.json()["key"]
    assert Integration.objects.get().keys.get().digest == digest_of(key)
    assert (again.status_code, "key" in again.json()) == (201, False)
    assert key not in str(IdempotencyRecord.objects.values())
    assert key not in client.get("/api/v1/integrations").content.decode()
