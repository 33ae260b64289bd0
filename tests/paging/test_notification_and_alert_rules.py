"""PAGING-RULES, Notification and Alerts: each sentence, as messages that arrive or do not."""

from datetime import timedelta

import pytest

from incidents.models import Alert, Incident, RoutingMatcher, Severity
from roster.models import Person
from tests.factories.incidents import make_routing_rule
from tests.factories.roster import make_schedule
from tests.incidents.paging import ADMIN, alert
from tests.paging.harness import policy_of, somebody

pytestmark = pytest.mark.django_db


# --- Notification ---------------------------------------------------------------------------------


def test_rules_run_from_the_pages_time(drill):
    ada = somebody("Ada", ("push", 0), ("sms", 2), ("call", 5))
    paging = drill(policy_of(ada))
    began = paging.at
    paging.fire()
    paging.expect("Ada", "push")

    paging.tick(minutes=20)

    assert paging.expect("Ada", "sms").at == began + timedelta(minutes=2)
    assert paging.expect("Ada", "call").at == began + timedelta(minutes=5)


def test_rules_run_to_the_end_even_when_the_escalation_moves_on(drill, ben):
    ada = somebody("Ada", ("push", 0), ("sms", 2), ("call", 8))
    paging = drill(policy_of(ada, ben))
    paging.fire()
    paging.expect("Ada", "push")

    paging.tick(minutes=20)

    for name, way in (("Ada", "sms"), ("Ben", "email"), ("Ada", "call")):
        paging.expect(name, way)


def test_rules_end_when_the_person_acknowledges_by_the_link(drill):
    ada = somebody("Ada", ("push", 0), ("sms", 2))
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada", "push")

    assert "You have INC-1 now" in paging.by_link(paging.page_of(ada), "acknowledge")

    paging.tick(minutes=20)


def test_rules_end_when_the_incident_does(drill):
    ada = somebody("Ada", ("push", 0), ("sms", 2))
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada", "push")
    paging.tick(minutes=1)

    paging.resolve()

    paging.expect("Ada", "push", about="resolved")
    paging.tick(minutes=20)


def test_rules_are_those_of_the_urgency(drill):
    ada = somebody("Ada", ("push", 0), ("call", 5), low=("email", 0))
    Severity.objects.filter(slug="sev4").update(urgency="low")
    paging = drill(policy_of(ada))
    Severity.objects.filter(slug="sev4").update(urgency="low")
    paging.send(alert(labels={"severity": "warning"}))

    paging.tick(minutes=20)

    paging.expect("Ada", "email")
    paging.tick(minutes=20)


def test_low_urgency_keeps_quiet_hours(drill, now):
    ada = somebody("Ada", quiet_from="22:00", quiet_until="07:00", time_zone="UTC")
    paging = drill(policy_of(ada), at=now.replace(hour=23))
    Severity.objects.filter(slug="sev4").update(urgency="low")
    paging.send(alert(labels={"severity": "warning"}))
    began = paging.at

    paging.tick(minutes=60 * 9)

    assert paging.expect("Ada").at == began + timedelta(hours=8)


def test_high_urgency_does_not(drill, now):
    ada = somebody("Ada", quiet_from="22:00", quiet_until="07:00", time_zone="UTC")
    paging = drill(policy_of(ada), at=now.replace(hour=23))

    paging.fire()

    paging.expect("Ada")


def test_many_new_incidents_at_once_are_told_together_and_all_are_named(drill, ada):
    paging = drill(policy_of(ada))
    for number in range(8):
        paging.send(alert(f"cause {number}"), group=f"cause {number}")

    paging.tick()

    together = paging.expect("Ada", about="8")
    assert all(f"INC-{number}" in together.body for number in range(1, 9))
    assert Incident.objects.count() == 8


def test_first_page_of_an_incident_is_not_held_up_behind_repeats(drill, ada):
    policy = policy_of(ada, repeats=200)
    policy.steps.update(wait_minutes=1)
    paging = drill(policy)
    for number in range(40):
        paging.send(alert(f"cause {number}"), group=f"cause {number}")
    paging.tick()
    paging.expect_many()
    paging.tick(minutes=1)
    paging.expect_many()  # repeats of all forty, bundled as the outbox sees fit
    began = paging.at

    paging.new_incident("fresh")

    fresh = [each for each in paging.expect_many() if "INC-41" in each.subject + each.body]
    assert [each.at for each in fresh] == [began]


def test_backlog_after_downtime_is_one_page_for_each_way(drill, ben):
    ada = somebody("Ada", ("push", 0), ("sms", 2), ("call", 5))
    paging = drill(policy_of(ada, ben, repeats=5))
    paging.providers.down |= {"push", "sms", "call", "email"}
    paging.fire()
    paging.tick(minutes=12)  # Ada, Ben, Ada again
    paging.providers.down.clear()
    paging.sleep(minutes=12)

    paging.tick()

    ways = [(each.person, each.way) for each in paging.expect_many()]
    assert sorted(ways) == [("Ada", "call"), ("Ada", "push"), ("Ada", "sms"), ("Ben", "email")]


def test_backlog_of_what_resolved_meanwhile_is_not_sent(drill, ada):
    paging = drill(policy_of(ada))
    paging.send(alert())
    paging.sleep(minutes=30)
    paging.send(alert(status="resolved"))

    paging.tick()

    paging.tick(minutes=60)
    assert paging.alert.state == Alert.State.RESOLVED


def test_failed_channel_tries_the_persons_next_method_at_once(drill):
    ada = somebody("Ada", ("push", 0), ("sms", 10))
    paging = drill(policy_of(ada))
    paging.providers.refused.add("push")

    paging.fire()

    paging.expect("Ada", "sms")
    paging.tick(minutes=20)


# --- Alerts ---------------------------------------------------------------------------------------


def test_alert_that_resolves_before_anyone_acknowledged_stops_paging_and_tells(drill, ada, ben):
    paging = drill(policy_of(ada, ben))
    paging.fire()
    paging.expect("Ada")
    paging.tick(minutes=1)

    paging.resolve()

    paging.expect("Ada", about="resolved")
    paging.tick(minutes=60)
    assert paging.incident.phase == "dismissed"


def test_declared_incident_is_never_closed_by_alerts(drill, ada):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")
    severity = paging.incident.severity
    paging.incident.declare(
        extent=None, degree=None, severity=severity, reason="Seen.", by=ADMIN, at=paging.at
    )
    paging.tick(minutes=1)

    paging.resolve()

    paging.tick(minutes=60)
    assert paging.incident.phase == "mobilizing"


def test_repeats_never_page_again_by_themselves(drill, ada):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")

    for _ in range(5):
        paging.tick(minutes=0.5)
        paging.fire()

    assert paging.alert.count == 6


def held(paging):
    """Alerts wait for ten minutes before anybody is paged."""
    rule = make_routing_rule(hold_minutes=10)
    RoutingMatcher.objects.create(rule=rule, label="severity", operator="equals", value="critical")


def test_held_alert_that_resolves_in_time_vanishes_recorded(drill, ada):
    paging = drill(policy_of(ada))
    held(paging)
    paging.fire()
    paging.tick(minutes=9)

    paging.resolve()

    paging.tick(minutes=60)
    assert paging.alert.state == Alert.State.RESOLVED
    assert not Incident.objects.exists()


def test_held_alert_that_goes_on_pages_when_its_minutes_are_over(drill, ada):
    paging = drill(policy_of(ada))
    held(paging)
    paging.fire()
    paging.tick(minutes=9.9)
    paging.expect_no_more()

    paging.tick(minutes=0.1)

    paging.expect("Ada")


def test_flapping_alert_is_damped_with_a_note(drill, ada):
    paging = drill(policy_of(ada))
    for _ in range(12):
        paging.fire()
        paging.at += timedelta(seconds=20)
        paging.resolve()
        paging.at += timedelta(seconds=20)

    assert len(paging.expect_many()) < 24
    assert Alert.objects.filter(flapping_since__isnull=False).exists()
    assert any("flap" in kind for kind in paging.story())


def test_person_on_call_at_the_time_of_the_alert_is_paged(drill, ada):
    paging = drill(policy_of(make_schedule(ada)))

    paging.fire()

    paging.expect("Ada")
    assert Person.objects.get().pages.count() == 1
