from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from incidents.models import Role
from incidents.readiness import readiness
from roster import coverage
from roster.coverage.advice import link_of
from roster.models import CoverageFinding, FindingKind, ScheduleWatch
from tests.factories.incidents import make_role, make_service, make_severity
from tests.factories.qualifications import make_grant, make_qualification
from tests.factories.roster import make_person, make_policy, make_schedule

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 2)
PAGE = "/admin/incidents/role/readiness/"


def lacks() -> list[list[str]]:
    return [
        [f"{lack.row} {lack.text}." for lack in check.lacks] for check in readiness(TODAY).checks
    ]


def test_role_needs_responsibilities_a_schedule_and_trained_people() -> None:
    severity = make_severity(2, name="SEV2")
    training = make_qualification(name="Command")
    make_role(name="IMOC", is_round_the_clock=True, qualification=training)
    make_role(name="Scribe", responsibilities="Writes.", required_from=severity)
    make_role(name="Guest", responsibilities="Watches.")
    make_role(
        name="Lead", responsibilities="Leads.", schedule=make_schedule(name="Old", is_active=False)
    )
    make_grant(make_person(is_active=False), training)

    undefined, uncovered, untrained, *_ = lacks()

    assert undefined == ["IMOC has no responsibilities."]
    assert uncovered == [
        "IMOC must be covered round the clock, and no schedule does it.",
        "Scribe is required from SEV2 on, and no schedule fills it.",
        "Lead is covered by Old, which is inactive.",
    ]
    assert untrained == [
        "IMOC asks for “Command”, which nobody holds.",
        "Scribe asks for no qualification, so anybody may be put in it.",
    ]


def test_schedules_and_people_are_those_of_the_coverage_watch(now: datetime) -> None:
    ana = make_person(name="Ana")
    make_schedule(ana, name="Storage")
    make_schedule(name="Network")
    coverage.prove(at=now)

    _, _, _, schedules, people, _ = lacks()

    assert schedules == ["Network has gaps in the next 30 days."]
    assert people == [
        "Ana has no verified contact method and has never answered a page, not even a test."
    ]


def test_service_needs_somebody_who_is_paged() -> None:
    make_service(name="Paged", policy=make_policy(make_person()))
    make_service(name="Forgotten")

    assert lacks()[-1] == ["Forgotten has no escalation policy, nor has its team."]


def test_readiness_says_when_all_was_last_proven(now: datetime) -> None:
    later, earlier = make_schedule(), make_schedule()
    ScheduleWatch.objects.create(schedule=later, proven_at=now)
    ScheduleWatch.objects.create(schedule=earlier, proven_at=datetime(2026, 3, 1, tzinfo=UTC))

    assert readiness(TODAY).proven_at == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def reader(user_with: Callable[..., User], client: Client) -> Client:
    client.force_login(user_with("incidents.view_role", "roster.view_coveragefinding"))
    return client


def test_page_leads_to_where_each_is_repaired(reader: Client) -> None:
    role = make_role(name="IMOC")
    service = make_service(name="Forgotten")

    page = reader.get(PAGE).content.decode()

    assert f'href="/admin/incidents/role/{role.pk}/change/"' in page
    assert f'href="/admin/incidents/service/{service.pk}/change/"' in page
    assert "4 of 6 questions pass" in page


def test_page_is_linked_from_the_sidebar_and_from_findings(reader: Client) -> None:
    finding = CoverageFinding(kind=FindingKind.ROLE_UNCOVERED)

    assert link_of(finding) == PAGE
    assert f'href="{PAGE}"' in reader.get("/admin/").content.decode()


def test_page_keeps_findings_from_those_who_may_not_see_them(
    user_with: Callable[..., User], client: Client, now: datetime
) -> None:
    make_schedule(name="Network")
    coverage.prove(at=now)
    client.force_login(user_with("incidents.view_role"))

    page = client.get(PAGE).content.decode()

    assert "Network" not in page


def test_page_needs_the_right_to_see_roles(user_with: Callable[..., User], client: Client) -> None:
    client.force_login(user_with("roster.view_coveragefinding"))

    assert client.get(PAGE).status_code == 403


@pytest.mark.parametrize("count", [1, 3])
def test_page_asks_a_constant_number_of_queries(
    reader: Client, count: int, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        make_role(schedule=make_schedule(make_person()), qualification=make_qualification())
        make_service()
    coverage.prove(at=now)

    with django_assert_num_queries(10):
        reader.get(PAGE)


def test_saving_a_role_has_coverage_proven(user_with: Callable[..., User], client: Client) -> None:
    schedule = make_schedule()
    role = make_role(name="IMOC")
    client.force_login(user_with("incidents.view_role", "incidents.change_role"))

    client.post(
        f"/admin/incidents/role/{role.pk}/change/",
        {
            "name": "IMOC",
            "slug": role.slug,
            "category": role.category,
            "position": 1,
            "is_round_the_clock": "on",
        },
    )

    assert Role.objects.get().is_round_the_clock
    assert ScheduleWatch.objects.filter(schedule=schedule, due_at__isnull=False).exists()
