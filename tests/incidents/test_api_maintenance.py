"""Maintenance over the API."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from incidents.models import Alert, MaintenanceWindow
from tests.factories.api import client_of, refusal
from tests.factories.incidents import make_alert, make_service
from tests.factories.maintenance import STARTS_AT, make_maintenance

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

WINDOWS = "/api/v1/maintenance-windows"
MAY_PLAN = [f"incidents.{what}_maintenancewindow" for what in ("view", "add", "change")]


@pytest.fixture
def planner(user_with: Callable[..., User]) -> APIClient:
    return client_of(user_with(*MAY_PLAN, username="planner"))


def given(**fields: Any) -> dict[str, Any]:
    make_service(slug="checkout")
    return {
        "name": "Upgrade",
        "services": ["checkout"],
        "starts_at": "2026-03-03T22:00:00+01:00",
        "ends_at": "2026-03-03T23:00:00+01:00",
        "time_zone": "Europe/Berlin",
    } | fields


def test_window_is_planned(planner: APIClient) -> None:
    made = planner.post(WINDOWS, given(repeats="daily", labels={"env": "test"}), format="json")

    window = MaintenanceWindow.objects.get()
    assert (made.status_code, made.json()["state"]) == (201, "planned")
    assert made.json()["next"][0]["starts_at"].startswith("2026-03-03T21:00:00")
    assert (window.created_by_name, window.labels) == ("planner", {"env": "test"})
    assert [service.slug for service in window.services.all()] == ["checkout"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"services": []}, "services"),
        ({"time_zone": "Europe/Berlim"}, "time_zone"),
        ({"weekdays": [1]}, "weekdays"),
        ({"repeats": "weekly", "weekdays": [2]}, "weekdays"),
        ({"repeats": "daily", "ends_at": "2026-03-05T23:00:00+01:00"}, "ends_at"),
    ],
)
def test_plan_that_makes_no_sense_is_refused_on_its_field(
    planner: APIClient, fields: dict[str, Any], field: str
) -> None:
    answer = planner.post(WINDOWS, given(**fields), format="json")

    assert refusal(answer) == (400, "invalid", [field])
    assert not MaintenanceWindow.objects.exists()


def test_window_is_ended_and_says_so(planner: APIClient, now: Any) -> None:
    window = make_maintenance()

    ended = planner.post(f"{WINDOWS}/{window.pk}/end")

    assert (ended.status_code, ended.json()["state"]) == (200, "over")
    assert ended.json()["ended_by_name"] == "planner"


def test_window_that_is_not_on_is_not_ended(planner: APIClient) -> None:
    window = make_maintenance(starts_at=STARTS_AT + timedelta(days=1))

    assert refusal(planner.post(f"{WINDOWS}/{window.pk}/end"))[:2] == (409, "not_on")
    cancelled = planner.post(f"{WINDOWS}/{window.pk}/cancel").json()
    assert (cancelled["state"], cancelled["next"]) == ("over", [])


def test_change_has_muted_alerts_looked_at_again(planner: APIClient, now: Any) -> None:
    window = make_maintenance()
    alert = make_alert(maintenance=window)

    planner.patch(f"{WINDOWS}/{window.pk}", {"mode": "tag"}, format="json")

    assert list(Alert.objects.to_look_at(now)) == [alert]


@pytest.mark.parametrize("action", ["end", "cancel"])
def test_ending_needs_the_right_to_change(user_with: Callable[..., User], action: str) -> None:
    window = make_maintenance()
    may_add = client_of(user_with(*MAY_PLAN[:2]))

    assert refusal(may_add.post(f"{WINDOWS}/{window.pk}/{action}"))[:2] == (
        403,
        "permission_denied",
    )
    assert refusal(APIClient().post(f"{WINDOWS}/{window.pk}/{action}"))[0] == 401
    window.refresh_from_db()
    assert window.ended_at is None


def test_list_is_narrowed_by_service_and_by_what_is_over(planner: APIClient) -> None:
    service = make_service(slug="storage")
    mine, over = make_maintenance(service), make_maintenance(ends_at=STARTS_AT + timedelta(1 / 24))
    other = make_maintenance(repeats="daily")

    def keys(query: str) -> list[str]:
        return [row["key"] for row in planner.get(f"{WINDOWS}?{query}").json()["results"]]

    assert keys("service=storage") == [str(mine.pk)]
    assert keys("over=true") == [str(over.pk)]
    assert keys("over=false") == [str(other.pk), str(mine.pk)]


@pytest.mark.parametrize("count", [1, 3])
def test_list_takes_constant_queries(
    planner: APIClient, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        make_maintenance(repeats="daily")

    with django_assert_num_queries(5):
        planner.get(WINDOWS)
