from datetime import date

import pytest

from roster.holidays import public_holidays, weekend_of


def test_public_holidays_are_those_of_the_days_asked_for() -> None:
    found = public_holidays("GB", date(2026, 4, 3), date(2026, 12, 26))

    assert found == {
        date(2026, 4, 3): "Good Friday",
        date(2026, 5, 4): "May Day",
        date(2026, 5, 25): "Spring Bank Holiday",
        date(2026, 12, 25): "Christmas Day",
    }


def test_public_holidays_reach_over_the_turn_of_the_year() -> None:
    found = public_holidays("DE", date(2026, 12, 26), date(2027, 1, 2))

    assert found == {
        date(2026, 12, 26): "Second Day of Christmas",
        date(2027, 1, 1): "New Year's Day",
    }


def test_public_holidays_are_fetched_for_each_country_alone() -> None:
    assert date(2026, 7, 4) in public_holidays("US", date(2026, 7, 1), date(2026, 7, 10))
    assert not public_holidays("GB", date(2026, 7, 1), date(2026, 7, 10))


@pytest.mark.parametrize("country", ["", "ZZ", "gb?"])
def test_unknown_country_has_no_holidays_and_the_usual_weekend(country: str) -> None:
    assert public_holidays(country, date(2026, 1, 1), date(2027, 1, 1)) == {}
    assert weekend_of(country) == {5, 6}


def test_no_days_have_no_holidays() -> None:
    assert public_holidays("GB", date(2026, 1, 1), date(2026, 1, 1)) == {}


def test_weekend_is_the_one_of_the_country() -> None:
    assert weekend_of("EG") == {4, 5}
