"""The scenarios of PAGING-RULES that every release must pass, each by its name there.

From the monitor's bytes to the provider; any message that is not expected fails the test. Those
that need processes or threads of their own are in test_guarantees and in tests/faults.
"""

import pytest

from incidents import maintenance
from incidents.models import Incident, Page, Severity
from roster.models import EscalationStep, Person
from tests.factories.roster import make_schedule, make_target, make_team
from tests.incidents.paging import ADMIN, alert
from tests.paging.harness import add_step, policy_of, somebody

pytestmark = pytest.mark.django_db


def test_escalate_after_delay(drill, ada, ben):
    paging = drill(policy_of(ada, ben))
    paging.fire()
    paging.expect("Ada")

    paging.tick(minutes=4.99)
    paging.expect_no_more()

    paging.tick(minutes=0.01)
    paging.expect("Ben")


def test_repeat_and_stop(drill, ada, ben):
    boss = somebody("Boss")
    paging = drill(policy_of(ada, ben, repeats=1, fallback_team=make_team(members=[boss])))
    paging.fire()
    paging.expect("Ada")

    for name in ("Ben", "Ada", "Ben", "Boss"):
        paging.tick(minutes=5)
        paging.expect(name)
    paging.tick(minutes=600)

    assert paging.escalation.state == "exhausted"
    assert paging.paged() == ["Ada", "Ben", "Ada", "Ben", "Boss"]


def test_acknowledge_stops_rules_and_steps(drill, ben):
    ada = somebody("Ada", ("push", 0), ("sms", 2), ("call", 5))
    paging = drill(policy_of(ada, ben))
    paging.fire()
    paging.expect("Ada", "push")
    paging.tick(minutes=2)
    paging.expect("Ada", "sms")

    paging.acknowledge(ada)
    paging.tick(minutes=60)

    assert paging.paged() == ["Ada"]
    assert paging.incident.acknowledged_by == ada


def test_acknowledgement_expires_and_pages_the_acknowledger_and_the_current_on_call(drill, now):
    """Turns change on Mondays at 9; the incident begins just before one does."""
    ada, ben = somebody("Ada"), somebody("Ben")
    schedule = make_schedule(ada, ben)
    paging = drill(policy_of(schedule), at=now.replace(hour=8, minute=50))
    Severity.objects.update(acknowledgement_expires_minutes=30)
    paging.fire()
    first = paging.paged()[0]
    paging.expect(first)
    paging.acknowledge(Person.objects.get(name=first))
    acknowledged_at = paging.incident.acknowledged_at

    paging.tick(minutes=29.9)
    paging.expect_no_more()
    paging.tick(minutes=0.1)

    paging.expect("Ada", about="no sign of work")
    paging.expect("Ben")
    assert paging.incident.acknowledged_at == acknowledged_at
    assert (
        "no sign of work for 30 minutes" in paging.entry("acknowledgement_expired").data["reason"]
    )


def test_snooze(drill, ada, ben):
    paging = drill(policy_of(ada, ben))
    paging.fire()
    paging.expect("Ada")

    paging.snooze(ada, minutes=60)
    assert paging.incident.acknowledged_by == ada
    paging.tick(minutes=59.9)
    paging.expect_no_more()

    paging.tick(minutes=0.1)
    paging.expect("Ada", about="snoozed")
    paging.tick(minutes=5)
    paging.expect("Ben")


def test_escalate_an_acknowledged_incident_by_hand(drill, ada, ben):
    paging = drill(policy_of(ada, ben))
    paging.fire()
    paging.expect("Ada")
    paging.acknowledge(ada)

    paging.escalate(ada, reason="I need the database team.")

    paging.expect("Ben")
    entry = paging.entry("escalated")
    assert (entry.actor, entry.text) == (ada, "I need the database team.")


def test_two_people_on_a_step_one_declines(drill, ada, ben, cem):
    paging = drill(policy_of([ada, ben], cem))
    paging.fire()
    paging.expect("Ada")
    paging.expect("Ben")

    paging.decline(ada, "I am on a plane.")
    paging.expect_no_more()

    paging.decline(ben)
    paging.expect("Cem")


def test_nobody_on_step_1_at_once_to_step_2(drill, ben):
    paging = drill(policy_of(make_schedule(), ben))

    paging.fire()

    paging.expect("Ben")
    assert paging.entry("nobody_on_call").data["step"] == 1


def test_nobody_anywhere_fallback(drill):
    boss = somebody("Boss")
    policy = policy_of(
        make_schedule(), make_schedule(), fallback_team=make_team(name="Leads", members=[boss])
    )
    paging = drill(policy)

    paging.fire()

    paging.expect("Boss")
    assert paging.entry("escalation_exhausted").data["fallback"] == "Leads"
    assert paging.incident.is_live


def test_policy_edited_meanwhile(drill, ada, ben, cem):
    policy = policy_of(ada, ben)
    paging = drill(policy)
    paging.fire()
    paging.expect("Ada")

    policy.steps.get(position=2).delete()
    add_step(policy, cem, position=3)
    paging.tick(minutes=5)

    paging.expect("Cem")
    assert paging.escalation.policy_version == 2


def test_service_moved_to_another_policy(drill, ada, ben, cem):
    paging = drill(policy_of(ada, cem))
    paging.fire()
    paging.expect("Ada")

    paging.move_service_to(policy_of(ben, name="Other policy"))
    paging.tick(minutes=5)

    paging.expect("Ben")
    assert paging.escalation.policy.name == "Other policy"


def test_person_deactivated_while_being_paged(drill, ben):
    ada = somebody("Ada", ("push", 0), ("sms", 2))
    paging = drill(policy_of(ada, ben))
    paging.fire()
    paging.expect("Ada", "push")
    paging.tick(minutes=1)

    paging.deactivate(ada)
    paging.tick()

    paging.expect("Ben")
    assert paging.page_of(ada).state == "stopped"
    assert paging.entry("page_stopped").data["person"] == "Ada"
    paging.tick(minutes=2)


def test_handoff_mid_incident(drill, now):
    """Turns change on Mondays at 9; the incident begins just before one does."""
    schedule = make_schedule(somebody("Ada"), somebody("Ben"))
    paging = drill(policy_of(schedule, schedule), at=now.replace(hour=8, minute=58))
    paging.fire()
    first, second = ("Ada", "Ben") if paging.paged() == ["Ada"] else ("Ben", "Ada")
    paging.expect(first)

    paging.tick(minutes=5)

    paging.expect(second)


def test_maintenance_begins_and_ends_around_a_firing_alert(drill, ada, ben):
    paging = drill(policy_of(ada, ben))
    paging.maintain(begins_in=2, minutes=30)
    paging.fire()
    paging.expect("Ada")

    paging.tick(minutes=31.9)  # step 2 was due after 5
    paging.expect_no_more()
    assert paging.story().count("paging_postponed") == 1

    paging.tick(minutes=0.1)
    paging.expect("Ada")  # from the first step
    paging.tick(minutes=5)
    paging.expect("Ben")


def test_maintenance_around_an_alert_that_begins_in_it(drill, ada):
    paging = drill(policy_of(ada))
    paging.maintain(minutes=30)
    paging.fire()
    paging.tick(minutes=29)
    assert not Incident.objects.exists()

    paging.tick(minutes=1)

    paging.expect("Ada")


def test_maintenance_ended_early_pages_at_once(drill, ada, ben):
    paging = drill(policy_of(ada, ben))
    window = paging.maintain(begins_in=2, minutes=60)
    paging.fire()
    paging.expect("Ada")
    paging.tick(minutes=10)

    maintenance.end_now(window, by=ADMIN, at=paging.at)
    paging.tick()

    paging.expect("Ada")


def test_same_key_open_acknowledged_resolved(drill, ada):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")
    paging.fire()
    assert paging.alert.count == 2

    paging.acknowledge(ada)
    paging.fire()
    assert paging.alert.count == 3

    paging.tick(minutes=20)
    paging.resolve()
    paging.expect("Ada", about="resolved")
    paging.tick(minutes=20)
    paging.fire()

    paging.expect("Ada")
    assert Incident.objects.count() == 2


def test_storm_of_300_alerts_plus_one_new_incident(drill, ada):
    paging = drill(policy_of(ada))
    for number in range(300):
        paging.send(alert(f"storm {number}"), group="storm")
    paging.send(alert("new"), group="new")

    paging.tick()

    paging.expect("Ada", about="Alert storm")
    paging.expect("Ada", about="Alert new")
    assert Incident.objects.count() == 2
    assert paging.story().count("alert_attached") < 10


def test_engine_stopped_for_30_minutes(drill, ada, ben):
    """The backlog collapses: one step runs now, not all that would have run meanwhile."""
    paging = drill(policy_of(ada, ben, repeats=5))
    paging.fire()
    paging.expect("Ada")

    paging.sleep(minutes=30)
    paging.tick()

    paging.expect("Ben")


def test_provider_fails_then_recovers(drill, ada):
    paging = drill(policy_of(ada))
    paging.providers.down.add("email")
    paging.fire()
    paging.tick(minutes=1)
    paging.expect_no_more()

    paging.providers.down.clear()
    paging.tick(minutes=3)

    paging.expect("Ada")


@pytest.mark.parametrize("reason", ["", "Not my service."])
def test_declining_moves_on_at_once(drill, ada, ben, reason):
    paging = drill(policy_of(ada, ben))
    paging.fire()
    paging.expect("Ada")

    paging.decline(ada, reason)

    paging.expect("Ben")
    assert paging.entry("page_declined").text == reason
    assert Page.objects.get(person=ada).state == "declined"


def test_two_steps_at_one_position_are_paged_together(drill, ada, ben):
    policy = policy_of(ada)
    make_target(EscalationStep.objects.create(policy=policy, position=1), ben)
    paging = drill(policy)

    paging.fire()

    paging.expect("Ada")
    paging.expect("Ben")


def test_messages_that_nobody_expected_fail(drill, ada):
    paging = drill(policy_of(ada))
    paging.fire()

    with pytest.raises(AssertionError, match="Nobody expected"):
        paging.expect_no_more()
    with pytest.raises(AssertionError, match="Missing at"):
        paging.expect("Ada", "sms")

    assert paging.expect("Ada").at == paging.at
