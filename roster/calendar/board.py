"""A whole calendar, read and put together: of one schedule with its layers, or of many."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from roster import oncall
from roster.calendar.answer import Calendar, Look
from roster.calendar.facts import read, taking_part
from roster.calendar.period import Period
from roster.calendar.spans import Row, Span, final_spans, rows_of, spans_of
from roster.holidays import public_holidays
from roster.models import Person, Schedule

# How far ahead people look for their own next shifts.
MY_HORIZON = timedelta(days=60)


def of_schedule(schedule: Schedule, look: Look) -> Calendar:
    """One schedule: the result, what was changed, and each layer's own turns. Nine queries."""
    start, end = _reach(look)
    facts = read([schedule], start, end, with_time_off=look.viewer.may_see_time_off)
    rows = rows_of(schedule, facts)
    spans = spans_of(rows, facts, start, end, look.now)
    return _calendar(look, rows, spans, facts.countries_of(schedule))


def of_many(schedules: Sequence[Schedule], look: Look) -> Calendar:
    """Who is on call for each schedule, one row each; holidays are the viewer's own. Nine queries.

    The schedules come with their teams.
    """
    start, end = _reach(look)
    facts = read(schedules, start, end, with_time_off=look.viewer.may_see_time_off)
    rows = [Row(str(each.pk), each.name, each, _team_of(each)) for each in schedules]
    spans = [span for row in rows for span in final_spans(row, facts, start, end, look.now)]
    return _calendar(look, rows, spans, [look.viewer.person.country] if look.viewer.person else [])


def my_next(person: Person, now: datetime, *, limit: int = 5) -> list[Span]:
    """Somebody's shifts that are not over, the next ones first. Ten queries."""
    schedules = list(Schedule.objects.active().filter(taking_part(person)))
    start, end = now - oncall.HORIZON, now + MY_HORIZON
    facts = read(schedules, start, end, with_time_off=True)
    found = [
        span
        for row in (Row(str(each.pk), each.name, each) for each in schedules)
        for span in final_spans(row, facts, start, end, now)
        if span.person == person and span.ends_at > now
    ]
    return sorted(found, key=lambda span: (span.starts_at, span.row.title))[:limit]


def _reach(look: Look) -> tuple[datetime, datetime]:
    """Beyond what is shown, so that a span at the edge tells its real beginning and end."""
    return look.period.starts_at - oncall.HORIZON, look.period.ends_at + oncall.HORIZON


def _calendar(
    look: Look, rows: Sequence[Row], spans: Iterable[Span], countries: Iterable[str]
) -> Calendar:
    period = look.period
    shown = [span for span in spans if span.touches(period.starts_at, period.ends_at)]
    shown.sort(key=lambda span: (span.starts_at, span.row.title, span.title))
    return Calendar(look, rows, shown, _holidays(countries, period))


def _holidays(countries: Iterable[str], period: Period) -> dict[date, str]:
    """“GB: Good Friday, DE: Good Friday” by day."""
    names: dict[date, list[str]] = defaultdict(list)
    for country in countries:
        for day, name in public_holidays(country, period.first, period.after).items():
            names[day].append(f"{country}: {name}")
    return {day: ", ".join(found) for day, found in sorted(names.items())}


def _team_of(schedule: Schedule) -> str:
    return schedule.team.name if schedule.team else ""
