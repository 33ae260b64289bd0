"""Events set aside, the matrices, and the lists beside them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from incidents.admin.monitoring import readable
from incidents.models import AlertEvent, Duty, RoutingRule, SeverityRule
from tests.factories.incidents import (
    make_alert,
    make_event,
    make_incident,
    make_integration,
    make_page,
    make_responder,
    make_role,
    make_routing_rule,
    make_service,
    make_severity,
    make_severity_rule,
)

pytestmark = pytest.mark.django_db
UserWith = Callable[..., User]


def set_aside(**fields: Any) -> AlertEvent:
    fields = {"state": "set_aside", "set_aside_reason": "Not understood.", "due_at": None} | fields
    return make_event(**fields)


# --- Events ---------------------------------------------------------------------------------


def test_event_body_is_indented_and_escaped(client: Client, admin_user: User) -> None:
    event = set_aside(body=b'{"alert": "<script>alert(1)</script>"}')
    client.force_login(admin_user)

    url = reverse("admin:incidents_alertevent_change", args=[event.pk])
    html = client.get(url).content.decode()

    assert "<script>alert(1)" not in html
    assert "{\n  &quot;alert&quot;: &quot;&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"a":1}', '{\n  "a": 1\n}'),
        (b"not json", "not json"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
    ],
    ids=["json", "text", "bytes"],
)
def test_readable_copes_with_any_body(body: bytes, shown: str) -> None:
    assert readable(body) == shown


def test_event_is_retried_by_dialog_only(client: Client, user_with: UserWith) -> None:
    event = set_aside()
    url = reverse("admin:incidents_alertevent_retry", args=[event.pk])
    client.force_login(user_with("incidents.view_alertevent", "incidents.change_alertevent"))

    client.get(url)
    event.refresh_from_db()
    assert event.state == AlertEvent.State.SET_ASIDE
    response = client.post(url, {"_form_submitted": "True"})
    event.refresh_from_db()
    assert event.state == AlertEvent.State.RECEIVED
    assert response["HX-Redirect"] == reverse("admin:incidents_alertevent_change", args=[event.pk])


def test_event_is_retried_by_nobody_without_permission(client: Client, user_with: UserWith) -> None:
    event = set_aside()
    client.force_login(user_with("incidents.view_alertevent"))

    url = reverse("admin:incidents_alertevent_retry", args=[event.pk])
    assert client.post(url, {"_form_submitted": "True"}).status_code == 403


def test_events_are_retried_together_and_refusals_are_told(
    client: Client, admin_user: User
) -> None:
    aside, processed = set_aside(), set_aside()
    AlertEvent.objects.filter(pk=processed.pk).update(
        state="received", set_aside_reason="", due_at=processed.received_at
    )
    client.force_login(admin_user)
    chosen = {"action": "retry_selected", "_selected_action": [aside.pk, processed.pk]}

    response = client.post("/admin/incidents/alertevent/", chosen, follow=True)

    told = [str(message) for message in response.context["messages"]]
    assert len(told) == 2
    assert "no longer set aside" in told[0]
    assert told[1] == "1 will be processed again in a moment."


# --- Rules and matrices -----------------------------------------------------------------------


def test_rule_takes_labels_with_commas(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)
    typed = {"name": "By cluster", "position": 1, "is_active": "on", "group_by": "cluster, job"}
    typed |= {"hold_minutes": "0"}
    inline = {"matchers-TOTAL_FORMS": 1, "matchers-INITIAL_FORMS": 0}
    matcher = {
        "matchers-0-label": "team",
        "matchers-0-operator": "equals",
        "matchers-0-value": "web",
    }

    client.post("/admin/incidents/routingrule/add/", typed | inline | matcher)

    rule = RoutingRule.objects.get()
    assert rule.group_by == ["cluster", "job"]
    assert [str(matcher) for matcher in rule.matchers.all()] == ["team is web"]


def test_severity_matrix_is_saved_as_a_whole(client: Client, admin_user: User) -> None:
    extent, degree = make_severity_rule(make_severity(3))
    url = reverse("admin:incidents_severity_matrix")
    client.force_login(admin_user)

    client.get(url)
    client.post(url, {f"field_{extent.pk}_{degree.pk}": make_severity(1).pk})

    assert [rule.severity.name for rule in SeverityRule.objects.all()] == ["SEV1"]


def test_severity_matrix_is_changed_by_nobody_without_permission(
    client: Client, user_with: UserWith
) -> None:
    make_severity_rule(make_severity(3))
    client.force_login(user_with("incidents.view_severity"))

    assert client.get(reverse("admin:incidents_severity_matrix")).status_code == 200
    assert client.post(reverse("admin:incidents_severity_matrix")).status_code == 403
    assert SeverityRule.objects.count() == 1


def test_duty_matrix_is_saved_as_a_whole(client: Client, admin_user: User) -> None:
    duty, role, other = Duty.objects.create(name="Keeps time"), make_role(), make_role()
    duty.roles.add(other)
    client.force_login(admin_user)

    client.post(reverse("admin:incidents_duty_matrix"), {f"{duty.pk}-{role.pk}": "on"})

    assert list(duty.roles.all()) == [role]


def test_duty_matrix_is_changed_by_nobody_without_permission(
    client: Client, user_with: UserWith
) -> None:
    client.force_login(user_with("incidents.view_duty"))

    assert client.post(reverse("admin:incidents_duty_matrix")).status_code == 403


# --- Lists ------------------------------------------------------------------------------------

LISTS: dict[str, tuple[Callable[[], object], int]] = {
    "alert": (lambda: make_alert(make_incident()), 7),
    "alertevent": (set_aside, 6),
    "integration": (make_integration, 9),
    "page": (lambda: make_page(make_incident()), 5),
    "responder": (make_responder, 5),
    "routingrule": (make_routing_rule, 9),
    "service": (make_service, 8),
}


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("model", LISTS)
def test_list_takes_the_same_queries_for_any_number_of_rows(
    model: str, rows: int, client: Client, admin_user: User, django_assert_num_queries: Any
) -> None:
    make, queries = LISTS[model]
    for _ in range(rows):
        make()
    client.force_login(admin_user)

    with django_assert_num_queries(queries):
        client.get(f"/admin/incidents/{model}/")


@pytest.mark.parametrize("model", ["alert", "page", "responder"])
def test_list_leaves_out_what_belongs_to_a_private_incident(
    model: str, client: Client, user_with: UserWith
) -> None:
    incident = make_incident(is_private=True)
    {"alert": make_alert, "page": make_page, "responder": make_responder}[model](incident)
    client.force_login(user_with(f"incidents.view_{model}"))

    response = client.get(f"/admin/incidents/{model}/")

    assert list(response.context["cl"].result_list) == []
