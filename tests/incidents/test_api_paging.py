"""Answering and steering pages through the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from incidents.models import Acknowledgement, Incident, Page, TimelineEntry
from tests.factories.incidents import make_incident, make_page, make_service
from tests.factories.roster import make_person, make_policy

pytestmark = pytest.mark.django_db
Posts = Callable[..., Any]


@pytest.fixture
def incident(db: None) -> Incident:
    policy = make_policy(make_person(slug="ada"), make_person(slug="ben"))
    return make_incident(number=142, services=[make_service(policy=policy)])


@pytest.fixture
def post(user_with: Callable[..., User]) -> Posts:
    client = APIClient()
    client.force_authenticate(
        user_with("incidents.view_incident", "incidents.acknowledge_incident")
    )

    def send(action: str, **values: object) -> Any:
        return client.post(f"/api/v1/incidents/INC-142/{action}", values, format="json")

    return send


def kinds() -> set[str]:
    return set(TimelineEntry.objects.values_list("kind", flat=True))


def test_escalate(post: Posts, incident: Incident) -> None:
    response = post("escalate", reason="It spreads.")

    assert response.status_code == 200
    assert TimelineEntry.objects.get(kind="escalated").text == "It spreads."


def test_snooze_for_minutes_or_until(post: Posts, incident: Incident) -> None:
    assert post("snooze", minutes=30).status_code == 200
    assert Acknowledgement.objects.standing().get().until is not None

    assert post("snooze", minutes=30, until="2027-01-01T00:00:00Z").status_code == 400
    assert post("snooze").status_code == 400
    assert post("snooze", minutes=0).status_code == 400
    assert post("snooze", until="2001-01-01T00:00:00Z").status_code in {400, 409}


def test_confirm_needs_somebody_who_has_it(post: Posts, incident: Incident) -> None:
    assert post("confirm").status_code == 409

    post("acknowledge")

    assert post("confirm").status_code == 200
    assert "acknowledgement_confirmed" in kinds()


def test_pages_are_read_and_answered(post: Posts, incident: Incident) -> None:
    page = make_page(incident, make_person(slug="cem"))

    assert post("acknowledge-page", page=page.pk).status_code == 200

    page.refresh_from_db()
    assert (page.state, page.acknowledged_via) == ("acknowledged", "api")


def test_page_is_declined(post: Posts, incident: Incident) -> None:
    page = make_page(incident, make_person(slug="cem"))

    assert post("decline-page", page=page.pk, reason="Away.").status_code == 200
    assert post("decline-page", page=page.pk).status_code == 409

    assert Page.objects.get().state == "declined"


def test_page_of_another_incident_is_not_found(post: Posts, incident: Incident) -> None:
    assert post("acknowledge-page", page=make_page().pk).status_code == 404


@pytest.mark.parametrize("action", ["escalate", "snooze", "confirm", "acknowledge-page"])
def test_refused_without_the_right(
    action: str, incident: Incident, user_with: Callable[..., User]
) -> None:
    page = make_page(incident)
    client = APIClient()
    client.force_authenticate(user_with("incidents.view_incident"))

    response = client.post(
        f"/api/v1/incidents/INC-142/{action}", {"page": page.pk, "minutes": 5}, format="json"
    )

    assert response.status_code == 403


def test_ones_own_page_is_answered_without_it(
    incident: Incident, user_with: Callable[..., User]
) -> None:
    user = user_with("incidents.view_incident")
    page = make_page(incident, make_person(slug="me", user=user))
    client = APIClient()
    client.force_authenticate(user)

    response = client.post(
        "/api/v1/incidents/INC-142/acknowledge-page", {"page": page.pk}, format="json"
    )

    assert response.status_code == 200


def test_pages_are_listed_in_the_same_queries_for_any_number(
    incident: Incident, user_with: Callable[..., User], django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        make_page(incident)
    client = APIClient()
    client.force_authenticate(user_with("incidents.view_incident"))
    client.get("/api/v1/incidents/INC-142/pages")

    with django_assert_num_queries(4):
        response = client.get("/api/v1/incidents/INC-142/pages")

    assert len(response.json()["results"]) == 3
