from datetime import datetime, time, timedelta

import pytest

from incidents.escalation import run_due, start_escalation
from incidents.models import Page
from incidents.policy_preview import Call, who_would_be_called
from roster.actors import Actor
from roster.models import EscalationPolicy, EscalationStep
from tests.factories.incidents import make_incident, make_role, make_service
from tests.factories.roster import (
    make_layer,
    make_person,
    make_policy,
    make_schedule,
    make_target,
    make_team,
)

pytestmark = pytest.mark.django_db

MONITORING = Actor.system("monitoring")


def seen(calls: list[Call]) -> list[tuple[int, str, list[str]]]:
    """Minutes, rung, names."""
    return [
        (call.after // timedelta(minutes=1), call.title, [each.person.name for each in call.people])
        for call in calls
    ]


def test_steps_follow_each_other_and_then_the_fallback(now: datetime) -> None:
    team = make_team(name="Leads", members=[make_person(name="Cy")])
    policy = make_policy(make_person(name="Ana"), make_person(name="Bo"), repeats=0)
    policy.fallback_team = team
    policy.save()

    assert seen(who_would_be_called(policy, at=now)) == [
        (0, "Step 1", ["Ana"]),
        (5, "Step 2", ["Bo"]),
        (10, "Fallback: Leads", ["Cy"]),
    ]


def test_repeats_are_further_rounds(now: datetime) -> None:
    policy = make_policy(make_person(name="Ana"), repeats=1)

    assert [title for _, title, _ in seen(who_would_be_called(policy, at=now))] == [
        "Step 1",
        "Step 1, round 2",
        "Fallback",
    ]


def test_step_with_nobody_is_shown_and_takes_no_time(now: datetime) -> None:
    policy = make_policy(make_schedule(), make_person(name="Bo"), repeats=0)

    assert seen(who_would_be_called(policy, at=now))[:2] == [
        (0, "Step 1", []),
        (0, "Step 2", ["Bo"]),
    ]


def test_person_without_any_address_is_named_as_unreachable(now: datetime) -> None:
    policy = make_policy(make_person(name="Ana", email=""), repeats=0)

    call = who_would_be_called(policy, at=now)[0]

    assert (call.people, [each.person.name for each in call.unreachable]) == ([], ["Ana"])


def test_each_step_asks_the_roster_at_its_own_time(now: datetime) -> None:
    schedule = make_schedule(name="Primary")
    make_layer(schedule, make_person(name="Ana"), effective_until=now + timedelta(minutes=3))
    make_layer(schedule, make_person(name="Bo"), effective_from=now + timedelta(minutes=3))
    policy = make_policy(schedule, schedule, repeats=0)

    assert seen(who_would_be_called(policy, at=now))[:2] == [
        (0, "Step 1", ["Ana"]),
        (5, "Step 2", ["Bo"]),
    ]


def test_without_a_policy_the_imoc_is_called(now: datetime) -> None:
    make_role(slug="imoc", name="IMOC", schedule=make_schedule(make_person(name="Ida")))

    assert seen(who_would_be_called(None, at=now)) == [(0, "Fallback: IMOC", ["Ida"])]


def test_step_leaves_out_who_is_not_at_work_at_its_own_time(now: datetime) -> None:
    policy = make_policy(make_person(name="Ana", work_until=time(10, 4)), repeats=1)
    policy.steps.update(condition="working_hours")

    first, second, _ = who_would_be_called(policy, at=now)

    assert [each.person.name for each in first.people] == ["Ana"]
    assert (second.people, [each.person.name for each in second.left_out]) == ([], ["Ana"])


def test_step_that_all_must_acknowledge_says_so(now: datetime) -> None:
    policy = make_policy(make_team(members=[make_person(name="Ana"), make_person(name="Bo")]))
    policy.steps.update(all_must_acknowledge=True)

    call = who_would_be_called(policy, at=now)[0]

    assert [each.person.name for each in call.must_answer] == ["Ana", "Bo"]


def policy_with_everything(now: datetime) -> EscalationPolicy:
    schedule = make_schedule(make_person(name="Ana"), make_person(name="Bo"), name="Primary")
    policy = make_policy(schedule, make_schedule(), make_team(members=[make_person(name="Cy")]))
    make_target(policy.steps.get(position=1), schedule, kind="schedule_next")
    make_target(policy.steps.get(position=3), make_person(name="No way", email=""))
    night = make_target(
        EscalationStep.objects.create(
            policy=policy, position=3, wait_minutes=20, condition="off_hours"
        ),
        make_person(name="Day worker"),
    ).step
    make_target(night, make_person(name="Owl", work_from=time(22), work_until=time(6)))
    policy.repeats = 2
    policy.fallback_team = make_team(name="Leads", members=[make_person(name="Eve")])
    policy.save()
    return policy


def test_preview_is_what_an_unanswered_escalation_does(now: datetime) -> None:
    policy = policy_with_everything(now)
    incident = make_incident()
    incident.services.add(make_service(policy=policy))
    expected = [
        (call.at, each.person.name)
        for call in who_would_be_called(policy, at=now)
        for each in call.people
    ]

    start_escalation(incident, by=MONITORING, at=now)
    for minute in range(120):
        run_due(at=now + timedelta(minutes=minute))

    pages = Page.objects.order_by("created_at", "pk").values_list("created_at", "person__name")
    assert list(pages) == expected
