"""The first page: what it shows, to whom, and at what cost."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client

from comms.models import MessageState, PromiseState
from incidents.models import Phase
from tests.factories.comms import make_message, make_promise
from tests.factories.incidents import (
    make_assignment,
    make_event,
    make_incident,
    make_page,
    make_responder,
    make_role,
    make_severity,
)
from tests.factories.postmortems import make_action_item, make_postmortem
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db
UserWith = Callable[..., User]
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HOME = "/admin/"


@pytest.fixture(autouse=True)
def _clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def busy_night(user: User, rows: int) -> None:
    """Everything the page shows, `rows` of each, some of it the user's own."""
    person = make_person(user=user)
    for _ in range(rows):
        incident = make_incident(phase=Phase.DIAGNOSING)
        make_promise(incident, promised_for=NOW - timedelta(minutes=5), state=PromiseState.MISSED)
        make_page(incident, person)
        make_responder(incident, person)
        make_responder(make_incident(), person, state="acknowledged")
        make_assignment(incident, make_role(), person)
        make_schedule(make_person(), make_person())
        make_postmortem(make_incident(phase=Phase.LEARNING), due_on=date(2026, 3, 1))
        make_action_item(incident, due_on=date(2026, 3, 1))
        make_message(state=MessageState.DEAD, due_at=None, created_at=NOW)
        make_event(state="set_aside", set_aside_reason="Not understood.", due_at=None)


@pytest.mark.parametrize("rows", [1, 3])
def test_dashboard_takes_the_same_queries_for_any_number_of_rows(
    rows: int, client: Client, admin_user: User, django_assert_num_queries: Any
) -> None:
    busy_night(admin_user, rows)
    client.force_login(admin_user)

    with django_assert_num_queries(24):
        client.get(HOME)


def test_dashboard_of_somebody_with_no_rights_shows_nothing_of_others(
    client: Client, admin_user: User, user_with: UserWith
) -> None:
    busy_night(admin_user, 1)
    client.force_login(user_with())

    context = client.get(HOME).context

    assert context["incidents"] is None
    assert context["schedules"] is None
    assert context["overdue"] == {}
    assert context["troubles"] == {}
    assert not context["mine"]


def test_open_incidents_are_live_ones_first_then_the_worst(
    client: Client, admin_user: User
) -> None:
    learning = make_incident(phase=Phase.LEARNING, severity=make_severity(1))
    mild = make_incident(phase=Phase.DIAGNOSING, severity=make_severity(4))
    bad = make_incident(phase=Phase.DETECTED, severity=make_severity(2))
    make_incident(phase=Phase.CLOSED)
    client.force_login(admin_user)

    rows = client.get(HOME).context["incidents"]

    assert [row.incident for row in rows] == [bad, mild, learning]


def test_open_incident_shows_its_manager_and_the_earliest_promise(
    client: Client, admin_user: User
) -> None:
    incident = make_incident(phase=Phase.DIAGNOSING)
    make_assignment(incident, make_role("incident-manager"), make_person(name="Ruth Adeyemi"))
    make_promise(incident, kind="external", promised_for=NOW + timedelta(minutes=30))
    make_promise(incident, kind="internal", promised_for=NOW + timedelta(minutes=10))
    client.force_login(admin_user)

    (row,) = client.get(HOME).context["incidents"]

    assert row.incident.manager_name == "Ruth Adeyemi"
    assert row.promised_for == NOW + timedelta(minutes=10)


def test_private_incident_is_nowhere_on_the_page(client: Client, user_with: UserWith) -> None:
    secret = make_incident(title="Stolen laptop", is_private=True, phase=Phase.DIAGNOSING)
    make_promise(secret, promised_for=NOW - timedelta(hours=1), state=PromiseState.MISSED)
    make_responder(secret, make_person(), requested_at=NOW - timedelta(hours=1))
    make_postmortem(
        make_incident(title="Stolen laptop", is_private=True, phase=Phase.LEARNING),
        due_on=date(2026, 2, 1),
    )
    make_action_item(secret, due_on=date(2026, 2, 1), title="Stolen laptop")
    make_message(
        state=MessageState.DEAD,
        due_at=None,
        created_at=NOW,
        incident=secret,
        subject="Stolen laptop",
    )
    client.force_login(
        user_with("incidents.view_incident", "comms.view_message", "postmortems.view_postmortem")
    )

    response = client.get(HOME)

    assert "Stolen laptop" not in response.content.decode()
    assert response.context["overdue"] == {}


def test_what_waits_for_the_reader_has_buttons_that_post(
    client: Client, user_with: UserWith
) -> None:
    user = user_with()
    person = make_person(user=user)
    incident = make_incident()
    page = make_page(incident, person)
    request = make_responder(make_incident(phase=Phase.MOBILIZING), person)
    client.force_login(user)

    response = client.get(HOME)

    html = response.content.decode()
    assert response.context["mine"].pages == [page]
    assert response.context["mine"].requests == [request]
    assert f'action="/admin/incidents/incident/{incident.pk}/do/acknowledge-page/"' in html
    assert (
        f'action="/admin/incidents/incident/{request.incident_id}/do/acknowledge-request/"' in html
    )


def test_what_waits_for_somebody_else_is_not_shown(client: Client, admin_user: User) -> None:
    make_page(make_incident(), make_person())
    client.force_login(admin_user)

    assert not client.get(HOME).context["mine"]


def test_request_is_overdue_only_after_a_while(client: Client, admin_user: User) -> None:
    late = make_responder(requested_at=NOW - timedelta(minutes=6))
    make_responder(requested_at=NOW - timedelta(minutes=1))
    client.force_login(admin_user)

    assert client.get(HOME).context["overdue"] == {"requests": [late]}


def test_empty_dashboard_says_what_to_do_first(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    html = client.get(HOME).content.decode()

    assert "Nothing needs anybody right now." in html
    assert "Connect Alertmanager" in html
    assert "Plan the first one" in html


def test_declare_button_shows_to_who_may(client: Client, user_with: UserWith) -> None:
    client.force_login(user_with("incidents.view_incident"))
    assert "Declare an incident" not in client.get(HOME).content.decode()

    client.force_login(user_with("incidents.declare_incident", username="manager"))
    assert "Declare an incident" in client.get(HOME).content.decode()
