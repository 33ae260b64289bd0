"""Whether somebody is at work, by the clock on their own wall."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roster.models import Person
from roster.working_hours import allows, is_working

LONDON = "Europe/London"
ZONES = [LONDON, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
WEEK = [0, 1, 2, 3, 4]
OFFICE = (time(9), time(17))
NIGHT = (time(22), time(6))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("moment", "works"),
    [
        ("2026-03-02T08:59:59+00:00", False),
        ("2026-03-02T09:00+00:00", True),
        ("2026-03-02T16:59:59+00:00", True),
        ("2026-03-02T17:00+00:00", False),
        ("2026-02-28T12:00+00:00", False),  # a Saturday
    ],
)
def test_office_hours(moment: str, works: bool) -> None:
    assert is_working(LONDON, *OFFICE, WEEK, at(moment)) is works


def test_hours_are_those_of_the_persons_own_zone() -> None:
    noon = at("2026-03-02T12:00+00:00")

    assert is_working("Asia/Kolkata", *OFFICE, WEEK, noon) is False  # 17:30 there
    assert is_working("America/New_York", time(7), time(8), WEEK, noon) is True


@pytest.mark.parametrize(
    ("moment", "works"),
    [
        ("2026-03-06T23:00+00:00", True),  # Friday night
        ("2026-03-07T05:59+00:00", True),  # still Friday's, though it is Saturday
        ("2026-03-07T06:00+00:00", False),
        ("2026-03-07T23:00+00:00", False),  # Saturday night
        ("2026-03-09T05:00+00:00", False),  # Sunday's, though it is Monday
    ],
)
def test_night_belongs_to_the_day_it_began_on(moment: str, works: bool) -> None:
    assert is_working(LONDON, *NIGHT, WEEK, at(moment)) is works


def test_same_time_twice_is_the_whole_day() -> None:
    whole = (time(0), time(0))

    assert is_working(LONDON, *whole, [0], at("2026-03-02T23:59+00:00"))
    assert not is_working(LONDON, *whole, [0], at("2026-03-03T00:00+00:00"))


def test_without_days_nobody_is_at_work() -> None:
    assert not is_working(LONDON, *OFFICE, [], at("2026-03-02T12:00+00:00"))


def test_night_in_which_the_clock_goes_back_is_an_hour_longer() -> None:
    """In London it reads 01:30 twice on 25 October 2026."""
    night = (time(22), time(1, 30))

    assert is_working(LONDON, *night, [5], at("2026-10-25T00:45+00:00"))  # 01:45, summer time
    assert is_working(LONDON, *night, [5], at("2026-10-25T01:29+00:00"))  # 01:29, winter time
    assert not is_working(LONDON, *night, [5], at("2026-10-25T01:30+00:00"))


@given(
    zone=st.sampled_from(ZONES),
    opens=st.times().map(lambda reading: reading.replace(second=0, microsecond=0)),
    closes=st.times().map(lambda reading: reading.replace(second=0, microsecond=0)),
    days=st.sets(st.integers(0, 6)),
    minute=st.integers(0, 366 * 24 * 60),
)
def test_as_the_clock_on_the_wall_has_it(
    zone: str, opens: time, closes: time, days: set[int], minute: int
) -> None:
    """But for the hours around a change of the clock, of which the readings say too little."""
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    wall = moment.astimezone(ZoneInfo(zone))
    around = {
        (moment + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).utcoffset()
        for hours in (-26, 0, 26)
    }
    if len(around) > 1:
        return
    reading = wall.time()
    yesterday = (wall.weekday() - 1) % 7
    if opens < closes:
        expected = wall.weekday() in days and opens <= reading < closes
    else:
        expected = (wall.weekday() in days and reading >= opens) or (
            yesterday in days and reading < closes
        )

    assert is_working(zone, opens, closes, days, moment) is expected


@pytest.mark.parametrize(
    ("condition", "by_day", "by_night"),
    [("always", True, True), ("working_hours", True, False), ("off_hours", False, True)],
)
def test_condition_of_a_step(condition: str, by_day: bool, by_night: bool) -> None:
    person = Person(time_zone=LONDON)

    assert allows(condition, person, at("2026-03-02T12:00+00:00")) is by_day
    assert allows(condition, person, at("2026-03-02T03:00+00:00")) is by_night
