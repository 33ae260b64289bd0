"""Integrations: their keys, what comes in by them, their settings, and the test alert."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import processing
from incidents.intake import ADAPTERS
from incidents.intake_rates import hour_of
from incidents.models import Alert, AlertEvent, IntakeHour, IntakeRefusal, Integration
from incidents.models.integrations import digest_of
from roster.actors import Actor
from tests.factories.incidents import (
    make_event,
    make_integration,
    make_service,
    make_severity,
)

pytestmark = pytest.mark.django_db
UserWith = Callable[..., User]
TESTER = Actor.system("tests")


def page(integration: Integration, name: str = "change") -> str:
    return reverse(f"admin:incidents_integration_{name}", args=[integration.pk])


@pytest.fixture
def admin(client: Client, admin_user: User) -> Client:
    client.force_login(admin_user)
    return client


# --- Keys -----------------------------------------------------------------------------------


def test_key_is_shown_once_with_lines_that_use_it(admin: Client) -> None:
    typed = {"name": "Prometheus", "slug": "prometheus", "kind": "alertmanager"}

    response = admin.post(
        "/admin/incidents/integration/add/", typed | {"service": make_service().pk}
    )

    integration = Integration.objects.get()
    html = response.content.decode()
    keys = set(re.findall(r"/ingest/([\w-]+)/", html))
    assert [digest_of(key) for key in keys] == [integration.keys.get().digest]
    assert "curl" in html
    assert "webhook_configs" in html
    assert "no-store" in response["Cache-Control"]
    assert integration.created_by_name == "admin"


@pytest.mark.parametrize("kind", ADAPTERS)
def test_integration_of_every_kind_is_made_and_opened(admin: Client, kind: str) -> None:
    typed = {"name": "Monitor", "slug": "monitor", "kind": kind, "service": make_service().pk}

    issued = admin.post("/admin/incidents/integration/add/", typed).content.decode()

    assert "{key}" not in issued
    assert "{url}" not in issued
    assert "{base}" not in issued
    shown = admin.get(page(Integration.objects.get())).content.decode()
    assert "YOUR-KEY" in shown
    assert "{url}" not in shown


def test_new_key_is_made_by_post_only_and_the_old_one_works_on(admin: Client) -> None:
    integration, old = make_integration()

    admin.get(page(integration, "rotate_key"))
    assert integration.keys.count() == 1
    admin.post(page(integration, "rotate_key"))

    assert integration.keys.count() == 2
    assert Integration.objects.with_key(old, at=timezone.now()).exists()


def test_leaked_key_ends_at_once(admin: Client) -> None:
    integration, old = make_integration()

    admin.post(page(integration, "rotate_key"), {"at_once": "1"})

    assert not Integration.objects.with_key(old, at=timezone.now()).exists()
    assert integration.keys.count() == 2


def test_one_key_is_ended_by_post_only(admin: Client) -> None:
    integration, old = make_integration()
    integration.rotate_key(by=TESTER, at=timezone.now())
    key = integration.keys.get(digest=digest_of(old))
    url = reverse("admin:incidents_integration_end_key", args=[integration.pk, key.pk])

    admin.get(url)
    assert Integration.objects.with_key(old, at=timezone.now()).exists()
    admin.post(url)
    assert not Integration.objects.with_key(old, at=timezone.now()).exists()


def test_key_of_another_integration_is_not_found(admin: Client) -> None:
    integration, _ = make_integration()
    other, _ = make_integration()
    key = other.keys.get()
    url = reverse("admin:incidents_integration_end_key", args=[integration.pk, key.pk])

    assert admin.post(url).status_code == 404


def test_integration_is_revoked_by_post_only(admin: Client) -> None:
    integration, _ = make_integration()

    admin.get(page(integration, "revoke"))
    assert Integration.objects.active().exists()
    admin.post(page(integration, "revoke"))
    assert not Integration.objects.active().exists()


@pytest.mark.parametrize("action", ["rotate_key", "revoke", "test"])
def test_integration_is_changed_by_nobody_without_permission(
    action: str, client: Client, user_with: UserWith
) -> None:
    integration, key = make_integration()
    client.force_login(user_with("incidents.view_integration"))

    assert client.post(page(integration, action)).status_code == 403
    assert Integration.objects.active().with_key(key, at=timezone.now()).exists()
    assert not AlertEvent.objects.exists()


# --- What comes in --------------------------------------------------------------------------


def test_page_shows_what_came_in_and_why_something_was_refused(admin: Client) -> None:
    integration, _ = make_integration()
    now = timezone.now()
    IntakeHour.objects.create(integration=integration, hour=hour_of(now), accepted=1234)
    IntakeRefusal.objects.create(
        integration=integration,
        hour=hour_of(now),
        status=413,
        code="too_large",
        message="The body is over 512 KB.",
        count=7,
        last_at=now,
    )

    html = admin.get(page(integration)).content.decode()

    assert "<dd>1234</dd>" in html
    assert "The body is over 512 KB." in html


def test_events_are_shown_only_to_who_may_see_events(client: Client, user_with: UserWith) -> None:
    integration, _ = make_integration()
    event = make_event(integration=integration, state="received")
    client.force_login(user_with("incidents.view_integration"))

    html = client.get(page(integration)).content.decode()

    assert reverse("admin:incidents_alertevent_change", args=[event.pk]) not in html


def test_silence_longer_than_told_is_shown(admin: Client) -> None:
    heard = timezone.now() - timedelta(hours=2)
    integration, _ = make_integration(silent_after_minutes=60)
    Integration.objects.update(last_event_at=heard)

    assert "longer than usual" in admin.get(page(integration)).content.decode()
    assert "Silent" in admin.get("/admin/incidents/integration/").content.decode()


@pytest.mark.parametrize("rows", [1, 30])
def test_page_takes_the_same_queries_whatever_came_in(
    admin: Client, rows: int, django_assert_num_queries: Any
) -> None:
    integration, _ = make_integration()
    for number in range(rows):
        make_event(integration=integration, state="received")
        hour = hour_of(timezone.now()) - timedelta(hours=number)
        IntakeHour.objects.create(integration=integration, hour=hour, accepted=5)

    with django_assert_num_queries(14):
        admin.get(page(integration))


# --- Test alert -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ADAPTERS)
def test_test_alert_of_every_kind_is_read(admin: Client, kind: str) -> None:
    for rank in range(1, 6):
        make_severity(slug=f"sev{rank}", rank=rank)
    integration, _ = make_integration(kind=kind)

    admin.post(page(integration, "test"))
    processing.process_due(at=timezone.now())

    event = AlertEvent.objects.get(origin="test")
    assert (event.state, event.set_aside_reason) == ("processed", "")


def test_test_alert_opens_an_incident(admin: Client) -> None:
    make_severity()
    integration, _ = make_integration()

    admin.get(page(integration, "test"))
    assert not AlertEvent.objects.exists()
    admin.post(page(integration, "test"))
    processing.process_due(at=timezone.now())

    assert Alert.objects.get().incident.title == "A trial alert"


def test_revoked_integration_sends_no_test_alert(admin: Client) -> None:
    integration, _ = make_integration()
    integration.revoke(at=timezone.now())

    response = admin.post(page(integration, "test"), follow=True)

    assert "is revoked: nothing comes in by it." in response.content.decode()
    assert not AlertEvent.objects.exists()


# --- Settings -------------------------------------------------------------------------------


def settings_of(integration: Integration, **changed: Any) -> dict[str, Any]:
    return {
        "name": integration.name,
        "slug": integration.slug,
        "service": integration.service.pk,
        "flaps_after": 5,
    } | changed


def test_words_for_severities_are_typed_one_a_line(admin: Client) -> None:
    make_severity(slug="sev3")
    integration, _ = make_integration()

    typed = settings_of(integration, severity_words="Warning = SEV3\n\nodd = sev3")
    admin.post(page(integration), typed)

    integration.refresh_from_db()
    assert integration.severity_words == {"warning": "sev3", "odd": "sev3"}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("warning = sev9", "There is no severity sev9. There are: sev3."),
        ("warning", "Line 1: write it as “name = value”."),
    ],
)
def test_wrong_words_are_told_on_their_field_and_kept(admin: Client, typed: str, said: str) -> None:
    make_severity(slug="sev3")
    integration, _ = make_integration()

    response = admin.post(page(integration), settings_of(integration, severity_words=typed))

    html = response.content.decode()
    assert said in html
    assert typed in html
