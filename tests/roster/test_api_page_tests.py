from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from roster import page_tests
from roster.models import PageTest
from tests.factories.api import client_of, refusal
from tests.factories.reachability import make_page_test
from tests.factories.roster import make_person, make_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

URL = "/api/v1/page-tests"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def robot(user_with: Callable[..., User]) -> APIClient:
    return client_of(
        user_with("roster.view_pagetest", "roster.add_pagetest", "roster.change_pagetest")
    )


def plan(**changed: Any) -> dict[str, Any]:
    return {"name": "Disk full", "starts_at": "2026-03-02T14:00:00+00:00", **changed}


def test_test_is_planned(robot: APIClient) -> None:
    make_schedule(make_person(), slug="primary")

    response = robot.post(URL, plan(schedules=["primary"]), format="json")

    assert response.status_code == 201
    assert response.json() == {
        "reference": "PT-1",
        "name": "Disk full",
        "is_unannounced": True,
        "schedules": ["primary"],
        "teams": [],
        "people": [],
        "starts_at": "2026-03-02T14:00:00Z",
        "answer_within_minutes": 15,
        "state": "planned",
        "sent_at": None,
        "cancelled_at": None,
        "cancelled_because": "",
        "median_seconds": None,
        "answers": [],
    }


def test_same_key_plans_it_once(robot: APIClient) -> None:
    person = make_person()

    for _ in range(2):
        robot.post(
            URL, plan(people=[person.slug]), format="json", headers={"Idempotency-Key": "one"}
        )

    assert PageTest.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({}, ["schedules"]),
        ({"people": ["nobody"]}, ["people"]),
        ({"starts_at": "2026-03-01T14:00:00+00:00"}, ["starts_at"]),
        ({"answer_within_minutes": 0}, ["answer_within_minutes"]),
        ({"name": ""}, ["name"]),
    ],
)
def test_bad_input_is_named_by_its_field(
    robot: APIClient, changed: dict[str, Any], fields: list[str]
) -> None:
    people = {"people": [make_person().slug]} if changed else {}

    status, _, named = refusal(robot.post(URL, plan(**{**people, **changed}), format="json"))

    assert (status, named) == (400, fields)
    assert not PageTest.objects.exists()


def test_results_are_read(robot: APIClient, now: datetime) -> None:
    ana, bo = make_person(name="Ana", slug="ana"), make_person(name="Bo", slug="bo")
    test = make_page_test(starts_at=now, people=[ana, bo])
    page_tests.send_due(at=now)
    page_tests.acknowledge(test.calls.get(person=bo), at=now + MINUTE)

    shown = robot.get(f"{URL}/{test.reference}").json()

    assert (shown["state"], shown["median_seconds"]) == ("sent", 60.0)
    assert [
        (answer["person"], answer["outcome"], answer["seconds"]) for answer in shown["answers"]
    ] == [("bo", "in time", 60.0), ("ana", "waiting", None)]


def test_planned_test_is_called_off_once(robot: APIClient, now: datetime) -> None:
    test = make_page_test(starts_at=now + MINUTE, people=[make_person()])

    first = robot.post(f"{URL}/{test.reference}/cancel")
    second = robot.post(f"{URL}/{test.reference}/cancel")

    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert refusal(second)[:2] == (409, "page_test_over")


def test_who_may_only_look_plans_and_cancels_nothing(
    user_with: Callable[..., User], now: datetime
) -> None:
    looker = client_of(user_with("roster.view_pagetest", username="looker"))
    stranger = client_of(user_with(username="stranger"))
    test = make_page_test(starts_at=now + MINUTE, people=[make_person()])

    assert looker.get(URL).status_code == 200
    assert looker.post(URL, plan(people=["x"]), format="json").status_code == 403
    assert looker.post(f"{URL}/{test.reference}/cancel").status_code == 403
    assert stranger.get(URL).status_code == 403
    assert stranger.get(f"{URL}/{test.reference}").status_code == 403


@pytest.mark.parametrize("reference", ["PT-999", "INC-1", "PT-99999999999"])
def test_unknown_reference_is_not_found(robot: APIClient, reference: str) -> None:
    assert robot.get(f"{URL}/{reference}").status_code == 404


def test_list_takes_the_same_queries_for_three_as_for_one(robot: APIClient, now: datetime) -> None:
    def add() -> None:
        make_page_test(
            starts_at=now,
            people=[make_person(), make_person()],
            schedules=[make_schedule(make_person())],
        )
        page_tests.send_due(at=now)

    add()
    with CaptureQueriesContext(connection) as one:
        robot.get(URL)
    add()
    add()
    with CaptureQueriesContext(connection) as three:
        assert len(robot.get(URL).json()["results"]) == 3

    assert len(one) == len(three) == 8
