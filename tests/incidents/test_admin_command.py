"""The page an incident is run on, the list, and declaring anew."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from incidents.models import Incident, Phase
from incidents.timeline import TimelineEntry
from roster.actors import Actor
from tests.factories.incidents import (
    DETECTED_AT,
    make_alert,
    make_assignment,
    make_change,
    make_incident,
    make_page,
    make_responder,
    make_role,
    make_service,
    make_severity,
    make_severity_rule,
)
from tests.factories.roster import make_person, make_policy

pytestmark = pytest.mark.django_db
UserWith = Callable[..., User]
LIST = "/admin/incidents/incident/"


def page_of(incident: Incident) -> str:
    return reverse("admin:incidents_incident_change", args=[incident.pk])


def fill(incident: Incident, rows: int) -> None:
    """Give an incident `rows` of everything its page shows."""
    for _ in range(rows):
        make_assignment(incident, make_role())
        make_responder(incident)
        make_responder(incident, state="acknowledged")
        make_responder(incident, state="released")
        make_page(incident)
        make_alert(incident)
        incident.services.add(service := make_service())
        make_change(service)
        TimelineEntry.record(
            incident, "note_added", by=Actor.system("Test"), at=DETECTED_AT, text="Seen."
        )


def test_page_shows_what_is_known_and_the_one_next_step(client: Client, admin_user: User) -> None:
    incident = make_incident(phase=Phase.RESTORING, title="Checkout is down")
    make_assignment(incident, make_role("incident-manager"), make_person(name="Ruth Adeyemi"))
    client.force_login(admin_user)

    html = client.get(page_of(incident)).content.decode()

    assert incident.reference in html
    assert "Checkout is down" in html
    assert "Ruth Adeyemi" in html
    assert "Mark as restored" in html


def test_page_is_found_by_reference_too(client: Client, admin_user: User) -> None:
    incident = make_incident()
    client.force_login(admin_user)

    response = client.get(reverse("admin:incidents_incident_change", args=[incident.reference]))

    assert response.context["incident"] == incident


def test_page_of_private_incident_is_not_found(client: Client, user_with: UserWith) -> None:
    incident = make_incident(is_private=True)
    client.force_login(user_with("incidents.view_incident", "incidents.change_incident"))

    assert client.get(page_of(incident)).status_code == 404


def test_page_of_private_incident_shows_to_who_works_on_it(
    client: Client, user_with: UserWith
) -> None:
    user = user_with("incidents.view_incident")
    incident = make_incident(is_private=True)
    make_responder(incident, make_person(user=user))
    client.force_login(user)

    assert client.get(page_of(incident)).status_code == 200


def test_page_needs_the_permission_to_view(client: Client, user_with: UserWith) -> None:
    client.force_login(user_with())

    assert client.get(page_of(make_incident())).status_code == 403


def test_page_offers_nothing_to_who_may_only_look(client: Client, user_with: UserWith) -> None:
    incident = make_incident(phase=Phase.DIAGNOSING)
    fill(incident, 1)
    client.force_login(user_with("incidents.view_incident"))

    html = client.get(page_of(incident)).content.decode()

    assert "/do/" not in html


@pytest.mark.parametrize("rows", [1, 3])
def test_page_takes_the_same_queries_for_any_number_of_rows(
    rows: int, client: Client, user_with: UserWith, django_assert_num_queries: Any
) -> None:
    incident = make_incident(phase=Phase.DIAGNOSING)
    fill(incident, rows)
    rights = ("view_incident", "note_incident", "view_change")
    client.force_login(user_with(*(f"incidents.{right}" for right in rights)))

    with django_assert_num_queries(31):
        client.get(page_of(incident))


def test_page_answers_the_script_with_the_inside_only(client: Client, admin_user: User) -> None:
    incident = make_incident()
    client.force_login(admin_user)

    response = client.get(page_of(incident), headers={"X-Requested-With": "fetch"})

    assert "<html" not in response.content.decode()
    assert 'id="panel-head"' in response.content.decode()


def test_page_tells_the_script_when_nothing_changed(
    client: Client, admin_user: User, clock: Any
) -> None:
    incident = make_incident()
    client.force_login(admin_user)
    tag = client.get(page_of(incident))["ETag"]
    asking = {"X-Requested-With": "fetch", "If-None-Match": tag}

    unchanged = client.get(page_of(incident), headers=asking)
    incident.note("Seen.", by=Actor.system("Test"), at=DETECTED_AT)
    changed = client.get(page_of(incident), headers=asking)

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert changed.status_code == 200


def test_page_shows_the_next_step_as_one_click_where_nothing_is_asked(
    client: Client, admin_user: User
) -> None:
    incident = make_incident()
    client.force_login(admin_user)

    step = client.get(page_of(incident)).context["step"]

    assert (step["step"].code, step["is_at_once"]) == ("acknowledge", True)


def test_timeline_text_is_escaped(client: Client, admin_user: User) -> None:
    incident = make_incident(title="<b>Bold</b>")
    incident.note("<script>alert(1)</script>", by=Actor.system("<i>Eve</i>"), at=DETECTED_AT)
    client.force_login(admin_user)

    html = client.get(page_of(incident)).content.decode()

    assert "<script>alert(1)" not in html
    assert "<b>Bold" not in html
    assert "<i>Eve" not in html


@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_the_same_queries_for_any_number_of_rows(
    rows: int, client: Client, user_with: UserWith, django_assert_num_queries: Any
) -> None:
    for _ in range(rows):
        make_incident(services=[make_service()])
    client.force_login(user_with("incidents.view_incident"))

    with django_assert_num_queries(11):
        client.get(LIST)


@pytest.mark.parametrize("term", ["INC-77", "inc-77", "77", "search"])
def test_list_is_searched_by_reference_and_title(
    term: str, client: Client, admin_user: User
) -> None:
    wanted = make_incident(number=77, title="Search is slow")
    make_incident(number=177)
    client.force_login(admin_user)

    assert list(client.get(LIST, {"q": term}).context["cl"].result_list) == [wanted]


def test_list_leaves_out_private_incidents(client: Client, user_with: UserWith) -> None:
    make_incident(is_private=True)
    shown = make_incident()
    client.force_login(user_with("incidents.view_incident"))

    assert list(client.get(LIST).context["cl"].result_list) == [shown]


@pytest.mark.parametrize(
    ("stage", "count"), [("live", 1), ("open", 2), ("ended", 1)], ids=["live", "open", "ended"]
)
def test_list_is_filtered_by_stage(
    stage: str, count: int, client: Client, admin_user: User
) -> None:
    for phase in (Phase.DIAGNOSING, Phase.RESTORED, Phase.CLOSED):
        make_incident(phase=phase)
    client.force_login(admin_user)

    assert client.get(LIST, {"stage": stage}).context["cl"].result_count == count


def test_incident_is_never_deleted(client: Client, admin_user: User) -> None:
    incident = make_incident()
    client.force_login(admin_user)

    url = reverse("admin:incidents_incident_delete", args=[incident.pk])
    assert client.post(url, {"post": "yes"}).status_code == 403


# --- Declaring anew -------------------------------------------------------------------------


def new(**typed: object) -> dict[str, object]:
    extent, degree = make_severity_rule(make_severity(2))
    answers = {"extent": extent.pk, "degree": degree.pk, "title": "Checkout is down"}
    return answers | {"source": "customer", "kind": "unplanned"} | typed


def test_new_incident_is_opened_declared_and_help_is_asked_for(
    client: Client, admin_user: User
) -> None:
    person = make_person()
    service = make_service(policy=make_policy(person))
    client.force_login(admin_user)

    response = client.post(f"{LIST}add/", new(services=[service.pk], ask_on_call="on"))

    incident = Incident.objects.get()
    assert response["Location"] == incident.get_absolute_url()
    assert (incident.phase, incident.severity.name) == (Phase.MOBILIZING, "SEV2")
    assert (incident.title, incident.source) == ("Checkout is down", "customer")
    assert [row.person for row in incident.responders.all()] == [person]


def test_new_incident_overruled_without_reason_opens_nothing(
    client: Client, admin_user: User
) -> None:
    client.force_login(admin_user)

    response = client.post(f"{LIST}add/", new(severity=make_severity(1).pk))

    assert response.context["form"].errors == {
        "reason": ["The matrix says SEV2. Say why it is SEV1."]
    }
    assert not Incident.objects.exists()


def test_new_incident_is_opened_by_post_only(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    assert client.get(f"{LIST}add/", new()).status_code == 200
    assert not Incident.objects.exists()


def test_new_incident_needs_the_permission_to_declare(client: Client, user_with: UserWith) -> None:
    client.force_login(user_with("incidents.view_incident", "incidents.add_incident"))

    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}add/", new()).status_code == 403
