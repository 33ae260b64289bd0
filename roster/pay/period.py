"""The days a statement is about, and the periods that people ask for most."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

LONGEST = timedelta(days=400)
# Beyond them some zone's clock has no name for the moment.
YEARS = range(1971, 2200)


class PeriodError(Exception):
    """What is wrong with the days asked for: one sentence by field."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, the last included."""

    first: date
    last: date


def period_asked_for(asked: Mapping[str, str], today: date) -> Period:
    """The days from `from` to `to`; this month without them. Raises PeriodError."""
    if not asked.get("from") and not asked.get("to"):
        return month_of(today)
    errors: dict[str, str] = {}
    days: dict[str, date] = {}
    for name in ("from", "to"):
        try:
            days[name] = date.fromisoformat(asked.get(name, ""))
        except ValueError:
            errors[name] = "Give a day, such as 2026-03-31."
        else:
            if days[name].year not in YEARS:
                errors[name] = f"Give a year from {YEARS.start} to {YEARS.stop - 1}."
    if errors:
        raise PeriodError(errors)
    first, last = days["from"], days["to"]
    if last < first:
        raise PeriodError({"to": "The last day must not be before the first."})
    if last - first > LONGEST:
        raise PeriodError({"to": f"Ask for {LONGEST.days} days at the most."})
    return Period(first, last)


def month_of(day: date, back: int = 0) -> Period:
    """The month of a day, or one so many months before."""
    year, month = divmod(day.year * 12 + day.month - 1 - back, 12)
    first = date(year, month + 1, 1)
    return Period(first, first.replace(day=monthrange(year, month + 1)[1]))


def quarter_of(day: date, back: int = 0) -> Period:
    """The calendar quarter of a day, or one so many quarters before."""
    last_month = month_of(day, back=3 * back - (2 - (day.month - 1) % 3))
    return Period(month_of(last_month.first, back=2).first, last_month.last)


def usual_periods(today: date) -> dict[str, Period]:
    return {
        "This month": month_of(today),
        "Last month": month_of(today, back=1),
        "This quarter": quarter_of(today),
        "Last quarter": quarter_of(today, back=1),
    }
