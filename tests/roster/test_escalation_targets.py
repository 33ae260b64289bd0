from datetime import datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from roster.escalation_targets import people_at
from roster.models import EscalationStep
from tests.factories.roster import make_person, make_policy, make_schedule, make_target, make_team

pytestmark = pytest.mark.django_db


def make_step() -> EscalationStep:
    return EscalationStep.objects.create(policy=make_policy(), position=1)


def found(step: EscalationStep, at: datetime) -> list[tuple[str, str]]:
    return [(resolved.person.slug, resolved.via) for resolved in people_at(step, at=at)]


def test_schedule_resolves_to_whoever_is_on_call(now: datetime) -> None:
    step = make_step()
    make_target(step, make_schedule(make_person(slug="ana"), make_person(), name="Primary"))

    assert found(step, now) == [("ana", "Primary")]


def test_team_resolves_to_its_active_members(now: datetime) -> None:
    step = make_step()
    gone = make_person(is_active=False)
    make_target(step, make_team(name="Support", members=[make_person(slug="ana"), gone]))

    assert found(step, now) == [("ana", "Support")]


def test_team_lead_resolves_to_the_lead(now: datetime) -> None:
    step = make_step()
    team = make_team(name="Support", lead=make_person(slug="lead"), members=[make_person()])
    make_target(step, team, kind="team_lead")

    assert found(step, now) == [("lead", "lead of Support")]


def test_inactive_person_is_passed_over(now: datetime) -> None:
    step = make_step()
    make_target(step, make_person(is_active=False))

    assert found(step, now) == []


def test_person_behind_two_targets_is_paged_once(now: datetime) -> None:
    step = make_step()
    ana = make_person(slug="ana")
    make_target(step, ana)
    make_target(step, make_schedule(ana))

    assert found(step, now) == [("ana", "named in the policy")]


@pytest.mark.parametrize("count", [1, 3])
def test_queries_do_not_grow_with_targets(
    now: datetime, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    step = make_step()
    for _ in range(count):
        make_target(step, make_schedule(make_person()))
        make_target(step, make_team(members=[make_person()]))

    with django_assert_num_queries(7):
        people_at(step, at=now)
