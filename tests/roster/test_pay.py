"""Statements: what a period was, and what it comes to."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from roster import burden
from roster.burden import Burden, PageCall
from roster.models import Person, RateRule
from roster.pay.export import write_csv
from roster.pay.plans import plans_of
from roster.pay.statement import Statement, statements, totals
from tests.factories.duty import make_duty, make_rate, make_rate_plan
from tests.factories.roster import make_person, make_schedule

pytestmark = pytest.mark.django_db

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
# A Wednesday.
NINE = datetime(2026, 3, 4, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
Kind = RateRule.Kind


def of(person: Person, *, at: datetime = LATER) -> Statement:
    [found] = statements([person], FIRST, LAST, at=at)
    return found


@pytest.fixture
def pages() -> Iterator[list[PageCall]]:
    calls: list[PageCall] = []

    @burden.register_page_source
    def source(people: object, start: datetime, end: datetime) -> list[PageCall]:
        return [call for call in calls if start <= call.at < end]

    yield calls
    burden._page_sources.remove(source)


class TestPlans:
    def test_named_plan_goes_before_the_countrys_and_that_before_the_default(self) -> None:
        named, british, other = (make_person(country=code) for code in ("GB", "GB", "FR"))
        own = make_rate_plan(named)
        country = make_rate_plan(country="GB")
        default = make_rate_plan()

        assert plans_of([named, british, other]) == {
            named.pk: own,
            british.pk: country,
            other.pk: default,
        }

    def test_plan_for_named_people_is_nobody_elses(self) -> None:
        named, other = make_person(), make_person()
        make_rate_plan(named)

        assert plans_of([other]) == {other.pk: None}


def test_rates_add_up() -> None:
    ana = make_person(time_zone="UTC")
    plan = make_rate_plan(ana)
    make_rate(plan, Kind.ON_CALL_HOUR, "2.50")
    make_rate(plan, Kind.NIGHT_HOUR, "4")
    make_duty(make_schedule(), ana, NINE, NINE + 24 * HOUR)

    found = of(ana)

    assert [(line.quantity, line.amount) for line in found.lines] == [
        (Decimal(24), Decimal("60.00")),
        (Decimal(8), Decimal("32.00")),
    ]
    assert found.amount == Decimal("92.00")


def test_without_a_plan_hours_are_shown_and_no_amount() -> None:
    ana = make_person(time_zone="UTC")
    make_duty(make_schedule(), ana, NINE, NINE + 4 * HOUR)

    found = of(ana)

    assert found.burden == Burden(hours=4 * HOUR)
    assert found.amount is None


def test_plan_without_duty_comes_to_nothing() -> None:
    ana = make_person()
    make_rate(make_rate_plan(ana), Kind.ON_CALL_HOUR, "2.50")

    assert of(ana).amount == Decimal("0.00")


def test_part_of_an_hour_is_paid_in_part_and_rounded_to_the_cent() -> None:
    ana = make_person()
    make_rate(make_rate_plan(ana), Kind.ON_CALL_HOUR, "10")
    make_duty(make_schedule(), ana, NINE, NINE + timedelta(minutes=20))

    assert of(ana).amount == Decimal("3.33")


def test_rate_counts_on_its_days_only_the_last_included() -> None:
    ana = make_person(time_zone="Europe/Berlin")
    plan = make_rate_plan(ana)
    make_rate(plan, Kind.ON_CALL_HOUR, "1", valid_until=date(2026, 3, 4))
    make_rate(plan, Kind.ON_CALL_HOUR, "100", valid_from=date(2026, 3, 5))
    # Midnight in Berlin is 23:00 UTC.
    make_duty(make_schedule(), ana, NINE + 13 * HOUR, NINE + 16 * HOUR)

    assert of(ana).amount == Decimal("201.00")


def test_rate_of_a_schedule_counts_there_alone() -> None:
    ana = make_person()
    databases, other = make_schedule(), make_schedule()
    plan = make_rate_plan(ana)
    make_rate(plan, Kind.ON_CALL_HOUR, "5", schedule=databases)
    make_duty(databases, ana, NINE, NINE + 2 * HOUR)
    make_duty(other, ana, NINE + 3 * HOUR, NINE + 9 * HOUR)

    assert of(ana).amount == Decimal("10.00")


def test_pages_are_paid_by_when_they_came(pages: list[PageCall]) -> None:
    ana = make_person(time_zone="UTC")
    plan = make_rate_plan(ana)
    make_rate(plan, Kind.PAGE, "10")
    make_rate(plan, Kind.NIGHT_PAGE, "50")
    pages += [PageCall(ana.pk, NINE), PageCall(ana.pk, NINE + 16 * HOUR)]

    assert of(ana).amount == Decimal("70.00")


def test_page_rate_of_a_schedule_counts_pages_that_came_on_duty_there(
    pages: list[PageCall],
) -> None:
    ana = make_person()
    databases = make_schedule()
    make_rate(make_rate_plan(ana), Kind.PAGE, "10", schedule=databases)
    make_duty(databases, ana, NINE, NINE + 2 * HOUR)
    pages += [PageCall(ana.pk, NINE + HOUR), PageCall(ana.pk, NINE + 3 * HOUR)]

    assert of(ana).amount == Decimal("10.00")


def test_period_is_that_of_the_persons_own_clock() -> None:
    ana = make_person(time_zone="America/New_York")
    # March begins at 05:00 UTC in New York, and ends (in summer time) at 04:00 UTC.
    make_duty(
        make_schedule(), ana, datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    )

    assert of(ana).burden.hours == timedelta(days=31) - HOUR


def test_duty_that_goes_on_counts_up_to_now() -> None:
    ana = make_person(time_zone="UTC")
    make_duty(make_schedule(), ana, NINE, None)

    assert of(ana, at=NINE + 5 * HOUR).burden.hours == 5 * HOUR


def test_period_to_come_is_empty() -> None:
    ana = make_person()
    make_duty(make_schedule(), ana, NINE - timedelta(days=30), None)

    assert of(ana, at=NINE - timedelta(days=20)).burden == Burden()


def test_totals_keep_currencies_apart() -> None:
    ana, bo, cy = make_person(), make_person(), make_person()
    for person, currency in ((ana, "EUR"), (bo, "GBP")):
        make_rate(make_rate_plan(person, currency=currency), Kind.ON_CALL_HOUR, "3")
    for person in (ana, bo, cy):
        make_duty(make_schedule(), person, NINE, NINE + HOUR)

    together, amounts = totals(statements([ana, bo, cy], FIRST, LAST, at=LATER))

    assert together.hours == 3 * HOUR
    assert amounts == {"EUR": Decimal("3.00"), "GBP": Decimal("3.00")}


@pytest.mark.parametrize("count", [1, 3])
def test_takes_as_many_queries_for_many_people(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    people = [make_person() for _ in range(count)]
    for person in people:
        make_rate(make_rate_plan(person), Kind.ON_CALL_HOUR, "3")
        make_duty(make_schedule(), person, NINE, NINE + HOUR)

    # Plans, their rules and people, duty records, and pages.
    with django_assert_num_queries(5):
        statements(people, FIRST, LAST, at=LATER)


def test_csv_disarms_what_a_spreadsheet_would_run() -> None:
    ana = make_person(slug="ana", name="=HYPERLINK(1)", country="GB", time_zone="UTC")
    plan = make_rate_plan(ana, name="@plan", night_from=time(9), night_until=time(10))
    make_rate(plan, Kind.ON_CALL_HOUR, "2.50")
    make_duty(make_schedule(), ana, NINE, NINE + 4 * HOUR)
    file = io.StringIO()

    write_csv([of(ana)], FIRST, LAST, file)

    assert file.getvalue().splitlines()[1] == (
        "ana,'=HYPERLINK(1),GB,2026-03-01,2026-03-31,"
        "4.00,0.00,1.00,0.00,0.00,0.00,0,0,0,0,'@plan,EUR,10.00"
    )
