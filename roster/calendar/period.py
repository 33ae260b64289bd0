"""The stretch of days a calendar shows, by the clock of the person who looks at it."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

# What a calendar can reach: beyond, zones and the arithmetic of days have no meaning.
YEARS = range(1971, 2200)


class View(StrEnum):
    DAY = "day"
    TWO_WEEKS = "two-weeks"
    MONTH = "month"


class PeriodError(ValueError):
    """The view or the day asked for is none; the message says so in a sentence."""


@dataclass(frozen=True)
class Period:
    """`days` days from `first`, each as long as the clock of `zone` makes it."""

    view: View
    first: date
    days: int
    zone: tzinfo

    @property
    def after(self) -> date:
        """The first day that is not in it any more."""
        return self.first + timedelta(days=self.days)

    @property
    def starts_at(self) -> datetime:
        return _midnight(self.first, self.zone)

    @property
    def ends_at(self) -> datetime:
        return _midnight(self.after, self.zone)

    @property
    def earlier(self) -> date:
        """Where the period before begins."""
        if self.view == View.TWO_WEEKS:
            return self.first - timedelta(days=self.days)
        return period_around(self.first - timedelta(days=1), self.view, self.zone).first

    @property
    def later(self) -> date:
        return self.after

    @property
    def title(self) -> str:
        last = self.after - timedelta(days=1)
        if self.view == View.DAY:
            return f"{self.first:%A %-d %B %Y}"
        if self.view == View.MONTH:
            return f"{self.first:%B %Y}"
        year = "" if self.first.year == last.year else f" {self.first.year}"
        return f"{self.first:%-d %b}{year} to {last:%-d %b %Y}"

    def clock_of(self, moment: datetime) -> datetime:
        """What the clock of the zone shows at a moment, without a zone."""
        return moment.astimezone(self.zone).replace(tzinfo=None)


def period_around(day: date, view: View, zone: tzinfo) -> Period:
    """The day itself, two weeks from its Monday, or its month."""
    if view == View.DAY:
        return Period(view, day, 1, zone)
    if view == View.MONTH:
        return Period(view, day.replace(day=1), monthrange(day.year, day.month)[1], zone)
    return Period(view, day - timedelta(days=day.weekday()), 14, zone)


def period_asked_for(query: Mapping[str, str], zone: tzinfo, today: date) -> Period:
    """By `view` (two weeks if absent) and `from` (today if absent). Raises PeriodError."""
    try:
        view = View(query.get("view") or View.TWO_WEEKS)
    except ValueError:
        known = ", ".join(View)
        raise PeriodError(f"“view” is one of {known}.") from None
    asked = query.get("from")
    if not asked:
        return period_around(today, view, zone)
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        raise PeriodError("“from” is a day, written like 2026-03-02.") from None
    if day.year not in YEARS:
        raise PeriodError(f"“from” is a day between {YEARS[0]} and {YEARS[-1]}.")
    return period_around(day, view, zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
