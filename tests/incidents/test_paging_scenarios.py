"""The scenarios of PAGING-RULES that every release must pass, in the words of the field."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from incidents.models import Incident, Role, Service, Severity
from roster.models import EscalationStep
from tests.factories.roster import (
    make_person,
    make_policy,
    make_schedule,
    make_target,
    make_team,
)
from tests.incidents.paging import Paging, alert

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    return make_person(slug="ada")


@pytest.fixture
def ben(db):
    return make_person(slug="ben")


def test_escalate_after_delay(ada, ben, now):
    paging = Paging(make_policy(ada, ben, repeats=0), at=now)
    paging.fire()

    paging.tick(minutes=4.9)
    assert paging.paged() == ["Ada"]

    paging.tick(minutes=0.1)
    assert paging.paged() == ["Ada", "Ben"]


def test_repeat_and_stop(ada, ben, now):
    boss = make_person(slug="boss")
    paging = Paging(
        make_policy(ada, ben, repeats=1, fallback_team=make_team(members=[boss])), at=now
    )
    paging.fire()

    for _ in range(10):
        paging.tick(minutes=5)

    assert paging.paged() == ["Ada", "Ben", "Ada", "Ben", "Boss"]
    assert paging.escalation.state == "exhausted"
    assert paging.story()[-2:] == ["responder_paged", "escalation_exhausted"]


def test_acknowledge_stops_steps(ada, ben, now):
    paging = Paging(make_policy(ada, ben), at=now)
    paging.fire()
    paging.acknowledge(ada)

    paging.tick(minutes=60)

    assert paging.paged() == ["Ada"]


def test_fallback_can_still_acknowledge(ada, now):
    boss = make_person(slug="boss")
    paging = Paging(make_policy(ada, repeats=0, fallback_team=make_team(members=[boss])), at=now)
    paging.fire()
    paging.tick(minutes=5)

    paging.acknowledge(boss)

    assert paging.incident.acknowledged_by == boss
    assert paging.waiting() == []


def test_two_people_on_a_step_one_declines(ada, ben, now):
    policy = make_policy(ada, make_person(slug="cem"))
    make_target(policy.steps.get(position=1), ben)
    paging = Paging(policy, at=now)
    paging.fire()
    assert paging.paged() == ["Ada", "Ben"]

    paging.decline(ada)
    paging.tick()
    assert paging.paged() == ["Ada", "Ben"]

    paging.decline(ben)
    paging.tick()
    assert paging.paged() == ["Ada", "Ben", "Cem"]


def test_two_steps_at_one_position_are_paged_together(ada, ben, now):
    policy = make_policy(ada)
    make_target(EscalationStep.objects.create(policy=policy, position=1), ben)
    paging = Paging(policy, at=now)

    paging.fire()

    assert paging.paged() == ["Ada", "Ben"]


def test_nobody_on_step_1_at_once_to_step_2(ben, now):
    paging = Paging(make_policy(make_schedule(), ben), at=now)

    paging.fire()

    assert paging.paged() == ["Ben"]
    assert paging.entry("nobody_on_call").data["step"] == 1


def test_person_without_a_reachable_method_is_passed_over_at_once(ben, now):
    mute = make_person(slug="mute", email="")
    paging = Paging(make_policy(mute, ben), at=now)

    paging.fire()

    assert paging.paged() == ["Ben"]
    assert paging.entry("page_unreachable").data["person"] == "Mute"


@pytest.mark.parametrize("repeats", [0, 3])
def test_nobody_anywhere_goes_to_the_fallback_team_at_once(now, repeats):
    boss = make_person(slug="boss")
    team = make_team(name="Leads", members=[boss])
    paging = Paging(make_policy(make_schedule(), repeats=repeats, fallback_team=team), at=now)

    paging.fire()

    assert paging.paged() == ["Boss"]
    assert paging.entry("escalation_exhausted").data["fallback"] == "Leads"


def test_without_fallback_team_the_imoc_is_paged(now):
    imoc = make_person(slug="imoc")
    Role.objects.create(slug="imoc", name="IMOC", category="command", schedule=make_schedule(imoc))
    paging = Paging(make_policy(make_schedule()), at=now)

    paging.fire()

    assert paging.paged() == ["Imoc"]


def test_with_nobody_else_administrators_are_paged(now):
    root = make_person(slug="root", user=User.objects.create_superuser("root"))
    make_person(slug="other", user=User.objects.create_user("other"))
    paging = Paging(make_policy(make_schedule()), at=now)

    paging.fire()

    assert paging.paged() == [root.name]
    assert paging.entry("escalation_exhausted").data["fallback"] == "administrators"


def test_with_nobody_at_all_the_incident_is_kept_and_says_so(now):
    paging = Paging(make_policy(make_schedule()), at=now)

    paging.fire()

    assert paging.paged() == []
    assert paging.incident.is_live
    assert paging.entry("escalation_exhausted").data["fallback"] == ""


def test_service_without_policy_pages_the_fallback(now):
    make_person(slug="root", user=User.objects.create_superuser("root"))
    paging = Paging(None, at=now)

    paging.fire()

    assert paging.paged() == ["Root"]


def test_service_without_policy_uses_that_of_its_team(ada, now):
    paging = Paging(None, at=now)
    team = paging.service.owner_team
    team.default_policy = make_policy(ada)
    team.save()

    paging.fire()

    assert paging.paged() == ["Ada"]


def test_policy_edited_meanwhile_skips_the_deleted_step(ada, ben, now):
    policy = make_policy(ada, ben, make_person(slug="cem"))
    paging = Paging(policy, at=now)
    paging.fire()

    policy.steps.get(position=2).delete()
    paging.tick(minutes=5)

    assert paging.paged() == ["Ada", "Cem"]


def test_policy_edited_meanwhile_runs_the_added_step(ada, ben, now):
    policy = make_policy(ada, repeats=0)
    paging = Paging(policy, at=now)
    paging.fire()

    make_target(EscalationStep.objects.create(policy=policy, position=2), ben)
    policy.next_version()
    paging.tick(minutes=5)

    assert paging.paged() == ["Ada", "Ben"]
    assert paging.escalation.policy_version == 2


def test_service_moved_to_another_policy_starts_at_its_first_step(ada, ben, now):
    paging = Paging(make_policy(ada, make_person(slug="cem")), at=now)
    paging.fire()

    Service.objects.update(policy=make_policy(ben, name="Other"))
    paging.tick(minutes=5)

    assert paging.paged() == ["Ada", "Ben"]
    assert paging.escalation.policy.name == "Other"


def test_person_deactivated_while_being_paged_is_not_paged_again(ada, ben, now):
    paging = Paging(make_policy(ada, ben, repeats=1), at=now)
    paging.fire()

    ada.is_active = False
    ada.save()
    paging.tick(minutes=5)
    paging.tick(minutes=5)

    assert paging.paged() == ["Ada", "Ben", "Ben"]


def test_handoff_mid_incident_pages_the_new_person(now):
    """Turns begin on Mondays at 9; the incident begins just before one does."""
    schedule = make_schedule(make_person(slug="ada"), make_person(slug="ben"))
    paging = Paging(make_policy(schedule, schedule), at=now.replace(hour=8, minute=58))
    paging.fire()

    paging.tick(minutes=5)

    assert len(set(paging.paged())) == 2


def test_same_key_open_acknowledged_resolved(ada, now):
    paging = Paging(make_policy(ada), at=now)
    paging.fire()
    paging.fire()
    assert (paging.paged(), paging.alert.count) == (["Ada"], 2)

    paging.acknowledge(ada)
    paging.fire()
    assert (paging.paged(), paging.alert.count) == (["Ada"], 3)

    paging.at += timedelta(minutes=1)
    paging.resolve()
    paging.at += timedelta(minutes=1)
    paging.fire()
    assert paging.paged() == ["Ada", "Ada"]
    assert Incident.objects.count() == 2


def test_storm_of_300_alerts_plus_one_new_incident(ada, now):
    paging = Paging(make_policy(ada), at=now)
    for number in range(300):
        paging.send(alert(f"storm {number}"), group="storm")
    paging.send(alert("new"), group="new")

    paging.tick()

    assert Incident.objects.count() == 2
    assert paging.paged() == ["Ada", "Ada"]
    assert paging.story().count("alert_attached") < 10


def test_engine_stopped_for_30_minutes_goes_on_where_it_was(ada, ben, now):
    """The backlog collapses: one step runs now, not all that would have run meanwhile."""
    paging = Paging(make_policy(ada, ben, repeats=5), at=now)
    paging.fire()

    paging.tick(minutes=30)

    assert paging.paged() == ["Ada", "Ben"]


def test_urgency_of_a_page_is_that_of_the_severity(ada, now):
    paging = Paging(make_policy(ada), at=now)
    Severity.objects.filter(slug="sev4").update(urgency="low")

    paging.send(alert(labels={"severity": "warning"}))
    paging.tick()

    assert paging.page_of(ada).urgency == "low"
