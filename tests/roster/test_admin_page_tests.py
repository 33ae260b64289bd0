import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from roster import page_tests
from roster.models import PageTest
from tests.factories.reachability import make_page_test
from tests.factories.roster import make_person, make_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

MakeUser = Callable[..., User]
LIST = "/admin/roster/pagetest/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def rosa(user_with: MakeUser, client: Client) -> User:
    user = user_with(
        "roster.view_pagetest", "roster.add_pagetest", "roster.change_pagetest", username="rosa"
    )
    client.force_login(user)
    return user


def form(**changed: Any) -> dict[str, Any]:
    return {
        "name": "Disk of db-3 is full",
        "starts_at_0": "2026-03-02",
        "starts_at_1": "14:30",
        "answer_within_minutes": "10",
        "is_unannounced": "on",
        **changed,
    }


def page_of(test: PageTest) -> str:
    return reverse("admin:roster_pagetest_change", args=[test.pk])


def test_test_is_planned_for_a_time_to_come(client: Client, rosa: User) -> None:
    schedule = make_schedule(make_person())

    response = client.post(f"{LIST}add/", form(schedules=[schedule.pk]))

    test = PageTest.objects.get()
    assert response["Location"] == page_of(test)
    assert (test.name, test.reference, test.answer_within_minutes) == (
        "Disk of db-3 is full",
        "PT-1",
        10,
    )
    assert (test.is_unannounced, test.created_by, test.state) == (True, rosa, "Planned")
    assert [*test.schedules.all()] == [schedule]
    assert test.starts_at.isoformat() == "2026-03-02T14:30:00+00:00"


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({}, "schedules", "Choose whom to page: schedules, teams or people."),
        ({"starts_at_1": "09:00"}, "starts_at", "This has passed. Choose a time to come."),
        (
            {"answer_within_minutes": "0"},
            "answer_within_minutes",
            "Ensure this value is greater than or equal to 1.",
        ),
    ],
)
def test_what_is_missing_is_said_on_its_field(
    client: Client, rosa: User, changed: dict[str, str], field: str, sentence: str
) -> None:
    people = {"people": [make_person().pk]} if changed else {}

    response = client.post(f"{LIST}add/", form(**people, **changed))

    assert response.context["adminform"].form.errors == {field: [sentence]}
    assert not PageTest.objects.exists()


def test_planning_needs_its_permission(client: Client, user_with: MakeUser) -> None:
    client.force_login(user_with("roster.view_pagetest"))

    answers = [client.get(f"{LIST}add/"), client.post(f"{LIST}add/", form())]

    assert [answer.status_code for answer in answers] == [403, 403]


def test_planned_test_is_called_off_by_post_with_the_permission(
    client: Client, rosa: User, user_with: MakeUser, now: datetime
) -> None:
    test = make_page_test(starts_at=now + MINUTE, people=[make_person()])
    url = reverse("admin:roster_pagetest_cancel", args=[test.pk])

    assert "Call it off" in client.get(page_of(test)).text
    assert client.get(url).status_code == 403
    client.force_login(user_with("roster.view_pagetest"))
    assert client.post(url).status_code == 403
    test.refresh_from_db()
    assert test.state == "Planned"

    client.force_login(rosa)
    client.post(url)
    test.refresh_from_db()
    assert (test.state, test.cancelled_because) == ("Cancelled", "Cancelled by rosa.")


def test_sent_test_says_that_it_cannot_be_called_off(
    client: Client, rosa: User, now: datetime
) -> None:
    test = make_page_test(starts_at=now, people=[make_person()])
    page_tests.send_due(at=now)

    url = reverse("admin:roster_pagetest_cancel", args=[test.pk])
    text = client.post(url, follow=True).text

    assert "was sent already. There is nothing to call off." in text


def test_results_show_who_took_how_long(
    client: Client, rosa: User, now: datetime, clock: Any
) -> None:
    ana, bo = make_person(name="Ana"), make_person(name="Bo")
    test = make_page_test(starts_at=now, people=[ana, bo], answer_within_minutes=10)
    page_tests.send_due(at=now)
    page_tests.acknowledge(test.calls.get(person=ana), at=now + 2 * MINUTE)
    clock.shift(11 * MINUTE)

    text = re.sub(r"<[^>]*>|\s+", " ", client.get(page_of(test)).text)
    text = re.sub(r"\s+", " ", text)

    assert "Answered in time 1 of 2 Median 2 min Asked for 10 min" in text
    assert "Ana by name 2 min" in text
    assert "Bo by name Missed" in text


def test_test_nobody_was_on_call_for_says_so(client: Client, rosa: User, now: datetime) -> None:
    test = make_page_test(starts_at=now, schedules=[make_schedule()])
    page_tests.send_due(at=now)

    assert "Nobody was on call" in client.get(page_of(test)).text


def test_test_cannot_be_edited(client: Client, rosa: User, now: datetime) -> None:
    test = make_page_test(starts_at=now + MINUTE, people=[make_person()])

    assert client.post(page_of(test), form(name="Another")).status_code == 403
    test.refresh_from_db()
    assert test.name == "Checkout is down"


def test_list_takes_the_same_queries_for_three_tests_as_for_one(
    client: Client, rosa: User, now: datetime
) -> None:
    def plan() -> None:
        make_page_test(starts_at=now, people=[make_person(), make_person()])
        page_tests.send_due(at=now)

    plan()
    client.get(LIST)
    with CaptureQueriesContext(connection) as one:
        client.get(f"{LIST}?q=checkout")
    plan()
    plan()
    with CaptureQueriesContext(connection) as three:
        client.get(f"{LIST}?q=checkout")

    assert len(three) == len(one)
    assert len(client.get(LIST).context["cl"].result_list) == 3
