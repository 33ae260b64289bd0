from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roster.models import Person
from roster.quiet_hours import ends, first_notified_at, span

LONDON = "Europe/London"
ZONES = [LONDON, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
NIGHT = (time(22), time(7))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_night_ends_in_the_morning_whether_before_or_after_midnight() -> None:
    morning = at("2026-03-03T07:00+00:00")

    assert ends(LONDON, *NIGHT, at("2026-03-02T22:00+00:00")) == morning
    assert ends(LONDON, *NIGHT, at("2026-03-03T06:59:59+00:00")) == morning


def test_outside_them_there_is_no_end() -> None:
    assert ends(LONDON, *NIGHT, at("2026-03-02T21:59:59+00:00")) is None
    assert ends(LONDON, *NIGHT, at("2026-03-03T07:00+00:00")) is None


def test_within_one_day() -> None:
    siesta = (time(13), time(15))

    assert ends(LONDON, *siesta, at("2026-03-02T14:00+00:00")) == at("2026-03-02T15:00+00:00")
    assert ends(LONDON, *siesta, at("2026-03-02T15:00+00:00")) is None


def test_nobody_who_set_none_has_any() -> None:
    moment = at("2026-03-02T23:00+00:00")

    assert ends(LONDON, None, None, moment) is None
    assert ends(LONDON, time(9), time(9), moment) is None


def test_they_are_read_off_the_clock_of_the_zone() -> None:
    assert ends("America/New_York", *NIGHT, at("2026-03-02T02:59+00:00")) is None
    assert ends("America/New_York", *NIGHT, at("2026-03-02T03:00+00:00")) == at(
        "2026-03-02T07:00-05:00"
    )


def test_night_in_which_the_clock_goes_back_is_an_hour_longer() -> None:
    begins, until = span(LONDON, *NIGHT, at("2026-10-25T03:00+00:00")) or (None, None)

    assert (begins, until) == (at("2026-10-24T22:00+01:00"), at("2026-10-25T07:00+00:00"))


def test_end_that_comes_twice_is_the_second() -> None:
    assert ends(LONDON, time(22), time(1, 30), at("2026-10-25T00:45+00:00")) == at(
        "2026-10-25T01:30+00:00"
    )


def test_end_in_the_hour_that_is_skipped_is_the_first_moment_after() -> None:
    assert ends(LONDON, time(22), time(1, 30), at("2026-03-28T23:00+00:00")) == at(
        "2026-03-29T01:00+00:00"
    )


@given(
    zone=st.sampled_from(ZONES),
    begin=st.times(),
    end=st.times(),
    moment=st.integers(1_420_000_000, 2_050_000_000).map(
        lambda second: datetime.fromtimestamp(second, UTC)
    ),
)
def test_quiet_exactly_while_the_clock_reads_between_the_two(
    zone: str, begin: time, end: time, moment: datetime
) -> None:
    begin, end = begin.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    reading = moment.astimezone(ZoneInfo(zone))

    found = ends(zone, begin, end, moment)

    if _is_near_a_change(zone, moment) or begin == end:
        return
    clock = reading.time().replace(fold=0)
    is_quiet = begin <= clock < end if begin < end else clock >= begin or clock < end
    assert (found is not None) == is_quiet
    if found:
        assert found > moment
        assert found - moment <= timedelta(hours=26)
        assert ends(zone, begin, end, found) is None


def _is_near_a_change(zone: str, moment: datetime) -> bool:
    """Within two days of a change of the clock, where the examples above say what holds."""
    info = ZoneInfo(zone)
    around = [moment + timedelta(hours=hours) for hours in range(-48, 49, 6)]
    return len({each.astimezone(info).utcoffset() for each in around}) > 1


@pytest.mark.parametrize("zone", ZONES)
def test_wherever_the_clock_changes_the_end_is_ahead_and_final(zone: str) -> None:
    for day in range(366):
        start = datetime.combine(date(2026, 1, 1), time(0), UTC) + timedelta(days=day)
        for hours in range(0, 24, 3):
            moment = start + timedelta(hours=hours, minutes=10)
            found = ends(zone, time(22), time(2, 30), moment)
            assert found is None or (
                found > moment and ends(zone, time(22), time(2, 30), found) is None
            )


def sleeper(**fields: object) -> Person:
    return Person(name="Ada", time_zone=LONDON, quiet_from=NIGHT[0], quiet_until=NIGHT[1], **fields)


def test_what_can_wait_first_reaches_for_a_sleeper_in_the_morning() -> None:
    night, morning = at("2026-03-02T23:00+00:00"), at("2026-03-03T07:00+00:00")

    assert first_notified_at(sleeper(), "low", night) == morning
    assert first_notified_at(sleeper(), "low", morning) == morning


def test_what_is_urgent_reaches_for_a_sleeper_at_once() -> None:
    night = at("2026-03-02T23:00+00:00")

    assert first_notified_at(sleeper(), "high", night) == night
