"""Routing rules over the API: kept, tried, and messages explained by them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from incidents.models import AlertEvent, RoutingMatcher, RoutingRule, Severity
from tests.factories.api import client_of, refusal
from tests.factories.incidents import (
    make_alert,
    make_incident,
    make_integration,
    make_routing_rule,
    make_service,
    make_severity,
)
from tests.incidents.paging import Paging, alert

pytestmark = pytest.mark.django_db

type UserWith = Callable[..., User]
RULES = "/api/v1/routing-rules"
EXPLAIN = "/api/v1/explain"
MAY_SEE = ("incidents.view_routingrule", "incidents.view_alertevent")
MAY_KEEP = [f"incidents.{what}_routingrule" for what in ("view", "add", "change", "delete")]


@pytest.fixture
def editor(user_with: UserWith) -> APIClient:
    return client_of(user_with(*MAY_KEEP, "incidents.view_incident", username="editor"))


@pytest.fixture
def reader(user_with: UserWith) -> APIClient:
    return client_of(user_with(*MAY_SEE, "incidents.view_incident", username="reader"))


@pytest.fixture
def paging(now: Any, clock: Any) -> Paging:
    return Paging(None, at=now)


def web(key: str = "a") -> dict[str, Any]:
    return alert(key, labels={"team": "web"})


WEB = {"label": "team", "operator": "equals", "value": "web"}

# --- Keeping rules ----------------------------------------------------------------------------


def test_rule_is_made_with_its_conditions(editor: APIClient) -> None:
    service = make_service(slug="storage")

    made = editor.post(
        RULES,
        {"name": "Web", "position": 7, "service": "storage", "matchers": [WEB]},
        format="json",
    )

    rule = RoutingRule.objects.get()
    assert (made.status_code, made.json()["key"]) == (201, str(rule.pk))
    assert (rule.position, rule.service) == (7, service)
    assert [str(each) for each in rule.matchers.all()] == ["team is web"]


def test_conditions_that_are_sent_replace_the_old_ones(editor: APIClient) -> None:
    rule = make_routing_rule()
    RoutingMatcher.objects.create(rule=rule, label="env", value="prod")

    editor.patch(f"{RULES}/{rule.pk}", {"position": 3}, format="json")
    assert rule.matchers.get().label == "env"

    changed = editor.patch(f"{RULES}/{rule.pk}", {"matchers": [WEB]}, format="json")
    assert changed.json()["matchers"] == [WEB]
    assert rule.matchers.get().label == "team"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"is_suppressing": True}, "suppress_reason"),
        ({"is_suppressing": True, "suppress_reason": "Known.", "hold_minutes": 5}, "hold_minutes"),
        ({"suppress_until": "2030-01-01T00:00:00Z"}, "suppress_until"),
        ({"attach_to": "INC-999999"}, "attach_to"),
        ({"service": "nothing"}, "service"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_makes_no_sense_is_refused_on_its_field(
    editor: APIClient, given: dict[str, Any], field: str
) -> None:
    answer = editor.post(RULES, {"name": "Rule"} | given, format="json")

    assert refusal(answer) == (400, "invalid", [field])
    assert not RoutingRule.objects.exists()


def test_pattern_that_cannot_be_used_is_refused(editor: APIClient) -> None:
    condition = {"label": "env", "operator": "matches", "value": "(?=a)"}

    answer = editor.post(RULES, {"name": "Rule", "matchers": [condition]}, format="json")

    assert answer.status_code == 400
    assert "no regular expression" in answer.content.decode()


def test_incident_that_is_over_cannot_be_joined(editor: APIClient) -> None:
    over = make_incident(phase="closed")

    answer = editor.post(RULES, {"name": "Rule", "attach_to": over.reference}, format="json")

    assert refusal(answer) == (400, "invalid", ["attach_to"])


def test_private_incident_is_named_to_nobody_who_may_not_see_it(editor: APIClient) -> None:
    private = make_incident(is_private=True)
    rule = make_routing_rule(attach_to=private)
    shown = make_routing_rule(attach_to=make_incident())

    rows = {row["key"]: row["attach_to"] for row in editor.get(RULES).json()["results"]}

    assert rows == {str(rule.pk): None, str(shown.pk): shown.attach_to.reference}
    tried = editor.post(RULES, {"name": "Rule", "attach_to": private.reference}, format="json")
    assert refusal(tried) == (400, "invalid", ["attach_to"])


def test_rules_are_listed_as_they_are_tried(editor: APIClient) -> None:
    last = make_routing_rule(position=2)
    first = make_routing_rule(position=1)

    rows = editor.get(RULES).json()["results"]

    assert [row["name"] for row in rows] == [first.name, last.name]


@pytest.mark.parametrize("count", [1, 3])
def test_list_takes_constant_queries(
    editor: APIClient, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        rule = make_routing_rule(attach_to=make_incident(), service=make_service())
        RoutingMatcher.objects.create(rule=rule, label="env", value="prod")

    with django_assert_num_queries(6):
        editor.get(RULES)


def test_rule_that_alerts_name_is_not_deleted(editor: APIClient) -> None:
    used = make_routing_rule(is_suppressing=True, suppress_reason="Known.")
    make_alert(suppressed_by=used)
    unused = make_routing_rule()

    assert refusal(editor.delete(f"{RULES}/{used.pk}"))[:2] == (409, "in_use")
    assert editor.delete(f"{RULES}/{unused.pk}").status_code == 204
    assert list(RoutingRule.objects.all()) == [used]


@pytest.mark.parametrize(("method", "path"), [("post", ""), ("patch", "/1"), ("delete", "/1")])
def test_changing_rules_needs_the_right(reader: APIClient, method: str, path: str) -> None:
    assert refusal(getattr(reader, method)(RULES + path, {}))[:2] == (403, "permission_denied")


# --- Trying -----------------------------------------------------------------------------------


def test_rule_that_is_not_saved_is_tried(reader: APIClient, paging: Paging) -> None:
    paging.send(web())
    rule = {"name": "Quiet", "is_suppressing": True, "suppress_reason": "Known."}

    answer = reader.post(f"{RULES}/try", rule | {"matchers": [WEB]}, format="json").json()

    assert (answer["events"], answer["matched"], answer["moved"]) == (1, 1, 1)
    assert (answer["incidents_before"], answer["incidents_after"]) == (1, 0)
    assert answer["samples"][0]["after"]["fate"] == "suppressed"
    assert not RoutingRule.objects.exists()


def test_saved_rule_is_tried(reader: APIClient, paging: Paging) -> None:
    paging.send(web())
    rule = make_routing_rule(severity=Severity.objects.get(slug="sev4"), is_active=False)

    answer = reader.post(f"{RULES}/{rule.pk}/try").json()

    assert answer["changes"] == {"have another severity": 1}


@pytest.mark.parametrize("held", MAY_SEE)
@pytest.mark.parametrize("path", [f"{RULES}/try", f"{RULES}/1/try", EXPLAIN])
def test_trying_and_explaining_needs_both_rights(user_with: UserWith, held: str, path: str) -> None:
    assert refusal(client_of(user_with(held)).post(path))[:2] == (403, "permission_denied")
    assert refusal(APIClient().post(path))[:2] == (401, "not_authenticated")


# --- Explaining -------------------------------------------------------------------------------


def test_stored_message_is_explained(reader: APIClient, paging: Paging) -> None:
    rule = make_routing_rule(severity=Severity.objects.get(slug="sev2"))
    RoutingMatcher.objects.create(rule=rule, label="team", value="web")
    event = paging.send(web())
    paging.tick()

    answer = reader.post(EXPLAIN, {"event": event.pk}, format="json").json()

    [told] = answer["alerts"]
    assert (told["fate"], told["rule"], told["severity"]) == ("opens", rule.name, "sev2")
    assert told["rules"][0]["checks"] == [WEB | {"found": "web", "holds": True}]
    assert told["became"] == paging.incident.reference
    assert told["calls"][0]["title"]


@pytest.mark.parametrize("as_text", [True, False])
def test_given_message_is_explained_and_not_stored(
    reader: APIClient, paging: Paging, as_text: bool
) -> None:
    body: Any = {"version": "4", "groupKey": "g", "alerts": [web()]}
    if as_text:
        body = json.dumps(body)

    answer = reader.post(EXPLAIN, {"integration": "prometheus", "body": body}, format="json").json()

    assert [told["title"] for told in answer["alerts"]] == ["Alert a"]
    assert not AlertEvent.objects.exists()


def test_message_that_cannot_be_read_is_answered_with_the_reason(
    reader: APIClient, paging: Paging
) -> None:
    given = {"integration": "prometheus", "body": "no"}

    answer = reader.post(EXPLAIN, given, format="json")

    assert (answer.status_code, answer.json()["alerts"]) == (200, [])
    assert "not JSON" in answer.json()["refusal"]


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, ["body", "integration"]),
        ({"event": 999_999}, ["event"]),
        ({"integration": "nothing", "body": "{}"}, ["integration"]),
        ({"integration": "ours", "body": "x" * 600_000}, ["body"]),
    ],
)
def test_incomplete_questions_are_refused(
    reader: APIClient, given: dict[str, Any], fields: list[str]
) -> None:
    make_severity()
    make_integration(slug="ours")

    assert refusal(reader.post(EXPLAIN, given, format="json")) == (400, "invalid", fields)
