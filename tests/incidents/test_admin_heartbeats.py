"""The pages of heartbeats: how they stand, how they are pinged, and what a person decides."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from incidents.models import AlertEvent, Heartbeat
from tests.factories.incidents import make_heartbeat, make_integration, make_severity

pytestmark = pytest.mark.django_db

LIST = "/admin/incidents/heartbeat/"
SUBMITTED = {"_form_submitted": "True"}


@pytest.fixture
def editor(client, user_with) -> Client:
    client.force_login(
        user_with(
            "incidents.view_heartbeat",
            "incidents.add_heartbeat",
            "incidents.change_heartbeat",
            "incidents.delete_heartbeat",
            "incidents.view_integration",
        )
    )
    return client


def alive(**fields) -> Heartbeat:
    now = timezone.now()
    fields = {"last_ping_at": now, "due_at": now + timedelta(minutes=6)} | fields
    return make_heartbeat(state="alive", **fields)


def page(row: Heartbeat, name: str = "change") -> str:
    return f"{LIST}{row.pk}/{name}/"


@pytest.mark.parametrize("count", [1, 3])
def test_list_takes_one_number_of_queries(editor, django_assert_num_queries, count):
    for _ in range(count):
        alive()

    with django_assert_num_queries(8):
        response = editor.get(LIST)

    assert response.content.decode().count("every 5 min, 1 min grace") == count


def test_page_shows_how_it_stands_and_the_line_that_pings_it(editor, settings):
    settings.PUBLIC_URL = "https://muster.example.com"
    row = make_heartbeat(slug="nightly", state="missing")

    text = editor.get(page(row)).content.decode()

    assert "It failed to come." in text
    assert (
        "curl -fsS -m 10 --retry 5 https://muster.example.com/ingest/YOUR-KEY/nightly</pre>" in text
    )


def test_page_of_an_opsgenie_heartbeat_shows_its_call(editor):
    row = make_heartbeat(make_integration(kind="opsgenie")[0], slug="nightly")

    text = editor.get(page(row)).content.decode()

    assert "/v2/heartbeats/nightly/ping -H &#x27;Authorization: GenieKey YOUR-KEY&#x27;" in text


def test_heartbeat_of_a_watchdog_says_who_keeps_it_alive(editor):
    row = make_heartbeat(make_integration(kind="prometheus", name="Prometheus")[0])

    assert "It is kept alive by alerts of Prometheus" in editor.get(page(row)).content.decode()


def test_new_one_waits_for_its_first_ping(editor):
    integration, _ = make_integration(kind="heartbeat")
    make_severity(2)
    typed = {
        "name": "Backup",
        "integration": integration.pk,
        "slug": "backup",
        "every_minutes": 60,
        "grace_minutes": 10,
        "severity_label": "sev2",
    }

    response = editor.post(f"{LIST}add/", typed)

    assert response.status_code == 302
    row = Heartbeat.objects.get()
    assert (row.state, row.due_at, row.severity_label) == ("waiting", None, "sev2")


def test_form_offers_integrations_that_can_be_pinged(editor):
    make_integration(kind="heartbeat", name="Jobs")
    make_integration(kind="alertmanager", name="Mimir")

    text = editor.get(f"{LIST}add/").content.decode()

    assert ">Jobs<" in text
    assert ">Mimir<" not in text


def test_changed_times_move_its_deadline_and_leave_its_state_alone(editor):
    row = alive()
    typed = {"name": row.name, "every_minutes": 60, "grace_minutes": 5, "severity_label": ""}

    editor.post(page(row), typed)

    before = row.last_ping_at
    row.refresh_from_db()
    assert (row.state, row.due_at) == ("alive", before + timedelta(minutes=65))


def test_pause_and_watch_are_done_by_post_only(editor):
    row = alive()

    assert editor.get(page(row, "pause")).status_code == 200
    row.refresh_from_db()
    assert row.state == "alive"

    editor.post(page(row, "pause"), SUBMITTED)
    row.refresh_from_db()
    assert row.state == "paused"

    response = editor.post(page(row, "resume"), SUBMITTED)
    row.refresh_from_db()
    assert row.state == "alive"
    assert response["HX-Redirect"] == page(row)


def test_who_comes_too_late_is_told_so(editor):
    row = make_heartbeat(state="paused", name="Backup")

    editor.post(page(row, "pause"), SUBMITTED)

    assert "Backup is paused already." in editor.get(page(row)).content.decode()


def test_buttons_are_shown_where_they_make_sense(editor):
    paused, watched = make_heartbeat(state="paused"), alive()

    assert f'{page(paused, "resume")}"' in editor.get(page(paused)).content.decode()
    assert f'{page(paused, "pause")}"' not in editor.get(page(paused)).content.decode()
    assert f'{page(watched, "pause")}"' in editor.get(page(watched)).content.decode()
    assert f'{page(watched, "resume")}"' not in editor.get(page(watched)).content.decode()


@pytest.mark.parametrize("name", ["pause", "resume"])
def test_viewer_changes_nothing(client, user_with, name):
    client.force_login(user_with("incidents.view_heartbeat"))
    row = make_heartbeat()

    assert client.post(page(row, name), SUBMITTED).status_code == 403
    row.refresh_from_db()
    assert row.state == "waiting"


@pytest.mark.parametrize(
    ("action", "said"),
    [("pause_selected", "1 no longer expected."), ("resume_selected", "1 watched from now on.")],
)
def test_selected_ones_are_changed_and_refusals_told(editor, action, said):
    changes = make_heartbeat(state="waiting")
    if action == "pause_selected":
        refuses = make_heartbeat(state="paused", name="Refuses")
    else:
        refuses = alive(name="Refuses")

    response = editor.post(
        LIST, {"action": action, "_selected_action": [changes.pk, refuses.pk]}, follow=True
    )

    text = response.content.decode()
    assert said in text
    assert "Refuses is" in text


def test_deleting_resolves_its_alert(editor):
    row = make_heartbeat(state="missing")

    editor.post(page(row, "delete"), {"post": "yes"})

    assert not Heartbeat.objects.exists()
    assert b'"resolve"' in bytes(AlertEvent.objects.get().body)
