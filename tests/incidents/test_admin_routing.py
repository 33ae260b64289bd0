"""The form of a rule, its trial, and the page that explains a message."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents.admin.rule_forms import names_seen
from incidents.models import Alert, AlertEvent, RoutingMatcher, RoutingRule
from tests.factories.incidents import (
    make_alert,
    make_event,
    make_incident,
    make_integration,
    make_routing_rule,
    make_service,
)
from tests.factories.maintenance import make_maintenance
from tests.incidents.paging import Paging, alert, webhook

pytestmark = pytest.mark.django_db

type UserWith = Callable[..., User]
ADD = "/admin/incidents/routingrule/add/"
TRY = "/admin/incidents/routingrule/try/"
EXPLAIN = "/admin/incidents/routingrule/explain/"
MAY_SEE = ("incidents.view_routingrule", "incidents.view_alertevent")
MAY_KEEP = (*MAY_SEE, "incidents.add_routingrule", "incidents.change_routingrule")


@pytest.fixture
def paging(now: Any, clock: Any) -> Paging:
    return Paging(None, at=now)


def web(key: str = "a") -> dict[str, Any]:
    return alert(key, labels={"team": "web"})


def typed(*conditions: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    """The form of a rule, as a browser sends it."""
    form = {
        "name": "Typed",
        "position": 10,
        "is_active": "on",
        "hold_minutes": 0,
        "matchers-TOTAL_FORMS": len(conditions),
        "matchers-INITIAL_FORMS": 0,
    }
    for number, (label, operator, value) in enumerate(conditions):
        names = {"label": label, "operator": operator, "value": value}
        form |= {f"matchers-{number}-{name}": given for name, given in names.items()}
    return form | fields


def errors_of(client: Client, form: dict[str, Any]) -> dict[str, list[str]]:
    response = client.post(ADD, form)
    assert response.status_code == 200, "it was saved"
    return dict(response.context["adminform"].form.errors)


# --- The form ---------------------------------------------------------------------------------


def test_rule_is_saved_with_its_conditions(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    client.post(ADD, typed(("team", "in", "web, data"), group_by="cluster, job"))

    rule = RoutingRule.objects.get()
    assert (rule.group_by, [str(each) for each in rule.matchers.all()]) == (
        ["cluster", "job"],
        ["team is one of web, data"],
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"is_suppressing": "on"}, "suppress_reason"),
        ({"is_suppressing": "on", "suppress_reason": "Known", "hold_minutes": 5}, "hold_minutes"),
        ({"is_suppressing": "on", "suppress_reason": "Known", "declares": "on"}, "declares"),
        ({"suppress_until_0": "2030-01-01", "suppress_until_1": "10:00"}, "suppress_until"),
        (
            {
                "is_suppressing": "on",
                "suppress_reason": "Known",
                "suppress_until_0": "2020-01-01",
                "suppress_until_1": "10:00",
            },
            "suppress_until",
        ),
        ({"group_minutes": 0}, "group_minutes"),
    ],
)
def test_what_contradicts_itself_is_said_on_its_field(
    client: Client, admin_user: User, fields: dict[str, Any], field: str
) -> None:
    client.force_login(admin_user)

    assert list(errors_of(client, typed(**fields))) == [field]


def test_live_incidents_that_may_be_seen_are_offered_to_join(
    client: Client, user_with: UserWith
) -> None:
    live = make_incident(title="Live one")
    make_incident(title="Secret one", is_private=True)
    make_incident(title="Over", phase="closed")
    client.force_login(user_with(*MAY_KEEP, "incidents.view_incident"))

    field = client.get(ADD).context["adminform"].form.fields["attach_to"]

    assert list(field.queryset) == [live]
    assert "Secret one" not in client.get(ADD).content.decode()


def test_private_incident_that_is_set_is_not_named(client: Client, user_with: UserWith) -> None:
    rule = make_routing_rule(attach_to=make_incident(title="Secret one", is_private=True))
    client.force_login(user_with(*MAY_KEEP, "incidents.view_incident"))

    url = reverse("admin:incidents_routingrule_change", args=[rule.pk])
    html = client.get(url).content.decode()

    assert "Secret one" not in html
    assert "An incident that you may not see" in html


def test_new_rule_comes_behind_all_others(client: Client, admin_user: User) -> None:
    make_routing_rule(position=40)
    client.force_login(admin_user)

    assert client.get(ADD).context["adminform"].form.initial["position"] == 50


def test_names_of_recent_labels_are_offered_the_common_ones_first() -> None:
    make_alert(labels={"env": "prod", "team": "web"})
    make_alert(labels={"env": "test"})

    assert names_seen()[:3] == ["env", "team", "title"]


def test_rule_without_conditions_is_warned_of(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    response = client.post(ADD, typed(), follow=True)

    said = [str(message) for message in response.context["messages"]]
    assert any("matches every alert" in each for each in said)


def test_inactive_rule_leads_to_its_trial(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    response = client.post(ADD, typed(is_active=""))

    pk = RoutingRule.objects.get().pk
    assert response["Location"] == reverse("admin:incidents_routingrule_try", args=[pk])


@pytest.mark.parametrize("count", [1, 4])
def test_form_takes_constant_queries(
    client: Client, admin_user: User, count: int, django_assert_num_queries: Any
) -> None:
    rule = make_routing_rule()
    for number in range(count):
        RoutingMatcher.objects.create(rule=rule, label=f"label-{number}", value="prod")
        make_alert(labels={f"name-{number}": "x"})
    client.force_login(admin_user)
    url = reverse("admin:incidents_routingrule_change", args=[rule.pk])
    client.get(url)  # content types are remembered from now on

    with django_assert_num_queries(12):
        client.get(url)


# --- The trial --------------------------------------------------------------------------------


def test_typed_rule_is_tried_and_not_saved(
    client: Client, admin_user: User, paging: Paging
) -> None:
    paging.send(web())
    client.force_login(admin_user)

    form = typed(("team", "equals", "web"), is_suppressing="on", suppress_reason="Known.")
    response = client.post(TRY, form)

    trial = response.context["trial"]
    assert (trial.matched, trial.incidents_before, trial.incidents_after) == (1, 1, 0)
    assert "As typed, not saved" in response.content.decode()
    assert not RoutingRule.objects.exists()


def test_changes_typed_into_a_saved_rule_are_tried_and_not_saved(
    client: Client, admin_user: User, paging: Paging
) -> None:
    paging.send(web())
    rule = make_routing_rule()
    matcher = RoutingMatcher.objects.create(rule=rule, label="team", value="data")
    client.force_login(admin_user)
    form = typed(("team", "equals", "web"), name=rule.name)
    form |= {
        "matchers-INITIAL_FORMS": 1,
        "matchers-0-id": matcher.pk,
        "matchers-0-rule": rule.pk,
    }

    response = client.post(reverse("admin:incidents_routingrule_try", args=[rule.pk]), form)

    assert response.context["trial"].matched == 1
    matcher.refresh_from_db()
    assert matcher.value == "data"


def test_condition_that_is_deleted_in_the_form_is_not_tried(
    client: Client, admin_user: User, paging: Paging
) -> None:
    paging.send(web())
    rule = make_routing_rule()
    matcher = RoutingMatcher.objects.create(rule=rule, label="team", value="data")
    client.force_login(admin_user)
    form = typed(("team", "equals", "data"), name=rule.name)
    form |= {
        "matchers-INITIAL_FORMS": 1,
        "matchers-0-id": matcher.pk,
        "matchers-0-rule": rule.pk,
        "matchers-0-DELETE": "on",
    }

    response = client.post(reverse("admin:incidents_routingrule_try", args=[rule.pk]), form)

    assert response.context["trial"].matched == 1
    assert rule.matchers.exists()


def test_rule_that_cannot_be_tried_says_what_to_correct(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)

    response = client.post(TRY, typed(("env", "matches", "("), is_suppressing="on"))

    html = response.content.decode()
    assert response.status_code == 400
    assert "Say why these alerts page nobody." in html
    assert "no regular expression" in html


def test_saved_rule_is_switched_on_by_post_only(client: Client, admin_user: User) -> None:
    rule = make_routing_rule(is_active=False)
    client.force_login(admin_user)
    url = reverse("admin:incidents_routingrule_on", args=[rule.pk])

    assert client.get(url).status_code == 405
    assert "Switch it on" in client.get(url.replace("/on/", "/try/")).content.decode()
    client.post(url)
    rule.refresh_from_db()
    assert rule.is_active


@pytest.mark.parametrize(
    ("held", "method", "page"),
    [
        (MAY_SEE[:1], "get", "try"),
        (MAY_SEE[1:], "get", "try"),
        (MAY_SEE, "post", "try"),
        (MAY_SEE, "post", "on"),
    ],
)
def test_trial_and_switch_need_their_rights(
    client: Client, user_with: UserWith, held: tuple[str, ...], method: str, page: str
) -> None:
    rule = make_routing_rule(is_active=False)
    client.force_login(user_with(*held))

    url = reverse(f"admin:incidents_routingrule_{page}", args=[rule.pk])
    assert getattr(client, method)(url).status_code == 403
    rule.refresh_from_db()
    assert not rule.is_active


# --- The explainer ----------------------------------------------------------------------------


def test_stored_message_is_explained(client: Client, admin_user: User, paging: Paging) -> None:
    rule = make_routing_rule(name="Web to the front")
    RoutingMatcher.objects.create(rule=rule, label="team", value="web")
    event = paging.send(web())
    paging.tick()
    client.force_login(admin_user)

    html = client.get(f"{EXPLAIN}?event={event.pk}").content.decode()

    assert "Web to the front" in html
    assert "(found “web”)" in html
    assert "Opens an incident" in html
    assert paging.incident.reference in html


def test_pasted_message_is_explained_and_not_stored(
    client: Client, admin_user: User, paging: Paging
) -> None:
    make_maintenance(paging.service, name="Upgrade", starts_at=paging.at)
    client.force_login(admin_user)

    form = {"integration": paging.integration.pk, "body": webhook(web()).decode()}
    html = client.post(EXPLAIN, form).content.decode()

    assert "It is recorded and pages nobody: Upgrade is on." in html
    assert not AlertEvent.objects.exists()
    assert not Alert.objects.exists()


def test_what_a_message_says_is_escaped(client: Client, admin_user: User, paging: Paging) -> None:
    client.force_login(admin_user)
    evil = alert("a", labels={"alertname": "<script>alert(1)</script>", "team": "<b>"})
    rule = make_routing_rule()
    RoutingMatcher.objects.create(rule=rule, label="team", value="<i>")

    form = {"integration": paging.integration.pk, "body": webhook(evil).decode()}
    html = client.post(EXPLAIN, form).content.decode()

    assert "<script>alert(1)" not in html
    assert "&lt;b&gt;" in html


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"body": "no"}, "It cannot be read: The body is not JSON."),
        ({"headers": "no colon"}, "Write “Name: value”, not “no colon”."),
        ({"integration": ""}, "This field is required."),
    ],
)
def test_what_cannot_be_explained_says_why(
    client: Client, admin_user: User, paging: Paging, form: dict[str, str], says: str
) -> None:
    client.force_login(admin_user)
    whole = {"integration": paging.integration.pk, "body": "{}"}

    assert says in client.post(EXPLAIN, whole | form).content.decode()


@pytest.mark.parametrize("pk", ["999999", "no", "9" * 30])
def test_message_that_is_not_there_is_not_found(client: Client, admin_user: User, pk: str) -> None:
    client.force_login(admin_user)

    assert client.get(f"{EXPLAIN}?event={pk}").status_code == 404


@pytest.mark.parametrize("held", MAY_SEE)
def test_explaining_needs_both_rights(client: Client, user_with: UserWith, held: str) -> None:
    event = make_event()
    client.force_login(user_with(held))

    assert client.get(f"{EXPLAIN}?event={event.pk}").status_code == 403
    assert client.post(EXPLAIN).status_code == 403
    assert "incidents_explain" not in client.get("/admin/").content.decode()
    assert EXPLAIN not in client.get("/admin/").content.decode()


def test_message_leads_to_its_explanation(client: Client, admin_user: User) -> None:
    event = make_event()
    client.force_login(admin_user)

    url = reverse("admin:incidents_alertevent_explain", args=[event.pk])

    assert client.get(url)["Location"] == f"{EXPLAIN}?event={event.pk}"


def test_private_incident_is_not_named_on_the_page(
    client: Client, user_with: UserWith, paging: Paging
) -> None:
    incident = make_incident(title="Secret one", is_private=True)
    make_routing_rule(attach_to=incident)
    event = paging.send(web())
    paging.tick()
    client.force_login(user_with(*MAY_SEE, "incidents.view_incident"))

    html = client.get(f"{EXPLAIN}?event={event.pk}").content.decode()

    assert "Secret one" not in html
    assert incident.reference not in html
    assert "Joins an incident" in html


# --- The list ---------------------------------------------------------------------------------


def test_list_says_what_each_rule_does_and_whether_it_is_on(
    client: Client, admin_user: User
) -> None:
    past = timezone.now() - timedelta(days=1)
    quiet = {"is_suppressing": True, "suppress_reason": "Known."}
    make_routing_rule(position=1, **quiet)
    make_routing_rule(position=2, suppress_until=past, **quiet)
    make_routing_rule(position=3, hold_minutes=5, is_active=False)
    make_routing_rule(position=4, service=make_service(), integration=make_integration()[0])
    client.force_login(admin_user)

    html = client.get("/admin/incidents/routingrule/").content.decode()

    chips = re.findall(r'class="mu-chip"[^>]*>([^<]+)<', html)
    assert chips == [
        "On",
        "Suppressed",
        "Passed over: its time is up",
        "Suppressed",
        "Off",
        "Held 5 min",
        "On",
        "Page",
    ]
