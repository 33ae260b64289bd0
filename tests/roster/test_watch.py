from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from roster.models import Override, OverrideShift, Schedule, ScheduleWatch
from roster.page_tests import acknowledge
from roster.watch import prove_all_soon, prove_people_soon, prove_soon
from tests.factories.api import client_of
from tests.factories.qualifications import make_practised
from tests.factories.roster import make_override, make_person, make_schedule

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def due() -> set[Schedule]:
    watches = ScheduleWatch.objects.filter(due_at__isnull=False).select_related("schedule")
    return {watch.schedule for watch in watches}


def test_change_makes_a_schedule_due_and_never_later_than_it_was(now: datetime) -> None:
    new, tonight, overdue = make_schedule(), make_schedule(), make_schedule()
    ScheduleWatch.objects.create(schedule=tonight, due_at=now + HOUR)
    ScheduleWatch.objects.create(schedule=overdue, due_at=now - HOUR)

    prove_soon([new.pk, tonight.pk, overdue.pk], at=now)

    rows = dict(ScheduleWatch.objects.values_list("schedule", "due_at"))
    assert rows == {new.pk: now, tonight.pk: now, overdue.pk: now - HOUR}


def test_change_about_a_person_concerns_every_schedule_that_names_them(
    now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ana, bo = make_person(), make_person()
    rotation, by_override, listed, past, other = (
        make_schedule(ana),
        make_schedule(bo),
        make_schedule(bo),
        make_schedule(bo),
        make_schedule(bo),
    )
    span = {"starts_at": now, "ends_at": now + HOUR}
    make_override(by_override, ana, **span)
    make_override(past, ana, starts_at=now - HOUR, ends_at=now)
    mini = Override.objects.create(schedule=listed, kind=Override.Kind.TEMPORARY, **span)
    OverrideShift.objects.create(override=mini, person=ana, **span)

    with django_assert_num_queries(4):
        prove_people_soon([ana.pk], at=now)

    assert due() == {rotation, by_override, listed}
    assert other not in due()


def test_change_about_everything_leaves_inactive_schedules_alone(now: datetime) -> None:
    active = make_schedule()
    make_schedule(is_active=False)

    prove_all_soon(at=now)

    assert due() == {active}


def test_answered_test_page_has_the_person_s_schedules_proven(now: datetime) -> None:
    ana = make_person()
    schedule = make_schedule(ana)
    call = make_practised(ana)
    call.acknowledged_at = None
    call.save()

    acknowledge(call, at=now)

    assert due() == {schedule}


def test_person_who_leaves_has_their_schedules_proven(user_with: Callable[..., User]) -> None:
    ana = make_person(slug="ana")
    schedule = make_schedule(ana)
    machine = client_of(user_with("roster.view_person", "roster.change_person"))

    machine.patch("/api/v1/people/ana", {"title": "Engineer"})
    before = due()
    machine.patch("/api/v1/people/ana", {"is_active": False})

    assert before == set()
    assert due() == {schedule}
