"""When what repeats is on, held against a walk along the clock, a quarter of an hour at a time."""

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.recurrence import Plan, first_overlap, occurrences

GRAIN = timedelta(minutes=15)
DAY = timedelta(days=1)
WALKED = timedelta(days=70)
LONDON = ZoneInfo("Europe/London")
# Each with a time shortly before its clock changes.
AROUND = [
    ("UTC", "2026-03-20T00:00"),
    ("Europe/London", "2026-03-20T00:00"),
    ("Europe/London", "2026-10-18T00:00"),
    ("America/New_York", "2026-03-01T05:00"),
    ("Australia/Lord_Howe", "2026-03-28T10:00"),
    ("Australia/Lord_Howe", "2026-09-27T10:00"),
    ("Africa/Casablanca", "2026-02-08T00:00"),
    ("Pacific/Apia", "2011-12-20T00:00"),  # 30 December was left out
]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    zone, around = draw(st.sampled_from(AROUND))
    first = datetime.fromisoformat(around).replace(tzinfo=UTC)
    starts_at = first + GRAIN * draw(st.integers(0, 14 * 96))
    repeats = draw(st.sampled_from(["never", "daily", "weekly", "monthly"]))
    length = draw(st.one_of(st.integers(1, 12), st.integers(1, 300)))
    until = draw(st.none() | st.integers(0, 60))
    return Plan(
        starts_at=starts_at,
        ends_at=starts_at + GRAIN * length,
        time_zone=zone,
        repeats=repeats,
        weekdays=tuple(draw(st.sets(st.integers(0, 6)))) if repeats == "weekly" else (),
        until=None if until is None else (starts_at + until * DAY).date(),
    )


def walk(plan: Plan) -> list[tuple[datetime, datetime]]:
    """Its occurrences until the end of the walk, by looking at the clock at every tick."""
    zone = ZoneInfo(plan.time_zone)
    ticks = [plan.starts_at - 3 * DAY + GRAIN * step for step in range((WALKED + 9 * DAY) // GRAIN)]
    clock = [tick.astimezone(zone).replace(tzinfo=None) for tick in ticks]

    def shown(reading: datetime, which: int) -> datetime:
        met = [tick for tick, shows in zip(ticks, clock, strict=True) if shows == reading]
        later = (tick for tick, shows in zip(ticks, clock, strict=True) if shows > reading)
        return met[which] if met else next(later)

    opens = plan.starts_at.astimezone(zone).replace(tzinfo=None)
    length = plan.ends_at.astimezone(zone).replace(tzinfo=None) - opens
    if length <= timedelta(0):
        length = plan.ends_at - plan.starts_at
    found = [(plan.starts_at, plan.ends_at)]
    for number in range(1, WALKED // DAY - 4):
        opening = opens + number * DAY
        if begins_on(plan, opens.date(), opening.date()):
            span = shown(opening, 0), shown(opening + length, -1)
            found += [span] if span[0] < span[1] else []
    return found


def begins_on(plan: Plan, first: date, day: date) -> bool:
    if plan.until and day > plan.until:
        return False
    match plan.repeats:
        case "daily":
            return True
        case "weekly":
            return day.weekday() in (plan.weekdays or [first.weekday()])
        case "monthly":
            is_last = (day + DAY).month != day.month
            return day.day == first.day or (is_last and day.day < first.day)
    return False


@settings(max_examples=60, deadline=None)
@given(plans())
def test_occurrences_are_those_that_the_clock_shows(plan):
    horizon = plan.starts_at + WALKED - 10 * DAY

    expected = [span for span in walk(plan) if span[0] < horizon]

    found = takewhile(lambda span: span[0] < horizon, occurrences(plan, plan.starts_at))
    assert list(found) == expected


@settings(max_examples=60, deadline=None)
@given(plans(), st.integers(0, 96 * 50))
def test_those_since_a_moment_are_those_that_end_after_it(plan, steps):
    since = plan.starts_at + GRAIN * steps
    horizon = plan.starts_at + WALKED
    every = list(takewhile(lambda span: span[0] < horizon, occurrences(plan, plan.starts_at)))

    found = takewhile(lambda span: span[0] < horizon, occurrences(plan, since))

    assert list(found) == [span for span in every if span[1] > since]


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def spans(plan: Plan, count: int) -> list[str]:
    found = [span for span, _ in zip(occurrences(plan, plan.starts_at), range(count), strict=False)]
    return [f"{start.astimezone(LONDON):%d %H:%M%z} {end - start}" for start, end in found]


def test_every_night_at_the_same_clock_time_when_the_clock_goes_forward():
    plan = Plan(london("2026-03-28T23:00"), london("2026-03-29T00:30"), "Europe/London", "daily")

    assert spans(plan, 2) == ["28 23:00+0000 1:30:00", "29 23:00+0100 1:30:00"]


def test_time_that_a_hole_swallows_counts_at_its_end():
    plan = Plan(london("2026-03-28T01:30"), london("2026-03-28T02:30"), "Europe/London", "daily")

    assert spans(plan, 2) == ["28 01:30+0000 1:00:00", "29 02:00+0100 0:30:00"]


def test_occurrence_within_the_hole_is_left_out():
    plan = Plan(london("2026-03-28T01:00"), london("2026-03-28T02:00"), "Europe/London", "daily")

    assert spans(plan, 2) == ["28 01:00+0000 1:00:00", "30 01:00+0100 1:00:00"]


def test_hour_that_comes_twice_belongs_to_it_whole():
    plan = Plan(london("2026-10-24T01:00"), london("2026-10-24T02:00"), "Europe/London", "daily")

    # The clock reads 01:00 first in summer time, and 02:00 only once, an hour later than usual.
    assert spans(plan, 2) == ["24 01:00+0100 1:00:00", "25 01:00+0100 2:00:00"]


def test_day_that_a_month_lacks_becomes_its_last():
    plan = Plan(london("2026-01-31T22:00"), london("2026-01-31T23:00"), "Europe/London", "monthly")

    days = [span[:2] for span in spans(plan, 4)]
    assert days == ["31", "28", "31", "30"]


@pytest.mark.parametrize(
    ("hours", "repeats", "weekdays", "overlaps"),
    [
        (24, "daily", (), False),
        (25, "daily", (), True),
        (24, "weekly", (0, 1), False),
        (30, "weekly", (0, 1), True),
        (30, "weekly", (0, 2), False),
        (28 * 24 + 1, "monthly", (), True),
        (999, "never", (), False),
    ],
)
def test_overlap_is_found_for_whoever_plans_it(hours, repeats, weekdays, overlaps):
    monday = datetime(2026, 6, 1, 22, 0, tzinfo=UTC)
    plan = Plan(monday, monday + timedelta(hours=hours), "UTC", repeats, weekdays)

    assert bool(first_overlap(plan)) is overlaps


def test_weekdays_that_are_none_do_not_make_it_search_for_ever():
    monday = datetime(2026, 6, 1, 22, 0, tzinfo=UTC)
    plan = Plan(monday, monday + timedelta(hours=1), "UTC", "weekly", (9,))

    assert len(spans(plan, 2)) == 2
