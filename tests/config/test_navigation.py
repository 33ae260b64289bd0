"""The sidebar and the command palette show what one may reach, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from config.navigation import PALETTE_LIMIT, SIDEBAR, navigation
from tests.factories.incidents import make_incident, make_service
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db
UserWith = Callable[..., User]


def sidebar(user: User) -> dict[str, list[str]]:
    request = RequestFactory().get("/admin/")
    request.user = user
    groups = navigation(request)
    return {group.get("title", ""): [item["title"] for item in group["items"]] for group in groups}


def found(client: Client, term: str) -> list[str]:
    response = client.get("/admin/search/", {"s": term})
    return [result.title for result in response.context["results"]] if response.context else []


def test_every_entry_is_a_page_of_the_admin() -> None:
    for _, _, entries in SIDEBAR:
        for _, _, label in entries:
            model = label.partition(":")[0]
            assert admin.site.is_registered(apps.get_model(model)), label


def test_sidebar_shows_everything_to_a_superuser(admin_user: User) -> None:
    shown = sidebar(admin_user)

    assert list(shown) == ["", *(title for title, _, _ in SIDEBAR)]


def test_sidebar_shows_only_what_may_be_viewed(user_with: UserWith) -> None:
    user = user_with("roster.view_person", "incidents.view_incident")

    assert sidebar(user) == {"": ["Dashboard"], "Incidents": ["Incidents"], "Roster": ["People"]}


@pytest.mark.parametrize("path", ["on-call/", ""])
def test_only_the_page_that_is_open_is_marked(admin_client: Client, path: str) -> None:
    response = admin_client.get(f"/admin/roster/schedule/{path}")

    items = [item for group in response.context["sidebar_navigation"] for item in group["items"]]
    marked = [item["title"] for item in items if item["active"]]
    assert marked == ["Who is on call" if path else "Schedules"]


def test_badge_counts_live_incidents_that_one_may_see(client: Client, user_with: UserWith) -> None:
    make_incident()
    make_incident(is_private=True)
    make_incident(phase="closed")
    client.force_login(user_with("incidents.view_incident"))

    response = client.get("/admin/")

    items = [item for group in response.context["sidebar_navigation"] for item in group["items"]]
    badge = next(item for item in items if item["title"] == "Incidents")["badge_callback"]
    assert str(badge) == "1"


@pytest.mark.parametrize("term", ["INC-77", "77", "slow"])
def test_palette_finds_incidents_by_reference_and_title(
    term: str, client: Client, admin_user: User
) -> None:
    make_incident(number=77, title="Search is slow")
    client.force_login(admin_user)

    assert found(client, term) == ["INC-77 Search is slow"]


def test_palette_finds_people_services_and_schedules(client: Client, admin_user: User) -> None:
    make_person(name="Zebra Person")
    make_service(name="Zebra service")
    make_schedule(name="Zebra schedule")
    client.force_login(admin_user)

    assert found(client, "zebra") == ["Zebra Person", "Zebra service", "Zebra schedule"]


def test_palette_leaves_out_what_one_may_not_see(client: Client, user_with: UserWith) -> None:
    make_person(name="Zebra Person")
    make_incident(title="Zebra stolen", is_private=True)
    client.force_login(user_with("incidents.view_incident"))

    assert found(client, "zebra") == []


def test_palette_forgets_as_soon_as_a_permission_is_withdrawn(
    client: Client, user_with: UserWith
) -> None:
    make_incident(title="Zebra crossing")
    user = user_with("incidents.view_incident")
    client.force_login(user)
    assert len(found(client, "zebra")) == 1

    user.user_permissions.clear()

    assert found(client, "zebra") == []


def test_palette_is_bounded(client: Client, admin_user: User) -> None:
    for number in range(PALETTE_LIMIT + 3):
        make_incident(title=f"Zebra {number}")
    client.force_login(admin_user)

    assert len(found(client, "zebra")) == PALETTE_LIMIT


@pytest.mark.parametrize("rows", [1, 3])
def test_palette_takes_the_same_queries_for_any_number_of_rows(
    rows: int, client: Client, admin_user: User, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        make_incident(title=f"Zebra {number}")
        make_person(name=f"Zebra {number}")
    client.force_login(admin_user)

    with django_assert_num_queries(7):
        found(client, "zebra")


def test_palette_asks_nothing_without_a_term(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    assert client.get("/admin/search/", {"s": " "}).content == b""
