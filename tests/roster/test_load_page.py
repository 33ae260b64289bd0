"""The page, the file and the API of what people carried."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from roster.models import RateRule
from roster.pay.period import Period, PeriodError, month_of, period_asked_for, quarter_of
from tests.factories.duty import make_duty, make_rate, make_rate_plan
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db

PAGE = "/admin/roster/rateplan/load/"
API = "/api/v1/roster-load"
HOUR = timedelta(hours=1)
# A Wednesday in February; the clock of these tests stands at Monday 2 March 2026, 10:00 UTC.
NINE = datetime(2026, 2, 4, 9, tzinfo=UTC)
FEBRUARY = {"from": "2026-02-01", "to": "2026-02-28"}
MakeUser = Callable[..., User]


@pytest.fixture(autouse=True)
def frozen(now: datetime) -> Any:  # a generator fixture
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def payroll(user_with: MakeUser) -> Client:
    client = Client()
    client.force_login(user_with("roster.view_rateplan", username="payroll"))
    return client


def carried(name: str, hours: int, **fields: Any) -> Any:
    person = make_person(name=name, time_zone="UTC", **fields)
    make_duty(make_schedule(), person, NINE, NINE + hours * HOUR)
    return person


def shown(client: Client, **asked: str) -> list[tuple[str, timedelta]]:
    found = client.get(PAGE, asked or FEBRUARY).context["found"]
    return [(each.person.name, each.burden.hours) for each in found]


class TestPeriod:
    def test_without_days_it_is_this_month(self) -> None:
        assert period_asked_for({}, date(2026, 2, 7)) == Period(date(2026, 2, 1), date(2026, 2, 28))

    @pytest.mark.parametrize(
        ("day", "back", "first", "last"),
        [
            (date(2026, 1, 31), 1, date(2025, 10, 1), date(2025, 12, 31)),
            (date(2026, 3, 31), 0, date(2026, 1, 1), date(2026, 3, 31)),
            (date(2026, 11, 5), 0, date(2026, 10, 1), date(2026, 12, 31)),
        ],
    )
    def test_quarter_is_that_of_the_calendar(
        self, day: date, back: int, first: date, last: date
    ) -> None:
        assert quarter_of(day, back) == Period(first, last)

    def test_month_before_january_is_december(self) -> None:
        assert month_of(date(2026, 1, 31), back=1) == Period(date(2025, 12, 1), date(2025, 12, 31))

    @pytest.mark.parametrize(
        ("asked", "fields"),
        [
            ({"from": "2026-02-01"}, ["to"]),
            ({"from": "yesterday", "to": "31.2.2026"}, ["from", "to"]),
            ({"from": "2026-02-02", "to": "2026-02-01"}, ["to"]),
            ({"from": "0001-01-01", "to": "9999-12-31"}, ["from", "to"]),
            ({"from": "2020-01-01", "to": "2026-01-01"}, ["to"]),
        ],
    )
    def test_days_that_make_no_period_are_named(
        self, asked: dict[str, str], fields: list[str]
    ) -> None:
        with pytest.raises(PeriodError) as refused:
            period_asked_for(asked, date(2026, 2, 7))

        assert list(refused.value.fields) == fields


def test_those_who_see_the_rates_see_everybody_who_carried_something(payroll: Client) -> None:
    carried("Ana", 4)
    carried("Bo", 2, is_active=False)
    make_person(name="Cy")

    assert shown(payroll) == [("Ana", 4 * HOUR), ("Bo", 2 * HOUR)]


def test_others_see_themselves_alone(user_with: MakeUser) -> None:
    user, client = user_with(), Client()
    carried("Ana", 4, user=user)
    carried("Bo", 2)
    client.force_login(user)

    page = client.get(PAGE, FEBRUARY)

    assert [each.person.name for each in page.context["found"]] == ["Ana"]
    assert "Bo" not in page.content.decode().partition("mu-page")[2]


def test_login_without_a_person_is_told_so(user_with: MakeUser) -> None:
    client = Client()
    client.force_login(user_with())

    assert "belongs to nobody on the roster" in client.get(PAGE).content.decode()


def test_page_wants_a_log_in() -> None:
    assert Client().get(PAGE).status_code == 302


def test_amount_and_its_lines_are_shown(payroll: Client) -> None:
    plan = make_rate_plan(carried("Ana", 4))
    make_rate(plan, RateRule.Kind.ON_CALL_HOUR, "1234.50")

    content = payroll.get(PAGE, FEBRUARY).content.decode()

    assert "4,938.00 EUR" in content
    assert "Hour on call: 4 × 1,234.50 = 4,938.00" in content


def test_wrong_day_is_answered_with_what_is_wrong_and_what_was_typed(payroll: Client) -> None:
    content = payroll.get(PAGE, {"from": "2026-02-30", "to": "2026-02-28"}).content.decode()

    assert "From: Give a day, such as 2026-03-31." in content
    assert 'value="2026-02-30"' in content


def test_file_has_a_row_for_everybody(payroll: Client) -> None:
    carried("Ana", 4, slug="ana")
    carried("Bo", 2, slug="bo")

    answer = payroll.get(PAGE, FEBRUARY | {"format": "csv"})

    lines = answer.content.decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["person", "ana", "bo"]
    assert answer["Content-Disposition"] == (
        'attachment; filename="on-call-2026-02-01-to-2026-02-28.csv"'
    )


@pytest.mark.parametrize("count", [1, 3])
def test_page_takes_as_many_queries_for_many_people(
    payroll: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        person = carried(f"Person {number}", 4)
        plan = make_rate_plan(person)
        make_rate(plan, RateRule.Kind.ON_CALL_HOUR, "2", schedule=make_schedule())
        make_rate(plan, RateRule.Kind.ON_CALL_HOUR, "2")
    payroll.get(PAGE, FEBRUARY)

    with django_assert_num_queries(11):
        payroll.get(PAGE, FEBRUARY)


def test_api_answers_with_numbers(payroll: Client) -> None:
    plan = make_rate_plan(carried("Ana", 10, slug="ana"), name="Standard")
    make_rate(plan, RateRule.Kind.OFF_HOURS_HOUR, "7.50")

    answer = payroll.get(API, FEBRUARY)

    assert answer.json() == [
        {
            "person": "ana",
            "name": "Ana",
            "hours": "10.00",
            "off_hours": "2.00",
            "night_hours": "0.00",
            "weekend_hours": "0.00",
            "holiday_hours": "0.00",
            "hours_on_two_schedules": "0.00",
            "pages": 0,
            "off_hours_pages": 0,
            "night_pages": 0,
            "interrupted_nights": 0,
            "plan": "Standard",
            "currency": "EUR",
            "amount": str(Decimal("15.00")),
        }
    ]


def test_api_tells_others_only_of_themselves(user_with: MakeUser) -> None:
    user, client = user_with(), Client()
    carried("Ana", 4, user=user, slug="ana")
    carried("Bo", 2)
    client.force_login(user)

    assert [row["person"] for row in client.get(API, FEBRUARY).json()] == ["ana"]


def test_api_names_the_field_that_is_wrong(payroll: Client) -> None:
    answer = payroll.get(API, {"from": "2026-02-02", "to": "2026-02-01"})

    assert answer.status_code == 400
    assert answer.json()["error"]["fields"] == {
        "to": ["The last day must not be before the first."]
    }


def test_api_wants_a_log_in() -> None:
    assert Client().get(API).status_code == 401


@pytest.mark.parametrize("count", [1, 3])
def test_api_takes_as_many_queries_for_many_people(
    payroll: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        carried(f"Person {number}", 4)
    payroll.get(API, FEBRUARY)

    with django_assert_num_queries(9):
        payroll.get(API, FEBRUARY)


def test_rate_plan_is_entered_with_its_rates(admin_client: Client) -> None:
    answer = admin_client.post(
        "/admin/roster/rateplan/add/",
        {
            "name": "Standard",
            "currency": "EUR",
            "night_from": "22:00",
            "night_until": "06:00",
            "work_from": "09:00",
            "work_until": "17:00",
            "rules-TOTAL_FORMS": "1",
            "rules-INITIAL_FORMS": "0",
            "rules-0-kind": "page",
            "rules-0-amount": "25.00",
        },
    )

    assert answer.status_code == 302
    [rule] = RateRule.objects.all()
    assert (rule.plan.name, rule.kind, rule.amount) == ("Standard", "page", Decimal("25.00"))
