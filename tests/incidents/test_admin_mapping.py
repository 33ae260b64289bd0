"""The mapping page: what it shows, what it keeps, and who may open it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from incidents.models import AlertEvent, Integration
from tests.factories.incidents import make_event, make_integration, make_severity

pytestmark = pytest.mark.django_db
UserWith = Callable[..., User]
NESTED = (Path(__file__).parent.parent / "fixtures" / "generic" / "nested.json").read_text()
CHOSEN = {
    "sample": NESTED,
    "title": "payload.rule.label",
    "key": "payload.rule.id",
    "state": "payload.situation",
    "resolved": "Quiet, fine",
}


@pytest.fixture
def integration() -> Integration:
    make_severity()
    return make_integration(kind="generic")[0]


def url_of(integration: Integration) -> str:
    return reverse("admin:incidents_integration_mapping", args=[integration.pk])


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def receive(integration: Integration, body: str, **fields: Any) -> AlertEvent:
    return make_event(integration=integration, body=body.encode(), **fields)


def test_newest_message_is_shown_with_its_fields_and_what_comes_of_it(
    client: Client, admin_user: User, integration: Integration
) -> None:
    receive(integration, '{"title": "Disk full", "fingerprint": "d1"}')
    client.force_login(admin_user)

    html = text_of(client.get(url_of(integration)))

    assert "Found by itself: title" in html
    assert "fingerprint: d1" in html
    assert "Opens an incident" in html
    assert "Disk full" in html


def test_preview_follows_what_is_chosen_and_saves_nothing(
    client: Client, admin_user: User, integration: Integration
) -> None:
    client.force_login(admin_user)

    response = client.post(url_of(integration), CHOSEN | {"preview": "1"})

    html = text_of(response)
    assert response.status_code == 200
    assert "Queue is long" in html
    assert '<dd class="mu-mono">17</dd>' in html
    assert str(integration.service) in html
    integration.refresh_from_db()
    assert integration.options == {}


def test_save_keeps_the_mapping_and_the_other_settings(
    client: Client, admin_user: User, integration: Integration
) -> None:
    client.force_login(admin_user)

    response = client.post(url_of(integration), CHOSEN | {"save": "1"})

    assert response.status_code == 302
    integration.refresh_from_db()
    integration.full_clean()
    assert integration.options["mapping"] == {
        "title": {"path": "payload.rule.label"},
        "key": {"path": "payload.rule.id"},
        "state": {"path": "payload.situation"},
        "resolved": ["quiet", "fine"],
    }
    envelope = receive(integration, NESTED).envelope()
    assert integration.adapter.read(envelope).alerts[0].title == "Queue is long"


def test_mapping_outlives_the_integration_form(
    client: Client, admin_user: User, integration: Integration
) -> None:
    integration.options = {"mapping": {"title": {"path": "what"}}}
    integration.save()
    client.force_login(admin_user)
    change = reverse("admin:incidents_integration_change", args=[integration.pk])
    page = client.get(change)
    assert "option_mapping" not in page.content.decode()
    assert url_of(integration) in page.content.decode()

    typed = {
        "name": "Renamed", "slug": integration.slug, "service": integration.service_id,
        "flaps_after": 5,
    }  # fmt: skip
    response = client.post(change, typed)

    assert response.status_code == 302, response.context["errors"]
    integration.refresh_from_db()
    assert integration.name == "Renamed"
    assert integration.options == {"mapping": {"title": {"path": "what"}}}


def test_bad_path_and_pattern_are_said_beside_their_fields_and_nothing_typed_is_lost(
    client: Client, admin_user: User, integration: Integration
) -> None:
    client.force_login(admin_user)
    wrong = {"title_by_hand": "payload..x", "state_pattern": "(", "severity_pattern": "x"}

    response = client.post(url_of(integration), CHOSEN | wrong | {"save": "1"})

    form = response.context["form"]
    assert response.status_code == 422
    assert sorted(form.errors) == ["severity_pattern", "state_pattern", "title_by_hand"]
    html = text_of(response)
    for typed in ("payload..x", "payload.rule.id", "Quiet, fine", "how_bad"):
        assert typed in html
    integration.refresh_from_db()
    assert integration.options == {}


def test_sample_that_is_no_message_is_said_beside_it(
    client: Client, admin_user: User, integration: Integration
) -> None:
    client.force_login(admin_user)

    response = client.post(url_of(integration), {"sample": '{"a": ', "preview": "1"})

    assert list(response.context["form"].errors) == ["sample"]
    assert "{&quot;a&quot;: " in response.content.decode()


def test_another_message_is_loaded_and_choices_stay(
    client: Client, admin_user: User, integration: Integration
) -> None:
    first = receive(integration, '{"what": "one"}')
    receive(integration, '{"what": "two", "which": 2}')
    client.force_login(admin_user)

    response = client.post(
        url_of(integration), {"sample": "x", "title": "which", "event": first.pk, "load": "1"}
    )

    form = response.context["form"]
    assert json.loads(form["sample"].value()) == {"what": "one"}
    assert form["title"].value() == "which"
    html = text_of(response)
    assert "which (not in this message)" in html
    assert "Not in this message: Title." in html


def test_form_body_is_read_by_its_content_type(
    client: Client, admin_user: User, integration: Integration
) -> None:
    receive(
        integration, "subject=Backup+failed&host=db-1",
        content_type="application/x-www-form-urlencoded",
    )  # fmt: skip
    client.force_login(admin_user)

    assert "host: db-1" in text_of(client.get(url_of(integration)))


def test_hostile_message_is_escaped(
    client: Client, admin_user: User, integration: Integration
) -> None:
    receive(integration, json.dumps({"title": "<script>x</script>", "<b>": "</textarea><i>"}))
    client.force_login(admin_user)

    html = client.get(url_of(integration)).content.decode()

    assert "<script>x" not in html
    assert "</textarea><i>" not in html
    assert "<b>" not in html.partition("</head>")[2]


def test_messages_of_other_integrations_are_never_shown(
    client: Client, admin_user: User, integration: Integration
) -> None:
    other = receive(make_integration(kind="generic")[0], '{"title": "Not for you"}')
    client.force_login(admin_user)

    shown = client.get(url_of(integration), {"event": other.pk})
    loaded = client.post(url_of(integration), {"event": other.pk, "load": "1"})

    assert "Not for you" not in shown.content.decode() + loaded.content.decode()


def test_only_who_may_change_integrations_opens_it(
    client: Client, user_with: UserWith, integration: Integration
) -> None:
    receive(integration, '{"title": "Disk full"}')
    client.force_login(user_with("incidents.view_integration", "incidents.view_alertevent"))

    for pk in (integration.pk, 10_000):
        url = reverse("admin:incidents_integration_mapping", args=[pk])
        assert client.get(url).status_code == 403
        assert client.post(url, CHOSEN | {"save": "1"}).status_code == 403


def test_who_may_not_see_messages_can_only_paste_one(
    client: Client, user_with: UserWith, integration: Integration
) -> None:
    event = receive(integration, '{"title": "Disk full"}')
    client.force_login(user_with("incidents.change_integration"))

    shown = client.get(url_of(integration), {"event": event.pk})
    pasted = client.post(url_of(integration), CHOSEN | {"preview": "1"})

    assert "Disk full" not in shown.content.decode()
    assert "Queue is long" in pasted.content.decode()


def test_kind_with_a_format_of_its_own_has_no_mapping(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    assert client.get(url_of(make_integration(kind="pingdom")[0])).status_code == 404


def test_alertmanager_reads_a_payload_of_its_own_once_it_is_mapped(
    client: Client, admin_user: User
) -> None:
    make_severity()
    integration = make_integration(kind="alertmanager")[0]
    client.force_login(admin_user)

    client.post(url_of(integration), CHOSEN | {"save": "1"})

    integration.refresh_from_db()
    (alert,) = integration.adapter.read(receive(integration, NESTED).envelope()).alerts
    assert alert.title == "Queue is long"


def test_set_aside_messages_are_offered_for_another_try(
    client: Client, admin_user: User, integration: Integration
) -> None:
    receive(integration, NESTED, state="set_aside", set_aside_reason="Not understood.", due_at=None)
    client.force_login(admin_user)

    saved = client.post(url_of(integration), CHOSEN | {"save": "1"}, follow=True)

    assert "1 of its messages are set aside." in text_of(saved)


@pytest.mark.parametrize("count", [1, 8])
def test_queries_do_not_grow_with_messages(
    client: Client,
    admin_user: User,
    integration: Integration,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    alerts = json.dumps({"alerts": [{"title": str(each)} for each in range(count)]})
    for _ in range(count):
        receive(integration, alerts)
    client.force_login(admin_user)
    client.get(url_of(integration))

    with django_assert_num_queries(15):
        client.get(url_of(integration))
