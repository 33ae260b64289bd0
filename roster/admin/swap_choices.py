"""Which shifts can be swapped: the list to choose from, and what an address asks for."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from roster import oncall
from roster.admin.swap_forms import brief, shift_text
from roster.conflicts import Span, conflicts_of
from roster.models import Person, Schedule
from roster.swaps.parts import REACH, OwnShift, own_shifts
from roster.swaps.proposals import FURTHEST
from roster.swaps.settling import next_minute

SHOWN = timedelta(weeks=8)
CHOICES_SHOWN = 60

Row = tuple[Schedule, Person, OwnShift]
"""A shift that could be swapped: where, whose, and when."""


def look_until(request: HttpRequest, now: datetime) -> datetime:
    """Eight weeks ahead, or as far as the shift asked for."""
    start = _moment(request, "start")
    return max(now + SHOWN, start + timedelta(days=1)) if start else now + SHOWN


def chosen_of(request: HttpRequest, shifts: Sequence[Row]) -> Row | None:
    """The shift chosen from the list, or asked for by schedule and time; otherwise the first."""
    wanted = request.GET.get("shift", "")
    asked, start, end = request.GET.get("schedule"), *_period(request)
    for row in shifts:
        if wanted and _value(row) == wanted:
            return row
    for row in shifts:
        schedule, _, shift = row
        if str(schedule.pk) == asked and shift.starts_at < end and start < shift.ends_at:
            return row
    return shifts[0] if shifts else None


def choices_of(
    shifts: Sequence[Row], chosen: Row | None, *, names: bool
) -> list[tuple[str, str, bool]]:
    """Value, text and whether it is the one, for the list of shifts."""
    found = []
    for row in shifts[:CHOICES_SHOWN]:
        schedule, person, shift = row
        whose = f"{person}, {schedule}" if names else schedule
        found.append((_value(row), f"{shift_text(shift)} · {whose}", row == chosen))
    return found


def span_of(request: HttpRequest, shift: OwnShift, now: datetime) -> Span:
    """The part asked for, as far as it is in the shift and to come; the whole without one."""
    start, end = shift.starts_at, shift.ends_at
    asked_start, asked_end = _moment(request, "start"), _moment(request, "end")
    if asked_start and start < asked_start < end:
        start = asked_start
    if asked_end and start < asked_end < end:
        end = asked_end
    return max(start, next_minute(now)), end


def returns_of(
    schedule: Schedule, people: Sequence[Person], now: datetime
) -> list[tuple[Person, OwnShift]]:
    """The coming shifts of these people on one schedule, by person and then by time."""
    found = shifts_ahead([schedule], {schedule.pk: people}, now)
    return [(person, shift) for _, person, shift in found]


def shifts_ahead(
    schedules: Sequence[Schedule], people: Mapping[int, Sequence[Person]], now: datetime
) -> list[Row]:
    """The shifts that begin soon, of those people that each schedule (id) is asked about.

    As many queries for all schedules as for one.
    """
    definitions = oncall.definitions(schedules, now, now + SHOWN + REACH)
    found = []
    for schedule in schedules:
        by_slug = {person.slug: person for person in people[schedule.pk]}
        for shift in own_shifts(definitions[schedule.pk], now, now + SHOWN + REACH):
            if shift.person in by_slug and now < shift.starts_at < now + SHOWN:
                found.append((schedule, by_slug[shift.person], shift))
    return sorted(found, key=lambda row: (row[1].name, row[2].starts_at))


def beside_of(
    schedule: Schedule, rotation: Sequence[Person], shift: OwnShift, now: datetime
) -> dict[str, str]:
    """What stands against each of them, by the value of their choice."""
    stretches = shift.within(next_minute(now), shift.ends_at)
    if not stretches or not rotation:
        return {}
    against = conflicts_of(rotation, schedule, stretches)
    return {str(pk): brief(found, schedule) for pk, found in against.items()}


def _period(request: HttpRequest) -> Span:
    """The time asked for; all time for those who name a schedule only."""
    start = _moment(request, "start")
    if start is None:
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    return start, _moment(request, "end") or start + timedelta(minutes=1)


def _value(row: Row) -> str:
    """Says which shift: of one that runs, the end is what stays the same."""
    schedule, person, shift = row
    return f"{schedule.pk}-{person.pk}-{shift.ends_at.timestamp():.0f}"


def _moment(request: HttpRequest, name: str) -> datetime | None:
    """None for none, for nonsense, and beyond what a swap reaches."""
    try:
        moment = parse_datetime(request.GET.get(name, "").replace(" ", "+"))
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None:
        return None
    return moment if abs(moment - timezone.now()) < FURTHEST else None
