"""Each sentence of PAGING-RULES, Escalation, that the release scenarios do not hold already."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User

from incidents.escalation import start_escalations, stop_escalation
from incidents.models import (
    Acknowledgement,
    AlertEvent,
    Escalation,
    Page,
    Role,
    Severity,
)
from incidents.processing import process_due
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import EscalationStep
from tests.factories.roster import make_policy, make_schedule, make_target, make_team
from tests.incidents.paging import ADMIN, Paging, alert
from tests.paging.harness import add_step, policy_of, retarget, somebody

pytestmark = pytest.mark.django_db


def having(policy, position: int = 1, **fields):
    """The same policy, with one of its steps changed."""
    EscalationStep.objects.filter(policy=policy, position=position).update(**fields)
    return policy


# --- A condition in time --------------------------------------------------------------------------


def test_step_in_working_hours_pages_who_is_at_work(drill, ben):
    """It is Monday, 10:00 UTC: 05:00 in New York, 10:00 in London."""
    ada = somebody("Ada", time_zone="America/New_York")
    cem = somebody("Cem", time_zone="Europe/London")
    paging = drill(having(policy_of([ada, cem], ben), condition="working_hours"))

    paging.fire()

    paging.expect("Cem")
    paging.tick(minutes=5)
    paging.expect("Ben")


def test_step_that_leaves_everybody_out_is_recorded_and_the_next_runs_at_once(drill, ben):
    ada = somebody("Ada", time_zone="America/New_York")
    paging = drill(having(policy_of(ada, ben), condition="working_hours"))

    paging.fire()

    paging.expect("Ben")
    entry = paging.entry("step_passed_over")
    assert entry.data["reason"] == "it is outside the working hours of Ada"
    assert "nobody_on_call" not in paging.story()


def test_step_outside_working_hours_leaves_out_who_is_at_work(drill, ada, ben):
    night_owl = somebody("Owl", work_from=time(22), work_until=time(6))
    paging = drill(having(policy_of([ada, night_owl], ben), condition="off_hours"))

    paging.fire()

    paging.expect("Owl")


def test_condition_is_read_when_the_step_runs(drill, ada, ben, cem):
    """Working hours end at 10:03; the second step runs at 10:05."""
    ben.work_until = time(10, 3)
    ben.save()
    paging = drill(having(policy_of(ada, ben, cem), 2, condition="working_hours"))
    paging.fire()
    paging.expect("Ada")

    paging.tick(minutes=5)

    paging.expect("Cem")


def test_policy_whose_steps_all_leave_everybody_out_pages_the_fallback(drill, ada):
    boss = somebody("Boss")
    policy = policy_of(ada, fallback_team=make_team(members=[boss]), repeats=3)
    paging = drill(having(policy, condition="off_hours"))

    paging.fire()

    paging.expect("Boss")


# --- Nobody ---------------------------------------------------------------------------------------


def test_without_fallback_team_the_imoc_is_paged(drill):
    imoc = somebody("Imoc")
    Role.objects.create(slug="imoc", name="IMOC", category="command", schedule=make_schedule(imoc))
    paging = drill(policy_of(make_schedule()))

    paging.fire()

    paging.expect("Imoc")


def test_with_nobody_else_administrators_are_paged(drill):
    somebody("Root", user=User.objects.create_superuser("root"))
    somebody("Other", user=User.objects.create_user("other"))
    paging = drill(policy_of(make_schedule()))

    paging.fire()

    paging.expect("Root", about="INC-1")
    paging.expect("Root", about="Nobody was on call")  # the hole is an alarm of its own
    paging.expect("Root", about="Nobody to page")
    assert paging.entry("escalation_exhausted").data["fallback"] == "administrators"


def test_with_nobody_at_all_the_incident_is_kept_and_says_so(drill):
    paging = drill(policy_of(make_schedule()))

    paging.fire()

    assert paging.paged() == []
    assert paging.incident.is_live
    assert paging.entry("escalation_exhausted").data["fallback"] == ""


@pytest.mark.parametrize("repeats", [0, 3])
def test_pass_that_paged_nobody_is_not_repeated(drill, repeats):
    boss = somebody("Boss")
    team = make_team(name="Leads", members=[boss])
    paging = drill(policy_of(make_schedule(), repeats=repeats, fallback_team=team))

    paging.fire()

    paging.expect("Boss")
    assert paging.story().count("nobody_on_call") == 1


def test_service_without_policy_pages_the_fallback(drill):
    somebody("Root", user=User.objects.create_superuser("root"))
    paging = drill(None)

    paging.fire()

    paging.expect("Root", about="INC-1")
    paging.expect("Root", about="Nobody to page")


def test_service_without_policy_uses_that_of_its_team(drill, ada):
    paging = drill(None)
    team = paging.service.owner_team
    team.default_policy = policy_of(ada)
    team.save()

    paging.fire()

    paging.expect("Ada")


def test_policy_that_a_routing_rule_chose_goes_before_that_of_the_service(drill, ada, ben):
    paging = drill(policy_of(ada))
    paging.send(alert())
    paging.send_alert_only()
    incident = paging.incident
    incident.policy = policy_of(ben, name="Chosen by a rule")
    incident.save()

    paging.tick()

    paging.expect("Ben")


def test_unreachable_person_falls_through_to_the_next_target_at_once(drill, ben):
    mute = somebody("Mute", email="")
    paging = drill(policy_of(mute, ben))

    paging.fire()

    paging.expect("Ben")
    assert paging.entry("page_unreachable").data["person"] == "Mute"


# --- The fallback ---------------------------------------------------------------------------------


def test_fallback_can_still_acknowledge(drill, ada):
    boss = somebody("Boss")
    paging = drill(policy_of(ada, fallback_team=make_team(members=[boss])))
    paging.fire()
    paging.expect("Ada")
    paging.tick(minutes=5)
    paging.expect("Boss")

    paging.acknowledge(boss)

    assert paging.incident.acknowledged_by == boss
    assert paging.waiting() == []


def test_fallback_that_declines_passes_on_to_the_imoc(drill):
    boss, imoc = somebody("Boss"), somebody("Imoc")
    Role.objects.create(slug="imoc", name="IMOC", category="command", schedule=make_schedule(imoc))
    paging = drill(policy_of(make_schedule(), fallback_team=make_team(members=[boss, imoc])))
    somebody("Root", user=User.objects.create_superuser("root"))
    paging.fire()
    for name in ("Boss", "Imoc"):
        paging.expect(name)
    paging.expect("Root", about="Nobody was on call")
    paging.expect("Root", about="Nobody to page")

    paging.decline(boss)
    paging.expect_no_more()
    paging.decline(imoc)

    paging.expect("Root", about="INC-1")
    assert paging.escalation.state == "exhausted"


# --- Edits while it runs --------------------------------------------------------------------------


def test_step_put_in_behind_the_present_one_runs_next(drill, ada, ben, cem):
    policy = policy_of(ada, ben)
    policy.steps.filter(position=2).update(position=3)
    paging = drill(policy)
    paging.fire()
    paging.expect("Ada")

    add_step(policy, cem, position=2)

    for name in ("Cem", "Ben"):
        paging.tick(minutes=5)
        paging.expect(name)
    versions = {
        entry.data["person"]: entry.data["policy_version"]
        for entry in paging.incident.timeline.filter(kind="responder_paged")
    }
    assert versions == {"Ada": 1, "Cem": 2, "Ben": 2}


def test_step_put_in_before_the_present_one_waits_for_the_next_pass(drill, ada, ben, cem):
    policy = policy_of(ada, ben, repeats=1)
    paging = drill(policy)
    paging.fire()
    paging.expect("Ada")

    add_step(policy, cem, position=0)

    for name in ("Ben", "Cem", "Ada", "Ben"):
        paging.tick(minutes=5)
        paging.expect(name)


def test_reordered_steps_page_everybody_of_the_pass_once(drill, ada, ben, cem):
    policy = policy_of(ada, ben, cem)
    paging = drill(policy)
    paging.fire()
    paging.expect("Ada")

    for person, position in ((cem, 1), (ada, 2), (ben, 3)):
        policy.steps.filter(targets__person=person).update(position=position)

    for name in ("Cem", "Ben"):
        paging.tick(minutes=5)
        paging.expect(name)
    paging.tick(minutes=60)


def test_present_step_deleted_goes_on_with_what_followed_it(drill, ada, ben, cem):
    policy = policy_of(ada, ben, cem)
    paging = drill(policy)
    paging.fire()
    paging.expect("Ada")

    policy.steps.get(position=1).delete()
    paging.tick(minutes=5)
    paging.expect("Ben")

    assert paging.page_of(ada).state == "pending"
    paging.acknowledge(ada)
    paging.tick(minutes=60)


def test_all_steps_deleted_goes_to_the_fallback(drill, ada, ben):
    boss = somebody("Boss")
    policy = policy_of(ada, ben, repeats=2, fallback_team=make_team(members=[boss]))
    paging = drill(policy)
    paging.fire()
    paging.expect("Ada")

    policy.steps.all().delete()
    paging.tick(minutes=5)

    paging.expect("Boss")


def test_all_steps_replaced_runs_the_new_ones(drill, ada, ben, cem):
    policy = policy_of(ada, ben)
    paging = drill(policy)
    paging.fire()
    paging.expect("Ada")

    policy.steps.all().delete()
    add_step(policy, cem, position=1)
    paging.tick(minutes=5)

    paging.expect("Cem")


def test_step_given_other_targets_pages_those(drill, ada, ben, cem):
    policy = policy_of(ada, ben)
    paging = drill(policy)
    paging.fire()
    paging.expect("Ada")

    retarget(policy.steps.get(position=2), cem)
    paging.tick(minutes=5)

    paging.expect("Cem")


def test_service_left_without_a_policy_pages_the_fallback(drill, ada):
    imoc = somebody("Imoc")
    Role.objects.create(slug="imoc", name="IMOC", category="command", schedule=make_schedule(imoc))
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")

    paging.move_service_to(None)
    paging.tick(minutes=5)

    paging.expect("Imoc")


def test_pages_of_the_policy_before_can_still_be_answered(drill, ada, ben):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")
    paging.move_service_to(policy_of(ben, name="Other policy"))
    paging.tick(minutes=5)
    paging.expect("Ben")

    paging.acknowledge(ada)

    assert paging.incident.acknowledged_by == ada
    assert paging.waiting() == []


def test_more_repeats_given_meanwhile_count(drill, ada):
    policy = policy_of(ada, repeats=0)
    paging = drill(policy)
    paging.fire()
    paging.expect("Ada")

    policy.repeats = 1
    policy.save()
    paging.tick(minutes=5)

    paging.expect("Ada")


# --- Declining ------------------------------------------------------------------------------------


def test_declining_an_earlier_page_leaves_the_present_step_its_time(drill, ada, ben, cem):
    paging = drill(policy_of(ada, ben, cem))
    paging.fire()
    paging.expect("Ada")
    paging.tick(minutes=5)
    paging.expect("Ben")

    paging.decline(ada)
    paging.expect_no_more()

    paging.tick(minutes=5)
    paging.expect("Cem")


# --- All must acknowledge -------------------------------------------------------------------------


def test_all_must_acknowledge_goes_on_for_the_others(drill, cem):
    ada = somebody("Ada", ("push", 0), ("sms", 2))
    ben = somebody("Ben", ("push", 0), ("sms", 2), ("call", 5))
    paging = drill(having(policy_of([ada, ben], cem), all_must_acknowledge=True))
    paging.fire()
    paging.expect("Ada", "push")
    paging.expect("Ben", "push")

    paging.acknowledge(ada)
    paging.tick(minutes=5)

    paging.expect("Ben", "sms")
    paging.expect("Ben", "call")
    paging.acknowledge(ben)
    paging.tick(minutes=60)
    assert Acknowledgement.objects.standing().get().person == ada


def test_all_must_acknowledge_ends_with_the_incident(drill):
    ada = somebody("Ada", ("push", 0), ("sms", 2))
    ben = somebody("Ben", ("push", 0), ("sms", 2))
    paging = drill(having(policy_of([ada, ben]), all_must_acknowledge=True))
    paging.fire()
    paging.expect("Ada", "push")
    paging.expect("Ben", "push")
    paging.acknowledge(ada)
    paging.tick(minutes=1)

    paging.resolve()

    paging.expect("Ada", "push", about="resolved")
    paging.expect("Ben", "push", about="resolved")
    paging.tick(minutes=60)


def test_one_answer_is_enough_elsewhere(drill):
    ada = somebody("Ada", ("push", 0), ("sms", 2))
    ben = somebody("Ben", ("push", 0), ("sms", 2))
    paging = drill(policy_of([ada, ben]))
    paging.fire()
    paging.expect("Ada", "push")
    paging.expect("Ben", "push")

    paging.acknowledge(ada)
    paging.tick(minutes=60)

    assert paging.page_of(ben).state == "stopped"


# --- Acknowledgements that lapse ------------------------------------------------------------------


@pytest.fixture
def lapsing(drill, ada, ben):
    """Ada has it, for 30 minutes without a sign of work; then Ben is on call."""
    policy = policy_of(ada, repeats=0)
    paging = drill(policy)
    Severity.objects.update(acknowledgement_expires_minutes=30)
    paging.fire()
    paging.expect("Ada")
    paging.acknowledge(ada)
    retarget(policy.steps.get(), ben)
    return paging


def both_are_paged(paging) -> None:
    paging.expect("Ada")
    paging.expect("Ben")


def note(paging, ada):
    paging.incident.note("Looking.", by=Actor.of_person(ada), at=paging.at)


def confirm(paging, ada):
    paging.confirm(ada)


def change_severity(paging, ada):
    severity = Severity.objects.get(slug="sev2")
    by = Actor.of_person(ada)
    paging.incident.change_severity(severity, reason="Milder.", by=by, at=paging.at)


@pytest.mark.parametrize("work", [note, confirm, change_severity])
def test_sign_of_work_puts_it_off(lapsing, ada, work):
    lapsing.tick(minutes=20)
    work(lapsing, ada)

    lapsing.tick(minutes=29.9)
    lapsing.expect_no_more()
    lapsing.tick(minutes=0.1)

    both_are_paged(lapsing)


def test_phase_change_is_a_sign_of_work(lapsing, ada):
    lapsing.tick(minutes=20)
    severity = lapsing.incident.severity
    by = Actor.of_person(ada)
    lapsing.incident.declare(
        extent=None, degree=None, severity=severity, reason="Seen.", by=by, at=lapsing.at
    )

    lapsing.tick(minutes=29.9)
    lapsing.expect_no_more()
    lapsing.tick(minutes=0.1)

    both_are_paged(lapsing)


def test_what_monitoring_says_is_no_sign_of_work(lapsing):
    lapsing.tick(minutes=20)
    lapsing.fire("another")
    lapsing.tick(minutes=10)

    both_are_paged(lapsing)


def test_lapsed_incident_can_be_taken_by_whoever_answers(lapsing, ada, ben):
    lapsing.tick(minutes=30)
    both_are_paged(lapsing)

    lapsing.acknowledge(ben)
    lapsing.tick(minutes=29)

    standing = Acknowledgement.objects.standing().get()
    assert (standing.person, lapsing.incident.acknowledged_by) == (ben, ada)
    assert lapsing.waiting() == []
    with pytest.raises(DomainError, match="already acknowledged by Ben"):
        lapsing.take(ada)


def test_lapsed_incident_can_be_taken_on_its_page(lapsing, ada):
    lapsing.tick(minutes=30)
    both_are_paged(lapsing)

    lapsing.take(ada)
    lapsing.tick(minutes=29)

    assert lapsing.page_of(ada).state == "acknowledged"
    assert lapsing.entry("incident_taken_over").actor == ada


def test_acknowledger_who_left_is_not_paged_again(lapsing, ada):
    lapsing.deactivate(ada)

    lapsing.tick(minutes=30)

    lapsing.expect("Ben")


def test_acknowledger_on_the_step_is_paged_once(lapsing, ada):
    make_target(EscalationStep.objects.get(), ada)

    lapsing.tick(minutes=30)

    both_are_paged(lapsing)


def test_lapse_with_nobody_on_call_pages_the_acknowledger_and_the_next_step_at_once(lapsing, cem):
    step = EscalationStep.objects.get()
    retarget(step, make_schedule())
    add_step(step.policy, cem, position=2)

    lapsing.tick(minutes=30)

    lapsing.expect("Ada")
    lapsing.expect("Cem")


def test_resolved_incident_does_not_lapse(lapsing):
    lapsing.tick(minutes=10)
    lapsing.resolve()
    lapsing.expect("Ada", about="resolved")

    lapsing.tick(minutes=60)

    assert not Acknowledgement.objects.standing().exists()


def test_severity_without_a_limit_never_lapses(drill, ada):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")
    paging.acknowledge(ada)

    paging.tick(minutes=60 * 24)

    assert Acknowledgement.objects.standing().get().expires_at is None


def test_confirming_what_nobody_has_is_refused(drill, ada):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")

    with pytest.raises(DomainError, match="Nobody has INC-1 now"):
        paging.confirm(ada)


# --- Snooze ---------------------------------------------------------------------------------------


def test_snoozing_again_replaces_the_time(drill, ada):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")
    paging.snooze(ada, minutes=60)
    paging.snooze(ada, minutes=15)

    paging.tick(minutes=15)

    paging.expect("Ada")
    paging.acknowledge(ada)
    paging.tick(minutes=120)


def test_declaring_ends_a_snooze(drill, ada, ben):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")
    paging.snooze(ada, minutes=60)

    severity = paging.incident.severity
    by = Actor.of_person(ben)
    paging.incident.declare(
        extent=None, degree=None, severity=severity, reason="Seen.", by=by, at=paging.at
    )
    paging.tick(minutes=120)

    assert Acknowledgement.objects.standing().get().person == ben


def test_resolving_ends_a_snooze(drill, ada):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")
    paging.snooze(ada, minutes=60)
    paging.tick(minutes=10)

    paging.resolve()
    paging.expect("Ada", about="resolved")

    paging.tick(minutes=120)


@pytest.mark.parametrize("minutes", [0, -5, 24 * 60 + 1])
def test_snooze_has_limits(drill, ada, minutes):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")

    with pytest.raises(DomainError):
        paging.snooze(ada, minutes=minutes)

    assert paging.waiting() == ["Ada"]


def test_declared_incident_is_not_snoozed(drill, ada):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")
    severity = paging.incident.severity
    paging.incident.declare(
        extent=None, degree=None, severity=severity, reason="Seen.", by=ADMIN, at=paging.at
    )

    with pytest.raises(DomainError, match="Only what nobody has declared is snoozed"):
        paging.snooze(ada, minutes=15)


# --- By hand --------------------------------------------------------------------------------------


def test_escalating_while_it_pages_runs_the_next_step_at_once(drill, ada, ben, cem):
    paging = drill(policy_of(ada, ben, cem))
    paging.fire()
    paging.expect("Ada")

    paging.escalate(ada)
    paging.expect("Ben")

    assert paging.page_of(ada).state == "pending"
    paging.tick(minutes=5)
    paging.expect("Cem")


def test_escalating_after_the_last_step_pages_the_fallback(drill, ada):
    boss = somebody("Boss")
    paging = drill(policy_of(ada, repeats=1, fallback_team=make_team(members=[boss])))
    paging.fire()
    paging.expect("Ada")
    paging.acknowledge(ada)

    paging.escalate(ada)

    paging.expect("Boss")


def test_whoever_was_called_in_by_hand_takes_it_over(drill, ada, ben):
    paging = drill(policy_of(ada, ben))
    paging.fire()
    paging.expect("Ada")
    paging.acknowledge(ada)
    paging.escalate(ada)
    paging.expect("Ben")
    assert Acknowledgement.objects.standing().get().person == ada

    paging.acknowledge(ben)
    paging.tick(minutes=60)

    assert Acknowledgement.objects.standing().get().person == ben
    assert paging.incident.acknowledged_by == ada


def test_fallback_called_in_by_hand_takes_it_over(drill, ada):
    boss = somebody("Boss")
    paging = drill(policy_of(ada, fallback_team=make_team(members=[boss])))
    paging.fire()
    paging.expect("Ada")
    paging.acknowledge(ada)
    paging.escalate(ada)
    paging.expect("Boss")

    paging.acknowledge(boss)

    assert Acknowledgement.objects.standing().get().person == boss


def test_escalating_what_is_over_is_refused(drill, ada):
    paging = drill(policy_of(ada))
    paging.fire()
    paging.expect("Ada")
    paging.tick(minutes=1)
    paging.resolve()
    paging.expect("Ada", about="resolved")

    with pytest.raises(DomainError, match="INC-1 is over"):
        paging.escalate(ada)


# --- People who leave -----------------------------------------------------------------------------


def test_fallback_person_who_leaves_passes_on_to_the_next_fallback(drill):
    boss, imoc = somebody("Boss"), somebody("Imoc")
    Role.objects.create(slug="imoc", name="IMOC", category="command", schedule=make_schedule(imoc))
    paging = drill(policy_of(make_schedule(), fallback_team=make_team(members=[boss])))
    paging.fire()
    paging.expect("Boss")

    paging.deactivate(boss)
    paging.tick()

    paging.expect("Imoc")


def test_person_who_leaves_holds_up_nobody_while_others_may_answer(drill, ada, ben, cem):
    paging = drill(policy_of([ada, ben], cem))
    paging.fire()
    paging.expect("Ada")
    paging.expect("Ben")

    paging.deactivate(ada)
    paging.tick()
    paging.expect_no_more()

    paging.tick(minutes=5)
    paging.expect("Cem")


# --- What waits for older events ------------------------------------------------------------------


def started_with_a_backlog(now: datetime, *people) -> Paging:
    """An incident whose alert is old, with an older event of its monitor not processed yet."""
    paging = Paging(make_policy(*people), at=now)
    paging.send(alert())
    process_due(at=now)
    stop_escalation(paging.incident, by=ADMIN, at=now, reason="test")
    older = paging.send(alert("other"), group="other")
    paging.at += timedelta(minutes=1)
    type(older).objects.filter(pk=older.pk).update(due_at=now + timedelta(hours=9))
    incident = paging.incident
    start_escalations([incident], by=ADMIN, at=paging.at, waits_for_backlog=[incident.pk])
    return paging


def test_run_that_waits_for_the_backlog_pages_once_it_is_processed(now, ada):
    paging = started_with_a_backlog(now, ada)
    paging.tick(minutes=1)
    assert paging.paged() == []

    AlertEvent.objects.waiting().update(due_at=paging.at)
    paging.tick(minutes=1)

    assert paging.paged() == ["Ada", "Ada"]  # the older event opened an incident of its own


def test_run_that_waits_for_the_backlog_pages_after_ten_minutes_anyway(now, ada):
    paging = started_with_a_backlog(now, ada)
    for _ in range(9):
        paging.tick(minutes=1)
    assert paging.paged() == []

    paging.tick(minutes=1)

    assert paging.paged() == ["Ada"]


# --- What is postponed ----------------------------------------------------------------------------


def test_declared_incident_pages_through_maintenance(drill, ada, ben):
    paging = drill(policy_of(ada, ben))
    paging.fire()
    paging.expect("Ada")
    severity = paging.incident.severity
    paging.incident.declare(
        extent=None, degree=None, severity=severity, reason="Seen.", by=ADMIN, at=paging.at
    )
    paging.maintain(minutes=60)
    paging.tick(minutes=1)

    paging.escalate(ada)

    paging.expect("Ben")


def test_postponed_incident_that_ends_meanwhile_pages_nobody(drill, ada, ben):
    paging = drill(policy_of(ada, ben))
    paging.maintain(begins_in=2, minutes=30)
    paging.fire()
    paging.expect("Ada")
    paging.tick(minutes=10)

    paging.resolve()
    paging.expect("Ada", about="resolved")

    paging.tick(minutes=60)
    assert not Escalation.objects.running().exists()


def test_pages_name_their_step(drill, ada):
    policy = policy_of(ada)
    paging = drill(policy)
    paging.fire()
    paging.expect("Ada")

    page = Page.objects.get()
    assert (page.step, page.step_position, page.pass_number) == (policy.steps.get(), 1, 1)
    assert page.created_at == datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
