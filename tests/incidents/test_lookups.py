"""The pages and the API that answer "who?" before anything is done."""

from collections.abc import Callable
from datetime import datetime

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from incidents.models import Responder, Service
from tests.factories.incidents import make_incident, make_service
from tests.factories.roster import make_person, make_policy, make_schedule, make_team

pytestmark = pytest.mark.django_db

VIEW = "incidents.view_service"


@pytest.fixture
def shop() -> Service:
    ana = make_person(slug="ana", name="Ana", phone="+44 20 7946 0000")
    policy = make_policy(make_schedule(ana, name="Primary"), slug="shop", repeats=0)
    lead = make_person(slug="lead", name="Lead")
    return make_service(
        slug="shop", name="Shop", policy=policy, owner_team=make_team(name="Payments", lead=lead)
    )


def test_page_names_who_is_on_call_and_one_level_up(
    client: Client, user_with: Callable[..., User], shop: Service, clock: time_machine.Traveller
) -> None:
    client.force_login(user_with(VIEW))

    html = client.get(reverse("admin:incidents_who"), {"service": shop.pk}).content.decode()

    assert [name in html for name in ("Ana", "until Mon 9 Mar 09:00", "lead of Payments")] == [
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("permissions", "shown"), [([], False), (["roster.view_contactmethod"], True)]
)
def test_page_tells_how_to_reach_people_to_whom_that_is_shown(
    permissions: list[str],
    shown: bool,
    client: Client,
    user_with: Callable[..., User],
    shop: Service,
    clock: time_machine.Traveller,
) -> None:
    client.force_login(user_with(VIEW, *permissions))

    html = client.get(reverse("admin:incidents_who"), {"service": shop.pk}).content.decode()

    assert ("+44 20 7946 0000" in html) is shown


def test_page_keeps_private_incidents_to_those_who_may_see_them(
    client: Client, user_with: Callable[..., User], shop: Service
) -> None:
    secret = make_incident(title="Stolen keys", is_private=True)
    known = make_incident(title="Checkout is slow")
    for incident in (secret, known):
        incident.services.add(shop)
    client.force_login(user_with(VIEW, "incidents.view_incident"))

    html = client.get(reverse("admin:incidents_who"), {"service": shop.pk}).content.decode()

    assert ("Checkout is slow" in html, "Stolen keys" in html) == (True, False)


def test_page_names_no_incident_to_whoever_may_not_see_incidents(
    client: Client, user_with: Callable[..., User], shop: Service
) -> None:
    make_incident(title="Checkout is slow").services.add(shop)
    client.force_login(user_with(VIEW))

    html = client.get(reverse("admin:incidents_who"), {"service": shop.pk}).content.decode()

    assert "Checkout is slow" not in html


@pytest.mark.parametrize("address", ["incidents_who", "incidents_policy_preview"])
def test_pages_need_permission(
    address: str, client: Client, user_with: Callable[..., User], shop: Service
) -> None:
    client.force_login(user_with())
    args = [shop.policy_id] if address == "incidents_policy_preview" else []

    assert client.get(reverse(f"admin:{address}", args=args)).status_code == 403


def test_unknown_service_is_told_at_the_field(
    client: Client, user_with: Callable[..., User], shop: Service
) -> None:
    client.force_login(user_with(VIEW))

    html = client.get(reverse("admin:incidents_who"), {"service": 0}).content.decode()

    assert "Select a valid choice" in html


def test_preview_page_shows_every_rung(
    client: Client, user_with: Callable[..., User], shop: Service, clock: time_machine.Traveller
) -> None:
    client.force_login(user_with("roster.view_escalationpolicy"))

    response = client.get(reverse("admin:incidents_policy_preview", args=[shop.policy_id]))

    calls = response.context["calls"]
    assert [(call.title, [each.person.name for each in call.people]) for call in calls] == [
        ("Step 1", ["Ana"]),
        ("Fallback", []),
    ]


def test_preview_page_takes_another_moment(
    client: Client, user_with: Callable[..., User], shop: Service
) -> None:
    client.force_login(user_with("roster.view_escalationpolicy"))
    url = reverse("admin:incidents_policy_preview", args=[shop.policy_id])

    response = client.get(url, {"at": "2026-03-02T10:00"})

    assert response.context["calls"][0].at.isoformat() == "2026-03-02T10:00:00+00:00"


def test_api_answers_who_handles_a_service(
    client: Client, user_with: Callable[..., User], shop: Service
) -> None:
    client.force_login(user_with(VIEW))

    response = client.get("/api/v1/services/shop/who", {"at": "2026-03-02T10:00:00+00:00"})

    assert response.json() == [
        {
            "service": "shop",
            "policy": "shop",
            "first": [
                {
                    "person": "ana",
                    "name": "Ana",
                    "why": "Primary",
                    "until": "2026-03-09T09:00:00Z",
                }
            ],
            "specialists": [],
            "above": [{"person": "lead", "name": "Lead", "why": "lead of Payments", "until": None}],
        }
    ]


def test_api_previews_a_policy(
    client: Client, user_with: Callable[..., User], shop: Service
) -> None:
    client.force_login(user_with("roster.view_escalationpolicy"))

    response = client.get(
        "/api/v1/escalation-policies/shop/preview", {"at": "2026-03-02T10:00:00+00:00"}
    )

    assert response.json()[0] == {
        "at": "2026-03-02T10:00:00Z",
        "title": "Step 1",
        "people": [{"person": "ana", "name": "Ana", "via": "Primary"}],
        "unreachable": [],
        "left_out": [],
        "must_answer": [],
    }


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("services/shop/who", VIEW),
        ("escalation-policies/shop/preview", "roster.view_escalationpolicy"),
    ],
)
def test_api_refuses_a_moment_it_cannot_read(
    path: str, permission: str, client: Client, user_with: Callable[..., User], shop: Service
) -> None:
    client.force_login(user_with(permission))

    response = client.get(f"/api/v1/{path}", {"at": "tomorrow"})

    assert (response.status_code, list(response.json()["error"]["fields"])) == (400, ["at"])


@pytest.mark.parametrize("path", ["services/shop/who", "escalation-policies/shop/preview"])
def test_api_needs_permission(
    path: str, client: Client, user_with: Callable[..., User], shop: Service
) -> None:
    client.force_login(user_with())

    assert client.get(f"/api/v1/{path}").status_code == 403


def test_assembling_from_the_incident_page_asks_those_ticked(
    client: Client,
    user_with: Callable[..., User],
    shop: Service,
    now: datetime,
    clock: time_machine.Traveller,
) -> None:
    incident = make_incident()
    incident.services.add(shop)
    client.force_login(user_with("incidents.view_incident", "incidents.request_responder_incident"))
    url = reverse("admin:incidents_incident_do", args=[incident.pk, "assemble"])
    ana = shop.policy.steps.get().targets.get().schedule.layers.get().participants.get().person

    client.post(url, {"people": [ana.pk], "message": "Join the call"})

    [asked] = Responder.objects.all()
    assert (asked.person, asked.area, asked.message) == (ana, "Shop", "Join the call")


def test_form_of_assembling_changes_nothing(
    client: Client, user_with: Callable[..., User], shop: Service, clock: time_machine.Traveller
) -> None:
    incident = make_incident()
    incident.services.add(shop)
    client.force_login(user_with("incidents.view_incident", "incidents.request_responder_incident"))

    html = client.get(
        reverse("admin:incidents_incident_do", args=[incident.pk, "assemble"])
    ).content.decode()

    assert ("Ana: Shop (Primary)" in html, Responder.objects.exists()) == (True, False)


def test_assembling_is_refused_to_staff_without_permission(
    client: Client, user_with: Callable[..., User]
) -> None:
    client.force_login(user_with("incidents.view_incident"))
    url = reverse("admin:incidents_incident_do", args=[make_incident().pk, "assemble"])

    assert (client.get(url).status_code, client.post(url).status_code) == (403, 403)
