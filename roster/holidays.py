"""Which days are public holidays, and which belong to the weekend, in a country."""

from datetime import date, timedelta
from functools import lru_cache

import holidays

# Monday is 0.
USUAL_WEEKEND = frozenset((5, 6))


def public_holidays(country: str, start: date, end: date) -> dict[date, str]:
    """The holidays of the whole country in `[start, end)` with their names, in order.

    `country` is an ISO 3166 code of two letters; one that is empty or unknown has no holidays.
    A day off in lieu is one too. Holidays of a part of a country (Easter Monday in England) are
    not known, since people name a country only. English names where the library has them.
    """
    found: dict[date, str] = {}
    for year in range(start.year, (end - timedelta(days=1)).year + 1):
        found.update(_of_year(country, year))
    return {day: found[day] for day in sorted(found) if start <= day < end}


@lru_cache(maxsize=256)
def weekend_of(country: str) -> frozenset[int]:
    """The weekdays on which the country as a whole rests, Monday being 0."""
    known = _calendar(country, 2026)
    return USUAL_WEEKEND if known is None else frozenset(known.weekend)


@lru_cache(maxsize=1024)
def _of_year(country: str, year: int) -> dict[date, str]:
    return dict(_calendar(country, year) or {})


def _calendar(country: str, year: int) -> holidays.HolidayBase | None:
    if not country:
        return None
    try:
        native = holidays.country_holidays(country, years=year)
    except NotImplementedError:
        return None
    if "en_US" not in native.supported_languages or native.default_language in ("en_GB", None):
        return native
    return holidays.country_holidays(country, years=year, language="en_US")
