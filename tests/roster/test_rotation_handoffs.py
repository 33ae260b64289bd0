"""When turns begin: rules 1 and 2."""

from datetime import timedelta

import pytest

from roster.rotation import Unit, shifts
from tests.roster.rotas import layer, lines, moment, schedule

NEW_YORK = "America/New_York"


# Rule 1: handoff time


def test_weekly_handoff_keeps_its_clock_time_over_both_changes():
    weekly = schedule(layer("ana bo", "2026-03-23T09:00+00:00", Unit.WEEK))

    spring = lines(weekly, "2026-03-23T09:00Z", "2026-04-06T08:00Z")
    autumn = lines(weekly, "2026-10-19T08:00Z", "2026-11-02T09:00Z")

    assert spring == [
        "ana 03-23 09:00+0000 03-30 09:00+0100",
        "bo 03-30 09:00+0100 04-06 09:00+0100",
    ]
    assert autumn == [
        "ana 10-19 09:00+0100 10-26 09:00+0000",
        "bo 10-26 09:00+0000 11-02 09:00+0000",
    ]


def test_two_hour_rotation_hands_off_on_even_hours_when_the_clock_goes_back():
    rotation = schedule(layer("ana bo", "2026-06-01T00:00+01:00", Unit.HOUR, 2))

    assert lines(rotation, "2026-10-24T23:00Z", "2026-10-25T06:00Z") == [
        "ana 10-25 00:00+0100 10-25 02:00+0000",
        "bo 10-25 02:00+0000 10-25 04:00+0000",
        "ana 10-25 04:00+0000 10-25 06:00+0000",
    ]


def test_two_hour_rotation_hands_off_on_even_hours_when_the_clock_goes_forward():
    rotation = schedule(layer("ana bo", "2026-01-01T00:00+00:00", Unit.HOUR, 2))

    assert lines(rotation, "2026-03-29T00:00Z", "2026-03-29T05:00Z") == [
        "ana 03-29 00:00+0000 03-29 02:00+0100",
        "bo 03-29 02:00+0100 03-29 04:00+0100",
        "ana 03-29 04:00+0100 03-29 06:00+0100",
    ]


@pytest.mark.parametrize(
    ("zone", "start", "due", "expected"),
    [
        ("Europe/London", "2026-10-20T01:30+01:00", "2026-10-25", "01:30+0100"),
        ("Europe/London", "2026-10-20T01:00+01:00", "2026-10-25", "01:00+0100"),
        ("Europe/London", "2026-10-20T02:00+01:00", "2026-10-25", "02:00+0000"),
        ("Europe/London", "2026-03-20T01:30+00:00", "2026-03-29", "02:00+0100"),
        ("Europe/London", "2026-03-20T01:00+00:00", "2026-03-29", "02:00+0100"),
        ("Europe/London", "2026-03-20T00:59+00:00", "2026-03-29", "00:59+0000"),
        (NEW_YORK, "2026-03-01T02:30-05:00", "2026-03-08", "03:00-0400"),
        (NEW_YORK, "2026-10-25T01:30-04:00", "2026-11-01", "01:30-0400"),
        ("Australia/Lord_Howe", "2026-10-01T02:15+10:30", "2026-10-04", "02:30+1100"),
        ("Australia/Lord_Howe", "2026-04-01T01:45+11:00", "2026-04-05", "01:45+1100"),
        ("America/Sao_Paulo", "2017-10-10T00:00-03:00", "2017-10-15", "01:00-0200"),
        ("Asia/Beirut", "2026-03-20T00:00+02:00", "2026-03-29", "01:00+0300"),
    ],
)
def test_daily_handoff_on_a_day_of_change(zone, start, due, expected):
    rotation = schedule(layer("ana", start, Unit.DAY), zone=zone)
    noon = moment(f"{due}T12:00Z")

    found = shifts(rotation, noon - timedelta(days=2), noon + timedelta(days=2))

    starts = [f"{shift.start:%H:%M%z}" for shift in found if f"{shift.start:%Y-%m-%d}" == due]
    assert starts == [expected]


def test_handoff_in_a_hole_does_not_move_the_next_one():
    rotation = schedule(layer("ana bo", "2026-03-01T02:30-05:00", Unit.DAY), zone=NEW_YORK)

    assert lines(rotation, "2026-03-07T07:30Z", "2026-03-10T06:30Z") == [
        "ana 03-07 02:30-0500 03-08 03:00-0400",
        "bo 03-08 03:00-0400 03-09 02:30-0400",
        "ana 03-09 02:30-0400 03-10 02:30-0400",
    ]


def test_handoff_on_a_skipped_date_is_at_the_midnight_after_it():
    rotation = schedule(layer("ana bo cy", "2011-12-28T09:00-10:00", Unit.DAY), zone="Pacific/Apia")

    assert lines(rotation, "2011-12-29T19:00Z", "2011-12-31T19:00Z") == [
        "bo 12-29 09:00-1000 12-31 00:00+1400",
        "cy 12-31 00:00+1400 12-31 09:00+1400",
        "ana 12-31 09:00+1400 01-01 09:00+1400",
    ]


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        ("2026-01-31T09:00Z", 1, ["01-31", "02-28", "03-31", "04-30", "05-31"]),
        ("2028-01-31T09:00Z", 1, ["01-31", "02-29", "03-31", "04-30", "05-31"]),
        ("2025-12-31T09:00Z", 2, ["12-31", "02-28", "04-30", "06-30", "08-31"]),
        ("2026-01-15T09:00Z", 12, ["01-15"] * 5),
    ],
)
def test_month_rotation_counts_from_the_start_without_drift(start, length, expected):
    rotation = schedule(layer("ana bo", start, Unit.MONTH, length), zone="UTC")

    found = shifts(rotation, moment(start), moment(start) + timedelta(days=1800))

    assert [f"{shift.start:%m-%d}" for shift in found][:5] == expected


def test_month_rotation_runs_backwards_from_the_end_of_a_month():
    rotation = schedule(
        layer("ana bo", "2026-03-31T09:00+01:00", Unit.MONTH, effective_from="2025-12-01T00:00Z")
    )

    found = shifts(rotation, moment("2026-01-31T09:00Z"), moment("2026-04-01T00:00Z"))

    assert [(f"{shift.start:%m-%d}", shift.person, shift.source.turn) for shift in found] == [
        ("01-31", "ana", -2),
        ("02-28", "bo", -1),
        ("03-31", "ana", 0),
    ]


def test_layer_in_its_own_zone_hands_off_by_that_zones_clock():
    rotation = schedule(
        layer("ana bo", "2026-03-01T09:00-05:00", Unit.WEEK, time_zone=NEW_YORK), zone="UTC"
    )

    assert lines(rotation, "2026-03-01T14:00Z", "2026-03-15T13:00Z") == [
        "ana 03-01 14:00+0000 03-08 13:00+0000",
        "bo 03-08 13:00+0000 03-15 13:00+0000",
    ]


# Rule 2: turns only move forward


def test_nobody_comes_back_when_the_clock_goes_back():
    hourly = schedule(layer("ana bo cy", "2026-10-25T00:00+01:00", Unit.HOUR))

    assert lines(hourly, "2026-10-24T23:00Z", "2026-10-25T03:00Z") == [
        "ana 10-25 00:00+0100 10-25 01:00+0100",
        "bo 10-25 01:00+0100 10-25 02:00+0000",
        "cy 10-25 02:00+0000 10-25 03:00+0000",
    ]


def test_turn_swallowed_by_a_hole_is_used_up():
    hourly = schedule(layer("ana bo cy", "2026-03-29T00:00+00:00", Unit.HOUR))

    assert lines(hourly, "2026-03-29T00:00Z", "2026-03-29T03:00Z") == [
        "ana 03-29 00:00+0000 03-29 02:00+0100",
        "cy 03-29 02:00+0100 03-29 03:00+0100",
        "ana 03-29 03:00+0100 03-29 04:00+0100",
    ]


def test_skipped_date_uses_up_a_days_turns():
    hourly = schedule(
        layer("ana bo cy dee eli", "2011-12-29T23:00-10:00", Unit.HOUR), zone="Pacific/Apia"
    )

    found = shifts(hourly, moment("2011-12-30T09:00Z"), moment("2011-12-30T12:00Z"))

    assert [(shift.person, shift.source.turn) for shift in found] == [
        ("ana", 0),
        ("ana", 25),
        ("bo", 26),
    ]
