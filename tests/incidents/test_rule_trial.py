"""What a rule would change about the messages of the last days."""

from datetime import timedelta

import pytest

from incidents.models import AlertEvent, RoutingMatcher, RoutingRule, Severity
from incidents.rule_trial import SAMPLE, Trial, try_rule
from tests.factories.incidents import make_incident, make_integration, make_service
from tests.incidents.paging import Paging, alert

pytestmark = pytest.mark.django_db


@pytest.fixture
def paging(now):
    return Paging(None, at=now)


def trial(paging: Paging, *matchers: tuple[str, str, str], **given) -> Trial:
    """Try a rule that is not saved, with these conditions."""
    limits = {name: given.pop(name) for name in ("limit", "seconds", "clock") if name in given}
    rule = RoutingRule(name="Tried", **given)
    conditions = [
        RoutingMatcher(label=label, operator=operator, value=value)
        for label, operator, value in matchers
    ]
    return try_rule(rule, conditions, at=paging.at, **limits)


def send(paging: Paging, key: str, *, team: str = "web", minutes: float = 1, **fields) -> None:
    """One message of its own, a minute after the one before."""
    paging.at += timedelta(minutes=minutes)
    paging.send(alert(key, labels={"team": team}, **fields), group=f"group of {key}")


WEB = ("team", "equals", "web")


def test_alerts_that_match_are_counted_once_however_often_they_came(paging):
    send(paging, "a")
    send(paging, "a")
    send(paging, "b")
    send(paging, "c", team="data")

    found = trial(paging, WEB)

    assert (found.events, found.alerts, found.matched, found.moved) == (4, 3, 2, 0)


def test_alert_that_fires_again_counts_again(paging):
    send(paging, "a")
    send(paging, "a", status="resolved")
    send(paging, "a")

    assert trial(paging, WEB).matched == 2


def test_what_goes_elsewhere_is_told_with_from_where_to_where(paging):
    storage = make_service(slug="storage", name="Storage")
    send(paging, "a")

    found = trial(paging, WEB, service=storage, severity=Severity.objects.get(slug="sev4"))

    [sample] = found.samples
    assert (sample.title, sample.at) == ("Alert a", paging.at)
    assert (sample.before.service, sample.after.service) == (paging.service, storage)
    assert (sample.before.severity.slug, sample.after.severity.slug) == ("sev1", "sev4")
    assert found.changes == {
        "go to another service": 1,
        "have another severity": 1,
        "are grouped differently": 1,
    }


def test_suppressing_opens_no_incidents(paging):
    send(paging, "a")
    send(paging, "b")

    found = trial(paging, WEB, is_suppressing=True, suppress_reason="Known.")

    assert (found.incidents_before, found.incidents_after) == (2, 0)
    assert found.changes == {"are suppressed instead": 2}


@pytest.mark.parametrize(("minutes", "incidents"), [(2, 0), (10, 1)])
def test_held_alerts_that_resolve_in_time_open_no_incident(paging, minutes, incidents):
    send(paging, "a")
    send(paging, "a", status="resolved", minutes=minutes)

    found = trial(paging, WEB, hold_minutes=5)

    assert (found.incidents_before, found.incidents_after) == (1, incidents)


def test_held_alert_that_goes_on_opens_an_incident(paging):
    send(paging, "a")
    send(paging, "b", team="data", minutes=10)

    assert trial(paging, WEB, hold_minutes=5).incidents_after == 2


def test_grouping_makes_one_incident_of_many(paging):
    for key in "abc":
        send(paging, key)

    found = trial(paging, WEB, group_by=["team"])

    assert (found.incidents_before, found.incidents_after) == (3, 1)
    assert found.changes == {"are grouped differently": 3}


def test_group_that_ends_by_time_opens_another_incident(paging):
    send(paging, "a")
    send(paging, "b", minutes=20)

    assert trial(paging, WEB, group_by=["team"], group_minutes=10).incidents_after == 2


def test_what_joins_an_incident_opens_none(paging):
    incident = make_incident(severity=Severity.objects.get(slug="sev1"))
    send(paging, "a")

    found = trial(paging, WEB, attach_to=incident)

    assert (found.incidents_before, found.incidents_after) == (1, 0)
    assert found.samples[0].after.fate == f"joins {incident.reference}"


def test_rules_before_it_keep_their_alerts(paging):
    RoutingRule.objects.create(name="First", position=0)
    send(paging, "a")

    assert trial(paging, WEB, position=1).matched == 0


def test_saved_rule_is_compared_with_itself_switched_off(paging):
    rule = RoutingRule.objects.create(name="Quiet", is_suppressing=True, suppress_reason="Known.")
    send(paging, "a")

    found = try_rule(rule, [], at=paging.at)

    assert (found.incidents_before, found.incidents_after) == (1, 0)


def test_only_messages_of_its_integration_and_of_the_last_days_are_read(paging):
    send(paging, "old")
    paging.at += timedelta(days=7)
    send(paging, "a")
    elsewhere, _ = make_integration()
    AlertEvent.objects.create(
        integration=elsewhere, received_at=paging.at, due_at=paging.at, body=b"{}"
    )

    found = trial(paging, WEB, integration=paging.integration)

    assert (found.events, found.alerts, found.unreadable) == (1, 1, 0)


def test_what_cannot_be_read_is_counted(paging):
    paging.send_body(b"no")

    assert (trial(paging).events, trial(paging).unreadable) == (1, 1)


def test_number_of_messages_is_bounded_and_said(paging):
    for key in "abcd":
        send(paging, key)

    found = trial(paging, WEB, limit=2)

    assert (found.events, found.matched) == (2, 2)
    assert "newest 2 messages" in found.cut
    assert [sample.title for sample in found.samples] == ["Alert d", "Alert c"]
    assert found.since == paging.at - timedelta(minutes=1)


def test_as_many_messages_as_allowed_are_not_said_to_be_cut(paging):
    for key in "ab":
        send(paging, key)

    assert trial(paging, WEB, limit=2).cut == ""


def test_time_is_bounded_and_said(paging):
    for key in "abcd":
        send(paging, key)
    ticks = iter(range(100))

    found = trial(paging, WEB, seconds=3, clock=lambda: next(ticks))

    assert found.events == 3
    assert "newest 3 messages" in found.cut


def test_samples_are_few(paging):
    for number in range(SAMPLE + 5):
        send(paging, f"key-{number}")

    assert len(trial(paging, WEB).samples) == SAMPLE


def test_nothing_is_written(paging):
    send(paging, "a")
    rules = RoutingRule.objects.count()

    trial(paging, WEB)

    assert RoutingRule.objects.count() == rules


@pytest.mark.parametrize("count", [1, 20])
def test_messages_are_read_in_a_constant_number_of_queries(
    paging, count, django_assert_num_queries
):
    for number in range(count):
        send(paging, f"key-{number}")
        RoutingRule.objects.create(name=f"Rule {number}", position=99)

    with django_assert_num_queries(5):
        trial(paging, WEB)
