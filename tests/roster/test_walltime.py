"""Clocks and instants, held against what `zoneinfo` says from one minute or hour to the next."""

from datetime import UTC, datetime, timedelta

import pytest

from roster.rotation.walltime import DAY, HOUR, MINUTE, instant, zone

ZONES = (
    "Africa/Casablanca",
    "America/New_York",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Europe/London",
    "Pacific/Apia",
)


def shown(name, at):
    """What the clock reads at an instant, by `zoneinfo` alone."""
    return instant(zone(name).moment(at).replace(tzinfo=UTC))


@pytest.mark.parametrize("name", ZONES)
def test_clock_reads_what_zoneinfo_says_on_every_day_of_a_century(name):
    clock = zone(name)
    first = instant(datetime(1970, 1, 2, tzinfo=UTC))

    days = [first + day * (DAY + HOUR) for day in range(365 * 100)]

    assert [at for at in days if clock.reading(at) != shown(name, at)] == []


@pytest.mark.parametrize(
    ("name", "around", "grain"),
    [
        ("Europe/London", "2026-03-29T01:00Z", 5 * MINUTE),
        ("Europe/London", "2026-10-25T01:00Z", 5 * MINUTE),
        ("Australia/Lord_Howe", "2026-04-04T15:00Z", 5 * MINUTE),
        ("Australia/Lord_Howe", "2026-10-03T15:30Z", 5 * MINUTE),
        ("Pacific/Apia", "2011-12-30T10:00Z", 15 * MINUTE),
        # The calendar repeated a day here.
        ("Pacific/Kwajalein", "1969-09-30T13:00Z", 15 * MINUTE),
        # Within hours of where one table of offsets gives way to the next.
        ("Australia/Sydney", "2094-04-03T16:00Z", 5 * MINUTE),
    ],
)
def test_readings_around_a_change_are_met_when_zoneinfo_says(name, around, grain):
    middle = instant(datetime.fromisoformat(around))
    reads = [(at, shown(name, at)) for at in range(middle - 2 * DAY, middle + 2 * DAY, grain)]
    first = {reading: at for at, reading in reversed(reads)}
    last = {reading: at for at, reading in reads}
    for reading in range(reads[0][1], reads[-1][1], grain):
        if reading not in first:
            first[reading] = last[reading] = next(at for at, met in reads if met > reading)

    inner = [each for each in first if reads[0][1] + DAY < each < reads[-1][1] - DAY]

    assert {each: zone(name).first(each) for each in inner} == {each: first[each] for each in inner}
    assert {each: zone(name).last(each) for each in inner} == {each: last[each] for each in inner}


def test_tables_are_dropped_once_there_are_too_many():
    clock = zone("Europe/London")

    years = [instant(datetime(year, 7, 1, tzinfo=UTC)) for year in range(1000, 1600)]

    assert {clock.reading(at) - at for at in years} == {-75}
    assert clock.reading(years[0] + timedelta(days=400_000) // timedelta(seconds=1)) > years[0]
