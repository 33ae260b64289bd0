"""What becomes of alerts when time passes and no message comes."""

from datetime import timedelta

import pytest

from incidents import alert_watch, maintenance, processing
from incidents.models import (
    Alert,
    AlertEvent,
    Escalation,
    Incident,
    MaintenanceWindow,
    Page,
    Phase,
    RoutingRule,
)
from tests.factories.incidents import make_routing_rule
from tests.factories.maintenance import make_maintenance
from tests.factories.roster import make_person, make_policy
from tests.incidents.paging import ADMIN, Paging, alert

pytestmark = pytest.mark.django_db


@pytest.fixture
def paging(now):
    return Paging(make_policy(make_person(slug="ada")), at=now)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def said_of_last_event() -> str:
    return AlertEvent.objects.latest("pk").outcome


# --- Holding --------------------------------------------------------------------------------------


@pytest.fixture
def holding(paging) -> RoutingRule:
    return make_routing_rule(name="Transient", hold_minutes=5)


def test_held_alert_tells_nobody_until_its_minutes_are_over(paging, holding):
    paging.fire()
    assert (paging.alert.held_by, paging.alert.incident) == (holding, None)
    assert said_of_last_event() == "1 alert held by rule Transient"
    assert paging.paged() == []

    paging.tick(minutes=4.9)
    assert paging.paged() == []

    paging.tick(minutes=0.1)
    assert (paging.alert.held_by, paging.alert.incident) == (None, paging.incident)
    assert paging.paged() == ["Ada"]
    assert paging.story()[:2] == ["incident_detected", "alert_attached"]


def test_held_alert_that_resolves_in_time_vanishes_on_record(paging, holding):
    paging.fire()
    paging.at += timedelta(seconds=40)

    paging.resolve()
    paging.tick(minutes=10)

    assert (paging.alert.state, paging.alert.held_by) == ("resolved", holding)
    assert said_of_last_event() == "1 alert resolved after 40 s, held by rule Transient"
    assert not Incident.objects.exists()


def test_held_alerts_join_the_incident_there_is_by_then(paging, holding):
    paging.fire("a")
    paging.tick(minutes=5)

    paging.fire("b")
    paging.tick(minutes=5)

    assert paging.incident.alerts.count() == 2
    assert Escalation.objects.count() == 1


def test_held_alert_acknowledged_at_the_monitor_pages_nobody_later(paging, holding):
    paging.say("a")
    paging.say("a", "acknowledge", actor="Kim")

    paging.tick(minutes=5)

    assert paging.incident.acknowledged_by_name == "Kim (Prometheus)"
    assert paging.paged() == []


def test_hold_of_an_alert_that_is_old_already_is_over(paging, holding):
    paging.send(alert())

    paging.tick(minutes=6)

    assert paging.paged() == ["Ada"]


# --- Silence that ends ----------------------------------------------------------------------------


def test_what_still_fires_when_a_suppression_ends_is_paged(paging):
    make_routing_rule(
        name="Migration",
        is_suppressing=True,
        suppress_reason="We know.",
        suppress_until=paging.at + minutes(60),
    )
    paging.fire("a", "b")
    paging.resolve("b")
    paging.tick(minutes=59)
    assert paging.paged() == []

    paging.tick(minutes=1)

    assert paging.paged() == ["Ada"]
    assert paging.incident.alerts.get().dedup_key == "a"


def test_what_still_fires_when_a_rule_is_switched_off_is_paged(paging):
    rule = make_routing_rule(is_suppressing=True, suppress_reason="We know.")
    paging.fire()
    RoutingRule.objects.filter(pk=rule.pk).update(is_active=False)

    paging.tick(minutes=5)

    assert paging.alert.suppressed_by is None
    assert paging.paged() == ["Ada"]


def test_what_still_fires_after_maintenance_is_paged_from_the_first_step(paging):
    window = make_maintenance(paging.service, starts_at=paging.at, ends_at=paging.at + minutes(30))
    paging.fire()
    assert (paging.alert.maintenance, paging.alert.incident) == (window, None)
    assert said_of_last_event() == "1 alert muted by Database upgrade"

    paging.tick(minutes=29)
    assert paging.paged() == []

    paging.tick(minutes=1)
    assert paging.paged() == ["Ada"]
    assert Page.objects.get().step_position == 1


def test_maintenance_ended_early_pages_what_still_fires_at_once(paging):
    window = make_maintenance(paging.service, starts_at=paging.at)
    paging.fire()
    paging.at += minutes(3)

    maintenance.end_now(window, by=ADMIN, at=paging.at)
    paging.tick()

    assert paging.paged() == ["Ada"]


def test_tagging_maintenance_pages_and_marks_the_alert(paging):
    window = make_maintenance(paging.service, starts_at=paging.at, mode=MaintenanceWindow.Mode.TAG)

    paging.fire()

    assert (paging.alert.maintenance, paging.alert.incident) == (window, paging.incident)
    assert paging.paged() == ["Ada"]


def test_report_of_a_person_during_maintenance_is_no_expected_alert(paging):
    make_maintenance(paging.service, starts_at=paging.at)

    paging.say(origin=AlertEvent.Origin.PERSON, labels={"source": "customer"})

    assert paging.incident.source == Incident.Source.CUSTOMER


# --- Expiry ---------------------------------------------------------------------------------------


def test_alert_that_nobody_repeats_expires_and_stops_the_paging(paging):
    paging.say(expires_at=paging.at + minutes(4))
    began = paging.at

    paging.tick(minutes=4)

    assert (paging.alert.state, paging.alert.resolved_at) == ("resolved", began + minutes(4))
    assert paging.incident.phase == Phase.DISMISSED
    assert paging.waiting() == []


def test_repeat_puts_the_end_off(paging):
    paging.say(expires_at=paging.at + minutes(4))
    paging.tick(minutes=3)
    paging.say(expires_at=paging.at + minutes(4))

    paging.tick(minutes=3)
    assert paging.alert.state == "firing"

    paging.tick(minutes=1)
    assert paging.alert.state == "resolved"


def test_alert_that_had_expired_when_it_came_is_an_end(paging):
    paging.fire()
    paging.at += minutes(5)

    event = paging.say(expires_at=paging.at - minutes(1))

    assert (paging.alert.state, paging.alert.resolved_at) == ("resolved", paging.at - minutes(1))
    assert event.outcome == "1 alert resolved"


def test_integration_says_when_silence_is_an_end(paging):
    paging.integration.resolve_after_minutes = 10
    paging.integration.save()
    paging.fire()

    paging.tick(minutes=9.9)
    assert paging.alert.state == "firing"

    paging.tick(minutes=0.1)
    assert paging.alert.state == "resolved"


def test_nothing_expires_while_its_repeat_may_wait_in_a_backlog(paging):
    paging.say(expires_at=paging.at + minutes(4))
    paging.at += minutes(3)
    AlertEvent.objects.create(
        integration=paging.integration,
        received_at=paging.at,
        due_at=paging.at + minutes(10),
        body=b"{}",
    )
    paging.at += minutes(5)

    alert_watch.look_again(at=paging.at)

    assert paging.alert.state == "firing"
    assert paging.alert.look_again_at > paging.at


def test_what_expired_and_is_told_of_again_fires_anew_however_old_its_beginning(paging):
    """A Prometheus that was cut off comes back, and says when it all began."""
    began = paging.at
    paging.say(started_at=began, expires_at=paging.at + minutes(4))
    paging.tick(minutes=5)
    paging.say(started_at=began, expires_at=paging.at + minutes(4))

    assert [row.state for row in Alert.objects.order_by("pk")] == ["resolved", "firing"]
    assert paging.paged() == ["Ada", "Ada"]


# --- Flapping -------------------------------------------------------------------------------------


def flap(paging: Paging, times: int) -> None:
    for _ in range(times):
        paging.fire()
        paging.tick(minutes=1)
        paging.resolve()
        paging.tick(minutes=1)


def test_flapping_alert_pages_once_and_is_kept_open(paging):
    flap(paging, 9)

    newest = Alert.objects.latest("pk")
    assert (newest.state, newest.count) == ("firing", 5)
    assert newest.flapping_since is not None
    # Four times before it was known to flap, and once for all since.
    assert Escalation.objects.count() == 5
    assert paging.story().count("alert_flapping") == 1
    assert paging.entry("alert_flapping").data == {
        "title": "Alert a",
        "alert": newest.pk,
        "times": 5,
        "minutes": 30,
        "quiet_minutes": 10,
    }


def test_flapping_alert_resolves_once_it_has_been_quiet(paging):
    flap(paging, 5)
    row = Alert.objects.latest("pk")
    assert (row.state, row.quiet_since) == ("firing", paging.at - minutes(1))
    quiet_since = row.quiet_since

    paging.tick(minutes=8.9)
    row.refresh_from_db()
    assert row.state == "firing"

    paging.tick(minutes=0.1)
    row.refresh_from_db()
    assert (row.state, row.resolved_at) == ("resolved", quiet_since)
    assert not Incident.objects.live().exists()


def test_flapping_alert_that_fires_again_is_not_quiet(paging):
    flap(paging, 5)

    paging.fire()
    paging.tick(minutes=30)

    row = Alert.objects.latest("pk")
    assert (row.state, row.quiet_since, row.count) == ("firing", None, 2)


def test_integration_may_leave_flapping_alone(paging):
    paging.integration.flaps_after = 0
    paging.integration.save()

    flap(paging, 6)

    assert Alert.objects.count() == 6
    assert not Alert.objects.firing().exists()


def test_same_firings_over_a_longer_time_do_not_flap(paging):
    for _ in range(6):
        flap(paging, 1)
        paging.tick(minutes=8)

    assert not Alert.objects.filter(flapping_since__isnull=False).exists()


# --- Two at once, and one that fails --------------------------------------------------------------


def test_alert_that_cannot_be_looked_at_costs_no_other(paging, monkeypatch):
    make_routing_rule(hold_minutes=5)
    paging.fire("a", group="a")
    paging.fire("poison", group="p")
    paging.fire("b", group="b")
    route = alert_watch.as_it_came

    def refuse_poison(row):
        if row.dedup_key == "poison":
            raise ArithmeticError
        return route(row)

    monkeypatch.setattr(alert_watch, "as_it_came", refuse_poison)
    paging.tick(minutes=5)

    assert sorted(Incident.objects.values_list("title", flat=True)) == ["Alert a", "Alert b"]
    poison = Alert.objects.get(dedup_key="poison")
    assert poison.look_again_at == paging.at + alert_watch.TRIES_AGAIN_AFTER


@pytest.mark.parametrize("alerts", [1, 15])
def test_looking_takes_constant_queries(paging, django_assert_num_queries, alerts):
    make_routing_rule(hold_minutes=5)
    for number in range(alerts):
        paging.send(alert(f"key {number}"), group=f"group {number}")
    processing.process_due(at=paging.at)
    paging.at += minutes(5)

    with django_assert_num_queries(45):
        alert_watch.look_again(at=paging.at)
    assert Incident.objects.count() == alerts


def test_looking_when_nothing_is_due_is_three_questions(paging, django_assert_num_queries):
    with django_assert_num_queries(3):
        assert alert_watch.look_again(at=paging.at) == 0
