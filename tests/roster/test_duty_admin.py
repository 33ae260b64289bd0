from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories.duty import make_duty
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db

LIST = "/admin/roster/dutyrecord/"


@pytest.fixture
def viewer(user_with: Callable[..., User]) -> Client:
    client = Client()
    client.force_login(user_with("roster.view_dutyrecord", "roster.view_schedule"))
    return client


def test_list_of_one_schedule_is_a_click_away_from_it(viewer: Client, now: datetime) -> None:
    schedule, other = make_schedule(), make_schedule()
    ana, bo = make_person(name="Ana"), make_person(name="Boudicca")
    make_duty(schedule, ana, now, None, layer_name="Weekly", turn=3)
    make_duty(other, bo, now, None)

    page = viewer.get(f"/admin/roster/schedule/{schedule.pk}/show_duty/", follow=True)

    content = page.content.decode()
    assert "Weekly, turn 3" in content
    assert "still on call" in content
    assert "Boudicca" not in content


@pytest.mark.parametrize("count", [1, 3])
def test_list_takes_as_many_queries_for_many_records(
    viewer: Client, now: datetime, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for hours in range(count):
        make_duty(make_schedule(), make_person(), now, now + timedelta(hours=1 + hours))
    viewer.get(LIST)

    with django_assert_num_queries(6):
        viewer.get(LIST)


def test_record_is_shown_and_cannot_be_changed(viewer: Client, now: datetime) -> None:
    record = make_duty(make_schedule(), make_person(), now, None)

    assert viewer.get(f"{LIST}{record.pk}/change/").status_code == 200
    assert viewer.post(f"{LIST}{record.pk}/change/", {"turn": 7}).status_code == 403
    assert viewer.get(f"{LIST}add/").status_code == 403
    assert viewer.post(f"{LIST}{record.pk}/delete/", {"post": "yes"}).status_code == 403


def test_list_is_for_those_who_may_see_it(user_with: Callable[..., User]) -> None:
    client = Client()
    client.force_login(user_with("roster.view_schedule"))

    assert client.get(LIST).status_code == 403
