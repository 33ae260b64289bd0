from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from roster.calendar.period import Period, PeriodError, View, period_around, period_asked_for

LONDON = ZoneInfo("Europe/London")
TODAY = date(2026, 3, 4)  # a Wednesday


@pytest.mark.parametrize(
    ("view", "first", "days", "title"),
    [
        (View.DAY, date(2026, 3, 4), 1, "Wednesday 4 March 2026"),
        (View.TWO_WEEKS, date(2026, 3, 2), 14, "2 Mar to 15 Mar 2026"),
        (View.MONTH, date(2026, 3, 1), 31, "March 2026"),
    ],
)
def test_period_is_the_one_around_the_day(view: View, first: date, days: int, title: str) -> None:
    period = period_around(TODAY, view, UTC)

    assert (period.first, period.days, period.title) == (first, days, title)


@pytest.mark.parametrize(
    ("view", "earlier", "later"),
    [
        (View.DAY, date(2026, 2, 28), date(2026, 3, 2)),
        (View.TWO_WEEKS, date(2026, 2, 9), date(2026, 3, 9)),
        (View.MONTH, date(2026, 2, 1), date(2026, 4, 1)),
    ],
)
def test_earlier_and_later_lead_to_the_neighbours(view: View, earlier: date, later: date) -> None:
    period = period_around(date(2026, 3, 1), view, UTC)

    assert (period.earlier, period.later) == (earlier, later)


def test_title_of_two_weeks_across_the_year_names_both() -> None:
    assert period_around(date(2026, 12, 28), View.TWO_WEEKS, UTC).title == (
        "28 Dec 2026 to 10 Jan 2027"
    )


def test_days_begin_and_end_at_midnight_of_the_viewers_clock() -> None:
    day = Period(View.DAY, date(2026, 3, 29), 1, LONDON)  # the clock goes forward

    assert (day.starts_at, day.ends_at) == (
        datetime(2026, 3, 29, tzinfo=UTC),
        datetime(2026, 3, 29, 23, tzinfo=UTC),
    )


def test_two_weeks_around_today_are_shown_where_nothing_is_asked() -> None:
    assert period_asked_for({}, UTC, TODAY) == period_around(TODAY, View.TWO_WEEKS, UTC)


def test_view_and_day_asked_for_are_shown() -> None:
    asked = {"view": "month", "from": "2026-06-10"}

    assert period_asked_for(asked, UTC, TODAY) == Period(View.MONTH, date(2026, 6, 1), 30, UTC)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"view": "year"}, "“view” is one of day, two-weeks, month."),
        ({"from": "yesterday"}, "“from” is a day, written like 2026-03-02."),
        ({"from": "2026-02-30"}, "“from” is a day, written like 2026-03-02."),
        ({"from": "0001-01-01"}, "“from” is a day between 1971 and 2199."),
        ({"from": "9999-12-31"}, "“from” is a day between 1971 and 2199."),
    ],
)
def test_what_is_no_period_is_refused(asked: dict[str, str], message: str) -> None:
    with pytest.raises(PeriodError) as refusal:
        period_asked_for(asked, UTC, TODAY)

    assert str(refusal.value) == message
