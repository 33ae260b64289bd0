"""Restrictions: rule 5."""

from datetime import timedelta

import pytest

from roster.rotation import Turns, Unit, at, shifts
from tests.roster.rotas import daily, layer, line, lines, moment, names, schedule, turns, weekly

NEW_YORK = "America/New_York"
WORKDAYS = "mon tue wed thu fri"


def always(*windows, zone="Europe/London", **rest):
    """One person, one endless turn, seen only through the windows."""
    return schedule(
        layer("ana", "2000-01-01T00:00Z", Unit.MONTH, 1200, restrictions=windows, **rest), zone=zone
    )


def spans(rotation, start, end):
    return [each.removeprefix("ana ") for each in lines(rotation, start, end)]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (daily("09:00", "17:00", "tue"), ["06-02 09:00+0000 06-02 17:00+0000"]),
        (daily("22:00", "06:00", "tue"), ["06-02 22:00+0000 06-03 06:00+0000"]),
        (daily("09:00", "09:00", "tue"), ["06-02 09:00+0000 06-03 09:00+0000"]),
        (daily("00:00", "00:00", "tue"), ["06-02 00:00+0000 06-03 00:00+0000"]),
        (daily("09:00", "17:00", "tue thu"), [
            "06-02 09:00+0000 06-02 17:00+0000",
            "06-04 09:00+0000 06-04 17:00+0000",
        ]),
        (weekly("fri", "17:00", "mon", "09:00"), [
            "06-01 00:00+0000 06-01 09:00+0000",
            "06-05 17:00+0000 06-08 00:00+0000",
        ]),
        (weekly("wed", "09:00", "wed", "17:00"), ["06-03 09:00+0000 06-03 17:00+0000"]),
        (weekly("wed", "17:00", "wed", "09:00"), [
            "06-01 00:00+0000 06-03 09:00+0000",
            "06-03 17:00+0000 06-08 00:00+0000",
        ]),
        (weekly("wed", "09:00", "wed", "09:00"), ["06-01 00:00+0000 06-08 00:00+0000"]),
        (daily("00:00", "00:00"), ["06-01 00:00+0000 06-08 00:00+0000"]),
    ],
)  # fmt: skip
def test_window_in_an_ordinary_week(window, expected):
    assert spans(always(window, zone="UTC"), "2026-06-01T00:00Z", "2026-06-08T00:00Z") == expected


def test_windows_that_touch_or_overlap_are_one():
    windows = (
        daily("09:00", "12:00", "tue"),
        daily("12:00", "15:00"),
        daily("14:00", "17:00", "tue"),
    )

    assert spans(always(*windows, zone="UTC"), "2026-06-02T00:00Z", "2026-06-03T00:00Z") == [
        "06-02 09:00+0000 06-02 17:00+0000"
    ]


def test_window_inside_one_that_runs_over_the_weeks_end_adds_nothing():
    windows = weekly("sun", "22:00", "mon", "06:00"), daily("03:00", "05:00", "mon")

    assert spans(always(*windows, zone="UTC"), "2026-06-07T00:00Z", "2026-06-09T00:00Z") == [
        "06-07 22:00+0000 06-08 06:00+0000"
    ]


@pytest.mark.parametrize(
    ("zone", "day", "window", "expected"),
    [
        # The clock goes back: in at the first reading, out at the last.
        (NEW_YORK, "2026-11-01", ("01:15", "01:45"), "11-01 01:15-0400 11-01 01:45-0500"),
        (NEW_YORK, "2026-11-01", ("00:30", "01:30"), "11-01 00:30-0400 11-01 01:30-0500"),
        (NEW_YORK, "2026-11-01", ("01:30", "03:00"), "11-01 01:30-0400 11-01 03:00-0500"),
        (NEW_YORK, "2026-11-01", ("00:00", "02:00"), "11-01 00:00-0400 11-01 02:00-0500"),
        ("Europe/London", "2026-10-25", ("00:00", "01:00"), "10-25 00:00+0100 10-25 01:00+0000"),
        # The clock goes forward: what falls into the hole happens at its end.
        (NEW_YORK, "2026-03-08", ("02:15", "04:00"), "03-08 03:00-0400 03-08 04:00-0400"),
        (NEW_YORK, "2026-03-08", ("01:00", "02:30"), "03-08 01:00-0500 03-08 03:00-0400"),
        (NEW_YORK, "2026-03-08", ("02:15", "02:45"), None),
        (
            "Australia/Lord_Howe",
            "2026-04-05",
            ("01:30", "01:45"),
            "04-05 01:30+1100 04-05 01:45+1030",
        ),
        ("Asia/Beirut", "2026-03-29", ("00:00", "06:00"), "03-29 01:00+0300 03-29 06:00+0300"),
        ("Pacific/Apia", "2011-12-30", ("09:00", "17:00"), None),
    ],
)
def test_window_on_a_day_of_change(zone, day, window, expected):
    opens, closes = window
    weekday = moment(day).strftime("%a").lower()
    rotation = always(daily(opens, closes, weekday), zone=zone)
    noon = moment(f"{day}T12:00Z")

    found = shifts(rotation, noon - timedelta(days=2), noon + timedelta(days=2))

    assert [line(shift) for shift in found] == ([f"ana {expected}"] if expected else [])


def test_windows_within_the_hour_that_comes_twice_overlap_rather_than_leave_nobody():
    rotation = always(daily("01:10", "01:20"), daily("01:30", "01:40"))

    assert spans(rotation, "2026-10-25T00:00Z", "2026-10-25T02:00Z") == [
        "10-25 01:10+0100 10-25 01:40+0000"
    ]


def test_windows_are_in_the_layers_zone():
    rotation = always(daily("09:00", "17:00", "mon"), time_zone=NEW_YORK)

    assert spans(rotation, "2026-03-09T00:00Z", "2026-03-10T00:00Z") == [
        "03-09 13:00+0000 03-09 21:00+0000"
    ]


def test_turn_is_cut_into_one_shift_for_each_window():
    rotation = schedule(
        layer(
            "ana bo",
            "2026-06-01T00:00Z",
            Unit.WEEK,
            restrictions=(daily("09:00", "17:00", "mon tue"),),
        ),
        zone="UTC",
    )

    assert turns(rotation, "2026-06-01T00:00Z", "2026-06-09T00:00Z") == [
        ("ana", 0),
        ("ana", 0),
        ("bo", 1),
    ]


# What uses up turns. 2026-06-01 is a Monday.


def office(
    participants, start, unit=Unit.DAY, length=1, window=None, counted=Turns.ACTIVE_DAYS, **rest
):
    window = window or daily("09:00", "17:00", WORKDAYS)
    return schedule(
        layer(participants, start, unit, length, restrictions=(window,), turns=counted, **rest),
        zone="UTC",
    )


def test_elapsed_turns_are_used_up_outside_windows():
    rotation = office("a b c d e f g", "2026-06-01T09:00Z", counted=Turns.ELAPSED)

    found = turns(rotation, "2026-06-01T00:00Z", "2026-06-13T00:00Z")

    first = [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4)]
    second = [("a", 7), ("b", 8), ("c", 9), ("d", 10), ("e", 11)]
    assert found == first + second


def test_active_days_let_everybody_serve():
    rotation = office("a b c d e f g", "2026-06-01T09:00Z")

    found = turns(rotation, "2026-06-01T00:00Z", "2026-06-13T00:00Z")

    assert found == list(zip("abcdefgabc", range(10), strict=True))


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        ("2026-06-01T09:00Z", 2, "aabbccaabb"),
        # A start on a Wednesday, and on a Saturday, which does not count.
        ("2026-06-03T00:00Z", 1, "abcabcab"),
        ("2026-06-06T09:00Z", 1, "abcab"),
        # Handing off after the window: Friday evening's turn is Monday's office.
        ("2026-06-01T18:00Z", 1, "abcabcabc"),
    ],
)
def test_active_days_of_two_weeks(start, length, expected):
    rotation = office("a b c", start, length=length)

    found = names(rotation, "2026-06-01T00:00Z", "2026-06-13T00:00Z")

    assert found.replace(" ", "") == expected


def test_active_days_run_backwards_too():
    rotation = office("a b c", "2026-06-10T09:00Z", effective_from="2026-06-04T00:00Z")

    assert turns(rotation, "2026-06-01T00:00Z", "2026-06-12T00:00Z") == [
        ("c", -4),
        ("a", -3),
        ("b", -2),
        ("c", -1),
        ("a", 0),
        ("b", 1),
    ]


def test_night_that_runs_into_a_day_off_stays_with_whoever_has_it():
    rotation = office("a b", "2026-06-01T00:00Z", window=daily("22:00", "06:00", WORKDAYS))

    assert lines(rotation, "2026-06-04T22:00Z", "2026-06-08T23:00Z") == [
        "b 06-04 22:00+0000 06-05 00:00+0000",
        "a 06-05 00:00+0000 06-05 06:00+0000",
        "a 06-05 22:00+0000 06-06 06:00+0000",
        "b 06-08 22:00+0000 06-08 23:00+0000",
    ]


def test_rotation_that_starts_on_a_day_off_gives_its_first_turn_to_the_night_before():
    rotation = office("a b", "2026-06-06T03:00Z", window=daily("22:00", "06:00", WORKDAYS))

    assert lines(rotation, "2026-06-06T00:00Z", "2026-06-09T04:00Z") == [
        "a 06-06 03:00+0000 06-06 06:00+0000",
        "a 06-08 22:00+0000 06-09 03:00+0000",
        "b 06-09 03:00+0000 06-09 04:00+0000",
    ]
    assert [line(shift) for shift in at(rotation, moment("2026-06-06T04:00Z"))] == [
        "a 06-06 03:00+0000 06-06 06:00+0000"
    ]


def test_days_inside_a_long_window_count():
    rotation = office("a b c d", "2026-06-05T17:00Z", window=weekly("fri", "17:00", "mon", "09:00"))

    assert lines(rotation, "2026-06-05T00:00Z", "2026-06-13T00:00Z") == [
        "a 06-05 17:00+0000 06-06 17:00+0000",
        "b 06-06 17:00+0000 06-07 17:00+0000",
        "c 06-07 17:00+0000 06-08 09:00+0000",
        "d 06-12 17:00+0000 06-13 00:00+0000",
    ]


def test_active_hours_are_those_of_active_days():
    rotation = office(
        "a b c", "2026-06-05T00:30Z", Unit.HOUR, 10, window=daily("00:00", "00:00", WORKDAYS)
    )

    assert lines(rotation, "2026-06-05T10:00Z", "2026-06-08T15:00Z") == [
        "a 06-05 10:00+0000 06-05 10:30+0000",
        "b 06-05 10:30+0000 06-05 20:30+0000",
        "c 06-05 20:30+0000 06-06 00:00+0000",
        "c 06-08 00:00+0000 06-08 06:30+0000",
        "a 06-08 06:30+0000 06-08 15:00+0000",
    ]


@pytest.mark.parametrize("unit", [Unit.WEEK, Unit.MONTH])
def test_weeks_and_months_count_the_same_either_way(unit):
    period = "2026-06-01T00:00Z", "2026-12-01T00:00Z"

    elapsed = office("a b c", "2026-06-01T09:00Z", unit, counted=Turns.ELAPSED)

    assert lines(office("a b c", "2026-06-01T09:00Z", unit), *period) == lines(elapsed, *period)
