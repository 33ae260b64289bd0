from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from roster.escalation_targets import people_at
from roster.models import EscalationStep, Participant
from roster.oncall import people_of
from tests.factories.roster import (
    make_layer,
    make_person,
    make_policy,
    make_schedule,
    make_target,
    make_team,
)

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


def test_next_on_call_is_who_takes_over_at_the_coming_handoff(now: datetime) -> None:
    step = make_step()
    schedule = make_schedule(make_person(slug="ana"), make_person(slug="bo"), name="Primary")
    make_target(step, schedule, kind="schedule_next")

    assert found(step, now) == [("bo", "next on Primary")]


def test_now_and_next_of_one_schedule_are_two_people(now: datetime) -> None:
    step = make_step()
    schedule = make_schedule(make_person(slug="ana"), make_person(slug="bo"), name="Primary")
    make_target(step, schedule)
    make_target(step, schedule, kind="schedule_next")

    assert found(step, now) == [("ana", "Primary"), ("bo", "next on Primary")]


def test_everyone_who_takes_turns_leaves_out_who_left_the_rotation(now: datetime) -> None:
    step = make_step()
    ana, bo, gone = make_person(name="Ana"), make_person(name="Bo"), make_person(name="Gone")
    schedule = make_schedule(ana, gone, name="Primary")
    layer = schedule.layers.get()
    Participant.objects.bulk_create(
        Participant(layer=layer, effective_at=now - timedelta(days=1), position=n, person=person)
        for n, person in enumerate([ana, bo], start=1)
    )
    make_target(step, schedule, kind="schedule_everyone")

    assert [each.person for each in people_at(step, at=now)] == [ana, bo]


def test_everyone_counts_who_joins_later_and_not_who_left_with_a_layer(now: datetime) -> None:
    ana, dana, old = make_person(name="Ana"), make_person(name="Dana"), make_person(name="Old")
    schedule = make_schedule(ana)
    make_layer(schedule, old, name="Former", effective_until=now)
    Participant.objects.bulk_create(
        Participant(
            layer=schedule.layers.get(name="Weekly"),
            effective_at=now + timedelta(days=9),
            position=n,
            person=person,
        )
        for n, person in enumerate([ana, dana], start=1)
    )

    assert people_of([schedule], now) == {schedule.pk: [ana, dana]}
