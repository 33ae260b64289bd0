"""How time on call splits, read off the clock of the person."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from roster import burden
from roster.burden import (
    Burden,
    PageCall,
    UsualHours,
    burden_of,
    burden_of_pages,
    burden_of_span,
)
from roster.holidays import public_holidays, weekend_of
from roster.models import Person
from tests.factories.duty import make_duty, make_rate_plan
from tests.factories.roster import make_person, make_schedule

LONDON = ZoneInfo("Europe/London")


def person(zone: str = "Europe/London", country: str = "GB") -> Person:
    return Person(slug="ana", time_zone=zone, country=country)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def test_span_splits_into_night_and_off_hours() -> None:
    # Wednesday 09:00 to Thursday 09:00.
    start = datetime(2026, 3, 4, 9, tzinfo=LONDON)

    assert burden_of_span(person(), start, start + timedelta(days=1)) == Burden(
        hours=hours(24), off_hours=hours(16), night_hours=hours(8)
    )


def test_whole_weekend_is_off_hours() -> None:
    start = datetime(2026, 3, 7, tzinfo=LONDON)

    assert burden_of_span(person(), start, start + timedelta(days=2)) == Burden(
        hours=hours(48), off_hours=hours(48), night_hours=hours(16), weekend_hours=hours(48)
    )


def test_weekend_is_the_one_of_the_country() -> None:
    friday = datetime(2026, 3, 6, tzinfo=ZoneInfo("Africa/Cairo"))

    found = burden_of_span(person("Africa/Cairo", "EG"), friday, friday + timedelta(days=3))

    assert found.weekend_hours == hours(48)


def test_public_holiday_is_counted_by_the_day_of_the_person() -> None:
    # Good Friday in London begins at 23:00 UTC the day before.
    start = datetime(2026, 4, 2, 22, tzinfo=UTC)

    found = burden_of_span(person(), start, start + hours(2))

    assert found.holiday_hours == hours(1)


def test_holiday_of_another_country_does_not_count() -> None:
    thanksgiving = datetime(2026, 11, 26, tzinfo=LONDON)

    assert burden_of_span(
        person(), thanksgiving, thanksgiving + timedelta(days=1)
    ).holiday_hours == hours(0)


@pytest.mark.parametrize(
    ("evening", "night"),
    [
        (datetime(2026, 3, 28, 22, tzinfo=LONDON), 7),
        (datetime(2026, 10, 24, 22, tzinfo=LONDON), 9),
    ],
    ids=["forward", "back"],
)
def test_night_on_which_the_clock_changes_has_its_real_length(
    evening: datetime, night: int
) -> None:
    found = burden_of_span(person(), evening, evening.replace(hour=6) + timedelta(days=1))

    assert (found.hours, found.night_hours) == (hours(night), hours(night))


def test_night_that_ends_within_the_hour_that_comes_twice_counts_both_times_it_is_read() -> None:
    # 01:30 is read twice: from 01:00 to 01:30, and again after the clock went back at 02:00.
    until_half_past_one = UsualHours(night_from=time(23), night_until=time(1, 30))
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)  # 23:00 in London

    found = burden_of_span(person(), start, start + hours(6), until_half_past_one)

    assert found.night_hours == hours(3)


def test_skipped_date_is_not_counted() -> None:
    # Apia skipped 30 December 2011, a Friday.
    apia = ZoneInfo("Pacific/Apia")
    start = datetime(2011, 12, 29, 9, tzinfo=apia)

    found = burden_of_span(
        person("Pacific/Apia", ""), start, datetime(2011, 12, 31, 9, tzinfo=apia)
    )

    assert (found.hours, found.weekend_hours) == (hours(24), hours(9))


def test_equal_times_mean_no_night_and_no_work() -> None:
    start = datetime(2026, 3, 4, tzinfo=LONDON)
    none = UsualHours(time(0), time(0), time(0), time(0))

    assert burden_of_span(person(), start, start + timedelta(days=1), none) == Burden(
        hours=hours(24), off_hours=hours(24)
    )


def test_empty_span_costs_nothing() -> None:
    start = datetime(2026, 3, 4, tzinfo=LONDON)

    assert burden_of_span(person(), start, start) == Burden()


@given(
    st.sampled_from(["Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]),
    st.sampled_from(["GB", "EG", ""]),
    st.sampled_from([datetime(2011, 12, 26, tzinfo=UTC), datetime(2026, 3, 27, tzinfo=UTC)]),
    st.integers(0, 10 * 96),
    st.integers(1, 4 * 96),
    st.times(),
    st.times(),
)
def test_span_is_the_sum_of_its_quarters_judged_one_by_one(
    zone: str, country: str, around: datetime, later: int, quarters: int, opens: time, closes: time
) -> None:
    """A second telling of the rule: walk in steps of 15 minutes and read the clock at each."""
    quarter = timedelta(minutes=15)
    start = around + later * quarter
    night = UsualHours(night_from=on_quarter(opens), night_until=on_quarter(closes))
    walked = Burden()
    for step in range(quarters):
        local = (start + step * quarter).astimezone(ZoneInfo(zone))
        day, clock = local.date(), local.time()
        is_weekend = local.weekday() in weekend_of(country)
        is_holiday = day in public_holidays(country, day, day + timedelta(days=1))
        is_work = time(9) <= clock < time(17) and not is_weekend and not is_holiday
        walked += Burden(
            hours=quarter,
            off_hours=quarter * (not is_work),
            night_hours=quarter * within(clock, night.night_from, night.night_until),
            weekend_hours=quarter * is_weekend,
            holiday_hours=quarter * is_holiday,
        )

    found = burden_of_span(person(zone, country), start, start + quarters * quarter, night)

    assert found == walked


def on_quarter(clock: time) -> time:
    return time(clock.hour, clock.minute // 15 * 15)


def within(clock: time, opens: time, closes: time) -> bool:
    if opens <= closes:
        return opens <= clock < closes
    return clock >= opens or clock < closes


def test_pages_are_told_by_when_they_came() -> None:
    noon = datetime(2026, 3, 4, 12, tzinfo=LONDON)
    calls = [noon, noon + hours(8), noon + hours(11), noon + hours(14), noon + hours(36)]

    assert burden_of_pages(person(), calls) == Burden(
        pages=5, off_hours_pages=4, night_pages=3, interrupted_nights=2
    )


@pytest.fixture
def page_source() -> Iterator[list[PageCall]]:
    calls: list[PageCall] = []

    @burden.register_page_source
    def source(people: object, start: datetime, end: datetime) -> list[PageCall]:
        return [call for call in calls if start <= call.at < end]

    yield calls
    burden._page_sources.remove(source)


@pytest.mark.django_db
class TestBurdenOf:
    def test_reads_what_was_on_record_within_the_period(
        self, now: datetime, page_source: list[PageCall]
    ) -> None:
        ana, bo = make_person(), make_person()
        schedule = make_schedule()
        make_duty(schedule, ana, now - hours(10), now - hours(1))
        make_duty(schedule, ana, now + hours(20), None)
        page_source.append(PageCall(ana.pk, now))

        found = burden_of([ana, bo], now - hours(3), now + hours(24))

        assert (found[ana.pk].hours, found[ana.pk].pages) == (hours(6), 1)
        assert found[bo.pk] == Burden()

    def test_counts_two_schedules_at_once_twice_and_says_so(self, now: datetime) -> None:
        ana = make_person()
        make_duty(make_schedule(), ana, now, now + hours(4))
        make_duty(make_schedule(), ana, now + hours(3), now + hours(5))

        found = burden_of([ana], now, now + hours(24))[ana.pk]

        assert (found.hours, found.doubled) == (hours(6), hours(1))

    def test_night_is_that_of_the_rate_plan(self, now: datetime) -> None:
        ana = make_person(time_zone="UTC")
        make_rate_plan(ana, night_from=time(11), night_until=time(12))
        make_duty(make_schedule(), ana, now, now + hours(4))

        assert burden_of([ana], now, now + hours(24))[ana.pk].night_hours == hours(1)

    @pytest.mark.parametrize("count", [1, 3])
    def test_takes_as_many_queries_for_many_people(
        self, count: int, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        people = [make_person() for _ in range(count)]
        for each in people:
            make_duty(make_schedule(), each, now, now + hours(4))
            make_rate_plan(each)

        # Plans, their rules and people, duty records, and pages.
        with django_assert_num_queries(5):
            burden_of(people, now, now + hours(24))
