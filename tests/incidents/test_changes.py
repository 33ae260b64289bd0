"""What was changed: kept once with the newest word, and shown beside the incident."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from incidents import changes, processing
from incidents.intake.notification import Link, NormalisedChange
from incidents.models import Change, Incident, Service
from tests.factories.incidents import (
    DETECTED_AT,
    make_change,
    make_event,
    make_incident,
    make_integration,
    make_service,
    make_severity,
)
from tests.incidents.damage import FIXTURES

pytestmark = pytest.mark.django_db


def told(key: str = "deployment:1", **fields: Any) -> NormalisedChange:
    fields.setdefault("title", "Deploy main to production")
    return NormalisedChange(key=key, **fields)


# --- Taking them in ------------------------------------------------------------------------------


def test_change_is_kept_with_what_was_said(now):
    integration, _ = make_integration(kind="github")
    event = make_event(integration, received_at=now)
    said = told(
        kind="deployment",
        state="success",
        environment="production",
        source="Example/checkout",
        actor="Ruth",
        at=now - timedelta(minutes=3),
        links=[Link("Deployment", "https://deploy.example.com/")],
        labels={"ref": "main"},
    )

    changes.take_all(integration, [(said, event)], at=now)

    row = Change.objects.get()
    assert (row.title, row.state, row.actor_name) == (
        "Deploy main to production",
        "success",
        "Ruth",
    )
    assert row.at == now - timedelta(minutes=3)
    assert row.links == [{"label": "Deployment", "url": "https://deploy.example.com/"}]
    assert (row.service, row.event) == (integration.service, event)


def test_later_word_replaces_the_earlier(now):
    integration, _ = make_integration()
    for minute, state in enumerate(["created", "in_progress", "success"]):
        event = make_event(integration, received_at=now + timedelta(minutes=minute))
        changes.take_all(integration, [(told(state=state), event)], at=event.received_at)

    assert [row.state for row in Change.objects.all()] == ["success"]


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_word_that_comes_late_changes_nothing(is_one_batch, now):
    integration, _ = make_integration()
    newer, older = (
        (told(state=state, at=now - timedelta(minutes=ago)), make_event(integration))
        for state, ago in (("success", 1), ("in_progress", 5))
    )

    batches = [[newer, older]] if is_one_batch else [[newer], [older]]
    written = [changes.take_all(integration, batch, at=now) for batch in batches]

    assert [row.state for row in Change.objects.all()] == ["success"]
    assert sum(written) == 1


def test_same_key_of_two_integrations_is_two_changes(now):
    for _ in range(2):
        event = make_event()
        changes.take_all(event.integration, [(told(), event)], at=now)

    assert Change.objects.count() == 2


def test_service_is_the_one_named_for_the_repository(now):
    payments = make_service(slug="payments")
    named = {"Example/Checkout": "payments", "example/gone": "no-such-service"}
    integration, _ = make_integration(kind="github", options={"services": named})
    event = make_event(integration)
    sources = ["example/checkout", "example/gone", "example/other"]

    changes.take_all(integration, [(told(s, source=s), event) for s in sources], at=now)

    assert [row.service for row in Change.objects.order_by("key")] == [
        payments,
        integration.service,
        integration.service,
    ]


def test_clock_that_runs_ahead_does_not_hide_the_change(now):
    event = make_event(received_at=now)

    changes.take_all(event.integration, [(told(at=now + timedelta(days=2)), event)], at=now)

    assert Change.objects.get().at == now


def test_long_texts_are_cut_to_their_columns(now):
    event = make_event()
    long = told(
        "k" * 999,
        **dict.fromkeys(("title", "kind", "state", "environment", "source", "actor"), "x" * 999),
    )

    changes.take_all(event.integration, [(long, event)], at=now)

    Change.objects.get().full_clean()


@pytest.mark.parametrize("count", [1, 20])
def test_taking_them_in_costs_the_same_for_any_number(count, now, django_assert_num_queries):
    integration, _ = make_integration(options={"services": {"a/b": "none"}})
    event = make_event(integration)
    said = [(told(f"deployment:{n}", source="a/b"), event) for n in range(count)]

    with django_assert_num_queries(3):
        changes.take_all(integration, said, at=now)


def test_hook_of_github_becomes_a_change_and_pages_nobody(now):
    make_severity(3)
    integration, _ = make_integration(kind="github")
    body = (FIXTURES / "github" / "deployment_status.json").read_bytes()
    headers = {"x-github-event": "deployment_status"}
    make_event(integration, body=body, headers=headers, received_at=now)

    processing.process_due(at=now)

    assert Change.objects.get().title == "Deploy main to production"
    assert not Incident.objects.exists()


# --- What changed lately -------------------------------------------------------------------------


def lately(incident: Incident, *, now: datetime, limit: int = 10) -> list[str]:
    found = changes.before(incident, incident.services.all(), now=now, limit=limit)
    return [change.title for change in found.changes]


@pytest.fixture
def checkout() -> Service:
    return make_service(slug="checkout")


@pytest.fixture
def incident(checkout: Service) -> Incident:
    return make_incident(services=[checkout])


def test_changes_from_a_day_before_until_now_are_shown_newest_first(incident, checkout):
    now = DETECTED_AT + timedelta(hours=1)
    for title, at in {
        "too old": DETECTED_AT - timedelta(hours=24, seconds=1),
        "a day before": DETECTED_AT - timedelta(hours=24),
        "during": DETECTED_AT + timedelta(minutes=30),
        "to come": now + timedelta(minutes=1),
    }.items():
        make_change(checkout, title=title, at=at)

    assert lately(incident, now=now) == ["during", "a day before"]


def test_day_counts_from_when_the_impact_began(incident, checkout):
    incident.impact_began_at = DETECTED_AT - timedelta(hours=10)
    make_change(checkout, title="cause", at=DETECTED_AT - timedelta(hours=33))

    assert lately(incident, now=DETECTED_AT) == ["cause"]


def test_changes_of_what_the_services_need_are_shown_and_of_others_not(incident, checkout):
    payments, database, other = (make_service(slug=slug) for slug in ("pay", "db", "other"))
    checkout.depends_on.add(payments)
    payments.depends_on.add(database, checkout)  # in a circle
    other.depends_on.add(checkout)
    for service in (checkout, payments, database, other):
        make_change(service, title=service.slug)

    assert set(lately(incident, now=DETECTED_AT)) == {"checkout", "pay", "db"}


def test_older_ones_are_left_out_beyond_the_limit(incident, checkout):
    for hour in range(3):
        make_change(checkout, title=str(hour), at=DETECTED_AT - timedelta(hours=hour))

    found = changes.before(incident, [checkout], now=DETECTED_AT, limit=2)

    assert ([change.title for change in found.changes], found.has_more) == (["0", "1"], True)


# --- On the page ---------------------------------------------------------------------------------


def page_of(incident: Incident) -> str:
    return reverse("admin:incidents_incident_change", args=[incident.pk])


def test_page_shows_the_changes_with_their_links(
    incident, checkout, client: Client, admin_user: User
):
    make_change(
        checkout, title="Deploy v7", links=[{"label": "Run", "url": "https://ci.example.com/7"}]
    )
    client.force_login(admin_user)

    html = client.get(page_of(incident)).content.decode()

    assert "What changed lately" in html
    assert "Deploy v7" in html
    assert 'href="https://ci.example.com/7"' in html


def test_page_says_so_when_nothing_changed(incident, client: Client, admin_user: User):
    client.force_login(admin_user)

    assert "Nothing we were told of changed" in client.get(page_of(incident)).content.decode()


def test_page_keeps_changes_from_who_may_not_see_them(incident, checkout, client, user_with):
    make_change(checkout, title="Deploy v7")
    client.force_login(user_with("incidents.view_incident"))

    html = client.get(page_of(incident)).content.decode()

    assert "Deploy v7" not in html
    assert "What changed lately" not in html


@pytest.mark.parametrize("rows", [1, 3])
def test_looking_back_costs_three_queries(rows, incident, checkout, django_assert_num_queries):
    """The services, what they need, and their changes."""
    for _ in range(rows):
        needed = make_service()
        checkout.depends_on.add(needed)
        make_change(needed)

    with django_assert_num_queries(3):
        assert len(lately(incident, now=DETECTED_AT)) == rows


# --- The list, and the API -----------------------------------------------------------------------


def test_change_can_be_looked_at_and_not_edited(checkout, client: Client, admin_user: User):
    change = make_change(checkout, labels={"commit": "a10867b1"})
    client.force_login(admin_user)

    page = client.get(reverse("admin:incidents_change_change", args=[change.pk]))

    assert "commit = a10867b1" in page.content.decode()
    assert client.get("/admin/incidents/change/add/").status_code == 403


@pytest.mark.parametrize("rows", [1, 3])
def test_list_takes_the_same_queries_for_any_number(
    rows, client: Client, admin_user: User, django_assert_num_queries
):
    for _ in range(rows):
        make_change()
    client.force_login(admin_user)

    with django_assert_num_queries(10):
        client.get("/admin/incidents/change/")
