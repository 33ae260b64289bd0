from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from roster.models import Schedule
from tests.factories.roster import make_override, make_person, make_schedule

pytestmark = pytest.mark.django_db

ON_CALL = "admin:roster_oncall"


@pytest.fixture(autouse=True)
def frozen(now: datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def viewer(client: Client, user_with: Callable[..., User]) -> Client:
    client.force_login(user_with("roster.view_schedule"))
    return client


def calendar_of(schedule: Schedule) -> str:
    return reverse("admin:roster_schedule_calendar", args=[schedule.pk])


def test_calendar_shows_four_weeks_from_this_monday(viewer: Client) -> None:
    schedule = make_schedule(make_person(name="Ana"), make_person(name="Bo"))

    response = viewer.get(calendar_of(schedule))

    assert [week.days[0] for week in response.context["weeks"]] == [
        date(2026, 3, 2) + timedelta(weeks=week) for week in range(4)
    ]
    assert set(response.context["legend"]) == {"Ana", "Bo"}
    assert "Times are in your zone, <strong>UTC</strong>" in response.text


def test_calendar_goes_to_the_week_of_the_day_asked_for(viewer: Client) -> None:
    response = viewer.get(calendar_of(make_schedule()), {"from": "2026-06-10"})

    assert response.context["weeks"][0].days[0] == date(2026, 6, 8)
    assert "?from=2026-05-11" in response.text
    assert "?from=2026-07-06" in response.text


@pytest.mark.parametrize("asked", ["yesterday", "0001-01-01", "9999-12-31"])
def test_calendar_ignores_a_day_it_cannot_show(viewer: Client, asked: str) -> None:
    response = viewer.get(calendar_of(make_schedule()), {"from": asked})

    assert response.context["weeks"][0].days[0] == date(2026, 3, 2)


def test_calendar_marks_overrides_and_gaps(viewer: Client, now: datetime) -> None:
    schedule = make_schedule()
    make_override(schedule, make_person(name="Cy"), starts_at=now, ends_at=now + timedelta(days=1))

    week = viewer.get(calendar_of(schedule)).context["weeks"][0]

    assert [(bar.label, bar.tone) for bar in week.bars] == [
        ("Nobody", "gap"),
        ("Cy", "override"),
        ("Nobody", "gap"),
    ]


def test_calendar_of_no_schedule_is_not_found(viewer: Client) -> None:
    assert viewer.get(reverse("admin:roster_schedule_calendar", args=[0])).status_code == 404


@pytest.mark.parametrize("which", ["calendar", "on call"])
def test_pages_need_the_right_to_see_schedules(
    client: Client, user_with: Callable[..., User], which: str
) -> None:
    schedule = make_schedule()
    client.force_login(user_with())

    url = calendar_of(schedule) if which == "calendar" else reverse(ON_CALL)

    assert client.get(url).status_code == 403


def test_on_call_page_shows_now_and_next(viewer: Client) -> None:
    make_schedule(make_person(name="Ana"), make_person(name="Bo"), name="Primary")
    make_schedule(name="Retired", is_active=False)

    response = viewer.get(reverse(ON_CALL))

    assert [
        (schedule.name, answer.now[0].person.name, answer.next[0].person.name)
        for schedule, answer in response.context["rows"]
    ] == [("Primary", "Ana", "Bo")]


def test_on_call_page_takes_the_same_queries_for_three_schedules_as_for_one(
    viewer: Client,
) -> None:
    make_schedule(make_person(), make_person())
    viewer.get(reverse(ON_CALL))
    with CaptureQueriesContext(connection) as one:
        viewer.get(reverse(ON_CALL))
    for _ in range(2):
        make_schedule(make_person(), make_person())

    with CaptureQueriesContext(connection) as three:
        viewer.get(reverse(ON_CALL))

    assert len(three) == len(one)


@pytest.mark.parametrize("asked", ["", "0", "nonsense"])
def test_override_form_opens_whatever_schedule_is_named(admin_client: Client, asked: str) -> None:
    response = admin_client.get(reverse(ON_CALL), {"schedule": asked})

    assert response.status_code == 200
    assert "Save override" in response.text
