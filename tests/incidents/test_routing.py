"""Which rule decides, and what is left to the label and the integration."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.intake import Action, NormalisedAlert
from incidents.maintenance import Windows
from incidents.matching import value_of
from incidents.models import (
    Incident,
    Integration,
    RoutingMatcher,
    RoutingRule,
    Service,
    Severity,
)
from incidents.routing import Origin, Outcome, Router
from roster.errors import DomainError
from roster.models import EscalationPolicy
from tests.factories.incidents import (
    make_integration,
    make_routing_rule,
    make_service,
    make_severity,
)
from tests.factories.maintenance import make_maintenance

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
    conditional = [(rule, list(rule.matchers.all())) for rule in rules]
    return Router(integration, conditional, SEVERITIES, windows=Windows([], at), at=at)


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
        (("env", "matches", "(a+)+b"), {"env": "a" * 1_000}, False),
        (("env", "matches", "one.*three"), {"env": "one\ntwo\nthree"}, True),
        (("env", "matches", ""), {}, True),
        (("env", "in", "prod,, staging ,"), {"env": "staging"}, True),
        (("env", "in", "prod,"), {}, False),
        (("env", "absent", ""), {}, True),
        (("env", "absent", ""), {"env": "prod"}, False),
    ],
)
def test_matcher(matcher, labels, is_met):
    rule = a_rule(matcher)

    assert (routed(an_alert(**labels), rule).rule is rule) is is_met


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Down"),
        ("description", "Disk full on db-1"),
        ("severity", "warning"),
        ("group", "group"),
        ("key", "key"),
        ("integration", "prometheus"),
        ("annotations.runbook", "https://example.org"),
        ("annotations.other", ""),
        ("source", "db-1"),
        ("unknown", ""),
    ],
)
def test_name_that_is_no_label_means_a_field(name, value):
    alert = replace(
        an_alert("warning", source="db-1"),
        description="Disk full on db-1",
        annotations={"runbook": "https://example.org"},
    )

    assert value_of(name, alert, Integration(slug="prometheus")) == value


@pytest.mark.parametrize(("label", "found"), [("From a label", "From a label"), ("", "Down")])
def test_label_goes_before_the_field_of_its_name(label, found):
    assert value_of("title", an_alert(title=label), Integration()) == found


def test_all_matchers_of_a_rule_must_hold():
    rule = a_rule(("env", "equals", "prod"), ("team", "equals", "web"))

    assert routed(an_alert(env="prod"), rule).rule is None


def test_suppressing_rule_is_named():
    rule = a_rule(is_suppressing=True, suppress_reason="Known.")

    assert routed(an_alert(), rule).suppressed_by is rule


def test_what_the_rule_says_goes_with_the_alert():
    incident = Incident(phase="detected")
    policy = EscalationPolicy(name="Nights")
    rule = a_rule(
        urgency="low",
        policy=policy,
        group_minutes=30,
        hold_minutes=5,
        attach_to=incident,
        declares=True,
        may_affect_customers=True,
    )

    route = routed(an_alert(), rule)

    assert (route.urgency, route.policy, route.group_minutes) == ("low", policy, 30)
    assert (route.hold_minutes, route.attach_to) == (5, incident)
    assert (route.declares, route.may_affect_customers) == (True, True)


def test_without_a_rule_nothing_more_is_said():
    route = routed(an_alert())

    assert (route.urgency, route.policy, route.group_minutes) == ("", None, None)
    assert (route.hold_minutes, route.attach_to) == (0, None)
    assert (route.declares, route.may_affect_customers, route.is_muted) == (False, False, False)


def test_incident_that_is_no_longer_live_gathers_nothing():
    rule = a_rule(attach_to=Incident(phase="restored"))

    assert routed(an_alert(), rule).attach_to is None


@pytest.mark.parametrize(("minutes", "is_passed_over"), [(1, False), (0, True), (-1, True)])
def test_rule_whose_suppression_is_up_is_passed_over(minutes, is_passed_over):
    until = AT + timedelta(minutes=minutes)
    quiet = a_rule(is_suppressing=True, suppress_reason="Known.", suppress_until=until)
    loud = a_rule(service=STORAGE)

    assert routed(an_alert(), quiet, loud).rule is (loud if is_passed_over else quiet)


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


def test_group_by_takes_fields_as_conditions_do():
    rule = a_rule(group_by=["title"])
    same = routed(an_alert(group="other"), rule)

    assert routed(an_alert(), rule).grouping_key == same.grouping_key


# --- What is told of where it came from -------------------------------------------------------


def test_origin_of_service_and_severity_is_told():
    ruled = routed(an_alert(), a_rule(service=STORAGE, severity=SEVERITIES[0]))
    said = routed(an_alert("critical"))
    default = routed(an_alert(), severity=SEVERITIES[4])
    nobody = routed(an_alert("purple"))

    assert (ruled.service_from, ruled.severity_from) == (Origin.RULE, Origin.RULE)
    assert (said.service_from, said.severity_from) == (Origin.INTEGRATION, Origin.ALERT)
    assert default.severity_from == Origin.INTEGRATION
    assert nobody.severity_from == Origin.NOBODY


@pytest.mark.parametrize("word", ["SEV1", "Pager", "pager"])
def test_words_of_the_integration_mean_what_it_says(word):
    words = {"pager": "sev1", " SEV1 ": "sev2"}
    router = a_router(Integration(service=CHECKOUT, severity_words=words))

    expected = "sev2" if word == "SEV1" else "sev1"
    assert router.route(an_alert(word)).severity.slug == expected


def test_rules_are_explained_one_by_one():
    labels = {"env": "prod"}
    fails = a_rule(("env", "equals", "prod"), ("team", "absent", ""), ("title", "equals", "Up"))
    over = a_rule(is_suppressing=True, suppress_reason="Known.", suppress_until=AT)
    decides = a_rule(("env", "in", "prod, test"))
    later = a_rule()

    readings = a_router(Integration(service=CHECKOUT), fails, over, decides, later).explain(
        an_alert(**labels)
    )

    assert [reading.outcome for reading in readings] == [
        Outcome.FAILS,
        Outcome.OVER,
        Outcome.DECIDES,
        Outcome.LATER,
    ]
    assert [(check.found, check.holds) for check in readings[0].checks] == [
        ("prod", True),
        ("", True),
        ("Down", False),
    ]


# --- With the database ------------------------------------------------------------------------


@pytest.mark.django_db
def test_label_that_names_a_service_goes_before_the_integrations_own():
    service = make_service(slug="storage")
    make_severity()
    integration, _ = make_integration()
    router = Router.of(integration, at=AT)

    named = router.route(an_alert(service="storage"))
    unknown = router.route(an_alert(service="stor"))

    assert (named.service, named.service_from) == (service, Origin.ALERT)
    assert (unknown.service, unknown.service_from) == (integration.service, Origin.INTEGRATION)


@pytest.mark.django_db
def test_rules_of_other_integrations_and_inactive_ones_are_not_asked():
    make_severity()
    integration, _ = make_integration()
    make_routing_rule(integration=make_integration()[0])
    make_routing_rule(is_active=False)
    last = make_routing_rule(position=2)
    first = make_routing_rule(position=1, integration=integration)

    readings = Router.of(integration, at=AT).explain(an_alert())

    assert [reading.rule for reading in readings] == [first, last]


@pytest.mark.django_db
@pytest.mark.parametrize(("mode", "is_muted"), [("mute", True), ("tag", False)])
def test_maintenance_of_the_service_found_goes_with_the_alert(mode, is_muted):
    make_severity()
    integration, _ = make_integration()
    window = make_maintenance(integration.service, mode=mode, starts_at=AT)

    route = Router.of(integration, at=AT).route(an_alert())

    assert (route.maintenance, route.is_muted) == (window, is_muted)
    assert route.maintenance_until == AT + timedelta(hours=2)


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 4])
def test_everything_is_read_in_five_queries(count, django_assert_num_queries):
    make_severity()
    integration, _ = make_integration()
    for _ in range(count):
        rule = make_routing_rule(service=make_service())
        RoutingMatcher.objects.create(rule=rule, label="env", value="prod")
        make_maintenance(integration.service, starts_at=AT)

    with django_assert_num_queries(5):
        Router.of(integration, at=AT).route(an_alert(env="prod"))


def test_no_severities_is_refused_with_what_to_do():
    with pytest.raises(DomainError, match="Load the reference data"):
        Router(Integration(service=CHECKOUT), [], [], windows=Windows([], AT), at=AT)
