"""What the coverage watch found, as people and machines see it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from roster.models import CoverageFinding, FindingKind
from tests.factories.api import client_of, refusal
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db

type UserWith = Callable[..., User]
STARTS_AT = datetime(2026, 3, 10, 8, tzinfo=UTC)
LIST = "/admin/roster/coveragefinding/"


def make_finding(**fields: Any) -> CoverageFinding:
    fields.setdefault("kind", FindingKind.GAP)
    fields.setdefault("fingerprint", f"made-{CoverageFinding.objects.count()}")
    fields.setdefault("text", f"Finding {fields['fingerprint']}.")
    fields.setdefault("found_at", datetime(2026, 3, 1, tzinfo=UTC))
    return CoverageFinding.objects.create(**fields)


@pytest.fixture
def reader(user_with: UserWith, client: Client) -> Client:
    client.force_login(user_with("roster.view_coveragefinding", "roster.view_schedule"))
    return client


def texts(response: Any) -> list[str]:
    return [row.text for row in response.context["cl"].result_list]


# --- In the admin ---------------------------------------------------------------------------------


def test_list_shows_what_stands_and_the_past_when_asked(reader: Client) -> None:
    make_finding(text="Stands.")
    make_finding(text="Gone.", resolved_at=STARTS_AT)

    assert texts(reader.get(LIST)) == ["Stands."]
    assert texts(reader.get(LIST, {"state": "resolved"})) == ["Gone."]
    assert sorted(texts(reader.get(LIST, {"state": "all"}))) == ["Gone.", "Stands."]


def test_list_says_what_to_do_and_leads_there(reader: Client) -> None:
    schedule, person = make_schedule(), make_person()
    make_finding(schedule=schedule, starts_at=STARTS_AT, ends_at=STARTS_AT + timedelta(hours=1))
    make_finding(kind=FindingKind.UNREACHABLE, schedule=schedule, person=person)

    page = reader.get(LIST).content.decode()

    calendar = reverse("admin:roster_schedule_calendar", args=[schedule.pk])
    assert "Enter who covers it, or change the rotation." in page
    assert f'href="{calendar}?from=2026-03-10"' in page
    assert f'href="{reverse("admin:roster_person_change", args=[person.pk])}"' in page


def test_list_has_the_worst_first_and_of_a_kind_the_next(reader: Client) -> None:
    make_finding(kind=FindingKind.UNPRACTISED, text="third")
    make_finding(text="second", starts_at=STARTS_AT + timedelta(days=1))
    make_finding(text="first", starts_at=STARTS_AT)

    assert texts(reader.get(LIST)) == ["first", "second", "third"]


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_a_constant_number_of_queries(
    reader: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        make_finding(schedule=make_schedule(), person=make_person(), starts_at=STARTS_AT)
    reader.get(LIST)

    with django_assert_num_queries(6):
        response = reader.get(LIST)

    assert len(texts(response)) == count


def test_list_is_closed_without_the_right_to_see_it(user_with: UserWith, client: Client) -> None:
    client.force_login(user_with("roster.view_schedule"))

    assert client.get(LIST).status_code == 403


def test_schedule_page_shows_its_findings(reader: Client, user_with: UserWith) -> None:
    here, there = make_schedule(), make_schedule()
    make_finding(schedule=here, text="Here is a gap.", starts_at=STARTS_AT)
    make_finding(schedule=there, text="There is a gap.")
    make_finding(schedule=here, text="Long gone.", resolved_at=STARTS_AT)

    page = reader.get(reverse("admin:roster_schedule_change", args=[here.pk])).content.decode()

    assert "Here is a gap." in page
    assert "There is a gap." not in page
    assert "Long gone." not in page


def test_schedule_page_keeps_findings_from_those_who_may_not_see_them(
    user_with: UserWith, client: Client
) -> None:
    schedule = make_schedule()
    make_finding(schedule=schedule, text="Here is a gap.")
    client.force_login(user_with("roster.view_schedule"))

    page = client.get(reverse("admin:roster_schedule_change", args=[schedule.pk]))

    assert page.status_code == 200
    assert "Here is a gap." not in page.content.decode()


def test_schedule_list_counts_findings(reader: Client) -> None:
    schedule = make_schedule()
    make_finding(schedule=schedule)
    make_finding(schedule=schedule)
    make_finding(schedule=schedule, resolved_at=STARTS_AT)

    page = reader.get(reverse("admin:roster_schedule_changelist")).content.decode()

    assert "2 to repair" in page


# --- In the API -----------------------------------------------------------------------------------


@pytest.fixture
def machine(user_with: UserWith) -> APIClient:
    return client_of(user_with("roster.view_coveragefinding", username="machine"))


def test_api_lists_what_stands(machine: APIClient) -> None:
    schedule, person = make_schedule(slug="network"), make_person(slug="ana")
    make_finding(
        schedule=schedule,
        person=person,
        kind=FindingKind.TIME_OFF,
        text="Ana is away.",
        starts_at=STARTS_AT,
        ends_at=STARTS_AT + timedelta(hours=1),
    )
    make_finding(resolved_at=STARTS_AT)

    [row] = machine.get("/api/v1/coverage").json()["results"]

    assert row == {
        "kind": "time_off",
        "text": "Ana is away.",
        "schedule": "network",
        "person": "ana",
        "start": "2026-03-10T08:00:00Z",
        "end": "2026-03-10T09:00:00Z",
        "found_at": "2026-03-01T00:00:00Z",
        "resolved_at": None,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"kind": "gap"}, {"here"}),
        ({"kind": "no_rest"}, {"there"}),
        ({"schedule": "network"}, {"here"}),
        ({"standing": "false"}, {"gone"}),
        ({"standing": "true"}, {"here", "there"}),
    ],
)
def test_api_narrows(machine: APIClient, query: dict[str, str], expected: set[str]) -> None:
    make_finding(text="here", schedule=make_schedule(slug="network"))
    make_finding(text="there", kind=FindingKind.NO_REST)
    make_finding(text="gone", kind=FindingKind.NO_REST, resolved_at=STARTS_AT)

    rows = machine.get("/api/v1/coverage", query).json()["results"]

    assert {row["text"] for row in rows} == expected


def test_api_refuses_what_is_not_there(machine: APIClient) -> None:
    assert refusal(machine.get("/api/v1/coverage", {"schedule": "nowhere"}))[0] == 400
    assert refusal(machine.get("/api/v1/coverage", {"kind": "odd"}))[0] == 400


def test_api_needs_the_right_to_see_findings(user_with: UserWith) -> None:
    assert refusal(client_of(user_with()).get("/api/v1/coverage"))[0] == 403
    assert refusal(APIClient().get("/api/v1/coverage"))[0] == 401


@pytest.mark.parametrize("count", [1, 3])
def test_api_asks_a_constant_number_of_queries(
    machine: APIClient, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        make_finding(schedule=make_schedule(), person=make_person())

    with django_assert_num_queries(4):
        assert len(machine.get("/api/v1/coverage").json()["results"]) == count
