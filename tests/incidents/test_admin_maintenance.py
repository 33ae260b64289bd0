"""Maintenance in the admin: planned on the clock of its zone, and ended by a button."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from incidents.models import Alert, MaintenanceWindow
from tests.factories.incidents import make_alert, make_service
from tests.factories.maintenance import STARTS_AT, make_maintenance

# The clock stands an hour after a window of the factory has begun.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

LIST = "/admin/incidents/maintenancewindow/"


def typed(*services: Any, **fields: Any) -> dict[str, Any]:
    """The form of a window, as a browser sends it."""
    return {
        "name": "Upgrade",
        "services": [service.pk for service in services or [make_service()]],
        "mode": "mute",
        "starts_at": "2026-03-28T22:00",
        "ends_at": "2026-03-28T23:30",
        "time_zone": "Europe/Berlin",
        "repeats": "never",
    } | fields


def url_of(window: MaintenanceWindow, page: str = "change") -> str:
    return reverse(f"admin:incidents_maintenancewindow_{page}", args=[window.pk])


def test_times_are_those_of_the_windows_own_clock(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    response = client.post(f"{LIST}add/", typed(), follow=True)

    window = MaintenanceWindow.objects.get()
    assert window.starts_at == datetime(2026, 3, 28, 21, 0, tzinfo=UTC)
    assert (window.created_by_name, window.ends_at - window.starts_at) == (
        "admin",
        timedelta(minutes=90),
    )
    html = response.content.decode()
    assert "Sat 28 Mar, 22:00 to 23:30" in html  # on its own clock
    assert "Sat 28 Mar, 21:00 to 22:30" in html  # on the reader's
    assert 'value="2026-03-28T22:00"' in html


def test_time_that_its_clock_skips_is_refused(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    form = typed(starts_at="2026-03-29T02:30", ends_at="2026-03-29T04:00")
    response = client.post(f"{LIST}add/", form)

    assert "skips 02:30" in str(response.context["adminform"].form.errors["starts_at"])


def test_weekdays_are_ticked(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    client.post(f"{LIST}add/", typed(repeats="weekly", weekdays=["5", "6"]))

    assert MaintenanceWindow.objects.get().weekdays == [5, 6]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"repeats": "weekly", "weekdays": ["1"]}, "weekdays"),
        ({"repeats": "daily", "ends_at": "2026-03-30T22:00"}, "ends_at"),
        ({"time_zone": "Berlin"}, "time_zone"),
        ({"time_zone": "Berlin", "repeats": "daily"}, "time_zone"),
        ({"labels": "env test"}, "labels"),
    ],
)
def test_what_makes_no_sense_is_said_on_its_field(
    client: Client, admin_user: User, fields: dict[str, Any], field: str
) -> None:
    client.force_login(admin_user)

    response = client.post(f"{LIST}add/", typed(**fields))

    assert list(response.context["adminform"].form.errors) == [field]


def test_overlap_is_warned_of(client: Client, admin_user: User) -> None:
    service = make_service()
    starts_at = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    make_maintenance(service, name="Backup", starts_at=starts_at)
    client.force_login(admin_user)

    response = client.post(f"{LIST}add/", typed(service), follow=True)

    said = [str(message) for message in response.context["messages"]]
    assert any("Backup" in each and "Sat 28 Mar, 22:00 UTC" in each for each in said)


def test_change_has_muted_alerts_looked_at_again(
    client: Client, admin_user: User, now: datetime
) -> None:
    window = make_maintenance()
    alert = make_alert(maintenance=window)
    client.force_login(admin_user)

    client.post(
        url_of(window),
        typed(window.services.get(), starts_at="2026-03-02T10:00", ends_at="2026-03-02T14:00"),
    )

    assert list(Alert.objects.to_look_at(now)) == [alert]


def test_states_are_shown(client: Client, admin_user: User) -> None:
    make_maintenance(name="On")
    make_maintenance(name="Later", starts_at=STARTS_AT + timedelta(days=1))
    make_maintenance(name="Gone", starts_at=STARTS_AT - timedelta(days=1))
    client.force_login(admin_user)

    html = client.get(LIST).content.decode()

    assert [words in html for words in ("On now", "Planned", ">Over<")] == [True] * 3


@pytest.mark.parametrize("count", [1, 3])
def test_list_takes_constant_queries(
    client: Client, admin_user: User, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        make_maintenance(repeats="daily")
    client.force_login(admin_user)
    client.get(LIST)

    with django_assert_num_queries(8):
        client.get(LIST)


@pytest.mark.parametrize("action", ["end_now", "cancel"])
def test_window_is_ended_by_post_only(
    client: Client, admin_user: User, action: str, now: datetime
) -> None:
    window = make_maintenance()
    client.force_login(admin_user)

    client.get(url_of(window, action))
    window.refresh_from_db()
    assert window.ended_by_name == ""

    client.post(url_of(window, action), {"_form_submitted": "True"})
    window.refresh_from_db()
    assert (window.ended_at, window.ended_by_name) == (now, "admin")


@pytest.mark.parametrize("action", ["end_now", "cancel"])
def test_window_is_ended_by_nobody_without_the_right(
    client: Client, user_with: Callable[..., User], action: str
) -> None:
    window = make_maintenance()
    client.force_login(user_with("incidents.view_maintenancewindow"))

    assert client.post(url_of(window, action)).status_code == 403
    window.refresh_from_db()
    assert window.ended_at is None


def test_button_to_end_it_is_there_while_it_is_on(client: Client, admin_user: User) -> None:
    on, later = make_maintenance(), make_maintenance(starts_at=STARTS_AT + timedelta(days=1))
    client.force_login(admin_user)

    pages = {window: client.get(url_of(window)).content.decode() for window in (on, later)}

    assert [url_of(window, "end_now") in pages[window] for window in (on, later)] == [True, False]
    assert [url_of(window, "cancel") in pages[window] for window in (on, later)] == [True, True]


def test_what_is_over_cannot_be_changed(client: Client, admin_user: User) -> None:
    over = make_maintenance(starts_at=STARTS_AT - timedelta(days=1), labels={"env": "test"})
    client.force_login(admin_user)

    assert client.post(url_of(over), typed()).status_code == 403
    html = client.get(url_of(over)).content.decode()
    for words in ("Not any more.", "env = test", "Sun 1 Mar, 09:00 to 11:00 (UTC), once"):
        assert words in html
