"""Which rule decides, and what is left to the label and the integration."""

from datetime import UTC, datetime
from typing import Any

import pytest

from incidents.intake import Action, NormalisedAlert
from incidents.maintenance import Windows
from incidents.models import (
    Integration,
    RoutingMatcher,
    RoutingRule,
    Service,
    Severity,
)
from incidents.routing import Router
from roster.errors import DomainError

# Routing is a pure function of rows, which need not be saved for it.
SEVERITIES = [
    Severity(pk=rank, slug=f"sev{rank}", name=f"SEV{rank}", rank=rank, aliases=aliases)
    for rank, aliases in enumerate(("P1, critical", "P2, high", "medium", "P4, low", ""), start=1)
]
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CHECKOUT = Service(pk=1, slug="checkout", name="Checkout")
STORAGE = Service(pk=2, slug="storage", name="Storage")


def an_alert(severity: str = "", group: str = "group", **labels: str) -> NormalisedAlert:
    return NormalisedAlert(
        dedup_key="key",
        action=Action.TRIGGER,
        title="Down",
        severity_label=severity,
        group=group,
        labels=labels,
    )


def routed(alert: NormalisedAlert, *rules: RoutingRule, severity: Severity | None = None):
    return a_router(Integration(service=CHECKOUT, severity=severity), *rules).route(alert)


def a_router(integration: Integration, *rules: RoutingRule, at: datetime = AT) -> Router:
    return Router(integration, list(rules), SEVERITIES, windows=Windows([], at), at=at)


def a_rule(*matchers: tuple[str, str, str], **fields: Any) -> RoutingRule:
    rule = RoutingRule(pk=1, name="rule", **fields)
    made = [RoutingMatcher(label=label, operator=op, value=value) for label, op, value in matchers]
    rule._prefetched_objects_cache = {"matchers": made}
    return rule


def test_without_rules_the_integration_decides():
    route = routed(an_alert())

    assert (route.service, route.rule, route.suppressed_by) == (CHECKOUT, None, None)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("critical", "sev1"),
        ("p1", "sev1"),
        ("fatal", "sev1"),
        ("sev2", "sev2"),
        ("page", "sev2"),
        ("error", "sev3"),
        ("warning", "sev4"),
        ("info", "sev5"),
        ("none", "sev5"),
        ("", "sev3"),
        ("purple", "sev3"),
    ],
)
def test_severity_by_label(label, expected):
    assert routed(an_alert(label)).severity.slug == expected


def test_severity_not_given_is_that_of_the_integration():
    assert routed(an_alert(), severity=SEVERITIES[4]).severity.slug == "sev5"


def test_severity_of_label_wins_over_integration():
    assert routed(an_alert("critical"), severity=SEVERITIES[4]).severity.slug == "sev1"


def test_severity_of_rule_wins_over_label():
    assert routed(an_alert("critical"), a_rule(severity=SEVERITIES[1])).severity.slug == "sev2"


def test_first_rule_that_matches_decides():
    other = a_rule(("team", "equals", "data"), service=STORAGE)
    first = a_rule(("team", "equals", "web"), service=STORAGE)
    second = a_rule(service=CHECKOUT)

    assert routed(an_alert(team="web"), other, first, second).rule is first


@pytest.mark.parametrize(
    ("matcher", "labels", "is_met"),
    [
        (("env", "equals", "prod"), {"env": "prod"}, True),
        (("env", "equals", "prod"), {"env": "production"}, False),
        (("env", "equals", "prod"), {}, False),
        (("env", "equals", ""), {}, True),
        (("env", "in", "prod, staging"), {"env": "staging"}, True),
        (("env", "in", "prod, staging"), {"env": "test"}, False),
        (("env", "matches", "prod.*"), {"env": "production"}, True),
        (("env", "matches", "rod"), {"env": "prod"}, False),
        (("env", "matches", "("), {"env": "("}, False),
        (("env", "absent", ""), {}, True),
        (("env", "absent", ""), {"env": "prod"}, False),
    ],
)
def test_matcher(matcher, labels, is_met):
    rule = a_rule(matcher)

    assert (routed(an_alert(**labels), rule).rule is rule) is is_met


def test_all_matchers_of_a_rule_must_hold():
    rule = a_rule(("env", "equals", "prod"), ("team", "equals", "web"))

    assert routed(an_alert(env="prod"), rule).rule is None


def test_suppressing_rule_is_named():
    rule = a_rule(is_suppressing=True, suppress_reason="Known.")

    assert routed(an_alert(), rule).suppressed_by is rule


def test_group_by_labels_instead_of_the_monitors_group():
    rule = a_rule(group_by=["cluster"])
    first = routed(an_alert(group="one", cluster="eu"), rule)
    same = routed(an_alert(group="two", cluster="eu"), rule)
    other = routed(an_alert(group="one", cluster="us"), rule)

    assert first.grouping_key == same.grouping_key != other.grouping_key


def test_group_of_another_service_is_another_group():
    rule = a_rule(("team", "equals", "data"), service=STORAGE)

    assert (
        routed(an_alert(team="data"), rule).grouping_key
        != routed(an_alert(team="web"), rule).grouping_key
    )


def test_no_severities_is_refused_with_what_to_do():
    with pytest.raises(DomainError, match="Load the reference data"):
        Router(Integration(service=CHECKOUT), [], [], windows=Windows([], AT), at=AT)
