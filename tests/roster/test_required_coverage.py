from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from roster.models import Coverage, CoverageWindow, Person, Schedule
from roster.models.schedules import Weekday
from roster.oncall import OnCall
from roster.required_coverage import counting, is_required, required_spans, uncovered
from roster.rotation import Shift, Source

LONDON = ZoneInfo("Europe/London")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def schedule(coverage: Coverage = Coverage.HOURS, zone: str = "UTC") -> Schedule:
    return Schedule(name="Primary", time_zone=zone, coverage=coverage)


def window(opens_on: Weekday, opens: int, closes_on: Weekday, closes: int) -> CoverageWindow:
    return CoverageWindow(
        opens_on=opens_on, opens_at=time(opens), closes_on=closes_on, closes_at=time(closes)
    )


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def shift(begins: datetime, ends: datetime, *, is_active: bool = True) -> OnCall:
    person = Person(pk=1, slug="ana", name="Ana", is_active=is_active)
    return OnCall(person, Shift("ana", begins, ends, Source(layer="Weekly", turn=0)))


OFFICE = window(Weekday.MONDAY, 9, Weekday.MONDAY, 17)


def test_round_the_clock_requires_the_whole_period() -> None:
    assert required_spans(schedule(Coverage.ALWAYS), [OFFICE], at(2), at(9)) == [(at(2), at(9))]


@pytest.mark.parametrize("coverage", [Coverage.ALWAYS, Coverage.HOURS])
def test_empty_period_requires_nothing(coverage: Coverage) -> None:
    assert required_spans(schedule(coverage), [OFFICE], at(2, 10), at(2, 10)) == []


def test_not_necessarily_requires_nothing() -> None:
    assert required_spans(schedule(Coverage.NONE), [OFFICE], at(2), at(9)) == []


def test_hours_without_a_window_require_nothing() -> None:
    assert required_spans(schedule(), [], at(2), at(9)) == []


def test_hours_require_their_windows_each_week_clipped_to_the_period() -> None:
    assert required_spans(schedule(), [OFFICE], at(2, 10), at(9, 12)) == [
        (at(2, 10), at(2, 17)),
        (at(9, 9), at(9, 12)),
    ]


def test_touching_windows_are_one_stretch_across_the_weeks_end() -> None:
    weekend = window(Weekday.SATURDAY, 0, Weekday.MONDAY, 9)

    assert required_spans(schedule(), [weekend, OFFICE], at(7), at(10)) == [(at(7), at(9, 17))]


def test_whole_week_in_one_window_is_the_whole_period() -> None:
    always = window(Weekday.MONDAY, 9, Weekday.MONDAY, 9)

    assert required_spans(schedule(), [always], at(1), at(20)) == [(at(1), at(20))]


def test_windows_follow_the_clock_of_the_schedule_across_a_change() -> None:
    sunday = window(Weekday.SUNDAY, 0, Weekday.SUNDAY, 12)
    begins, ends = datetime(2026, 3, 22, tzinfo=LONDON), datetime(2026, 4, 6, tzinfo=LONDON)

    assert required_spans(schedule(zone="Europe/London"), [sunday], begins, ends) == [
        (at(22), at(22, 12)),
        (at(29), at(29, 11)),  # the clock goes forward at 01:00
        (datetime(2026, 4, 4, 23, tzinfo=UTC), datetime(2026, 4, 5, 11, tzinfo=UTC)),
    ]


def test_period_beginning_in_the_hour_that_comes_twice_stays_in_it() -> None:
    begins = datetime(2026, 10, 25, 1, 30, fold=1, tzinfo=LONDON)
    all_day = window(Weekday.SUNDAY, 0, Weekday.MONDAY, 0)

    [(since, until)] = required_spans(
        schedule(zone="Europe/London"), [all_day], begins, begins + timedelta(days=2)
    )

    assert since == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert until == datetime(2026, 10, 26, tzinfo=UTC)


@pytest.mark.parametrize(("hour", "expected"), [(8, False), (9, True), (16, True), (17, False)])
def test_moment_is_required_from_opening_up_to_closing(hour: int, *, expected: bool) -> None:
    assert is_required(schedule(), [OFFICE], at(2, hour)) is expected


def test_uncovered_is_what_no_shift_covers_of_what_is_required() -> None:
    required = [(at(2), at(4)), (at(6), at(7))]
    shifts = [
        Shift("bo", at(3), at(3, 12), Source()),
        Shift("ana", at(2, 6), at(3, 6), Source()),
        Shift("cy", at(6, 12), at(9), Source()),
    ]

    assert uncovered(required, shifts) == [
        (at(2), at(2, 6)),
        (at(3, 12), at(4)),
        (at(6), at(6, 12)),
    ]


def test_someone_inactive_covers_only_what_has_passed() -> None:
    gone = shift(at(2), at(9), is_active=False)
    there = shift(at(2), at(9))

    assert [(each.start, each.end) for each in counting([gone, there], at(4))] == [
        (at(2), at(4)),
        (at(2), at(9)),
    ]
    assert counting([gone], at(2)) == []
