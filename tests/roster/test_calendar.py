from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from roster.calendar import Tone, Week, weeks_of
from roster.models import Person
from roster.oncall import OnCall
from roster.rotation import Shift, Source

LONDON = ZoneInfo("Europe/London")
MONDAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def shift(
    name: str, start: datetime, end: datetime, *, is_active: bool = True, override: bool = False
) -> OnCall:
    source = Source(override="1") if override else Source(layer="Weekly", turn=0)
    person = Person(pk=1, slug=name, name=name, is_active=is_active)
    return OnCall(person, Shift(name, start, end, source))


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, number, hour, tzinfo=UTC)


def bars(week: Week) -> list[tuple[str, Tone, str, str, int]]:
    return [(bar.label, bar.tone, bar.left, bar.width, bar.lane) for bar in week.bars]


def weeks(*shifts: OnCall, count: int = 1) -> list[Week]:
    return weeks_of(shifts, MONDAY, count, zone=UTC, now=NOW)


def test_bars_are_clipped_to_their_week_and_tell_the_whole_shift() -> None:
    begins, ends = day(1), day(16)

    first, second = weeks(shift("Ana", begins, ends), count=2)

    assert bars(first) == bars(second) == [("Ana", Tone.TURN, "0.000%", "100.000%", 0)]
    assert (first.bars[0].starts_at, first.bars[0].ends_at) == (begins, ends)


def test_gap_stands_where_nobody_is_on_call() -> None:
    [week] = weeks(shift("Ana", day(2), day(5, 12)))

    assert bars(week) == [
        ("Ana", Tone.TURN, "0.000%", "50.000%", 0),
        ("Nobody", Tone.GAP, "50.000%", "50.000%", 0),
    ]


def test_people_on_call_together_have_lanes_of_their_own() -> None:
    [week] = weeks(shift("Ana", day(2), day(9)), shift("Bo", day(5, 12), day(9), override=True))

    assert week.lanes == 2
    assert bars(week)[1] == ("Bo", Tone.OVERRIDE, "50.000%", "50.000%", 1)


def test_inactive_person_to_come_is_named_and_leaves_a_gap() -> None:
    [week] = weeks(shift("Ana", day(2), day(9), is_active=False))

    assert [bar.label for bar in week.bars] == ["Ana (inactive)", "Nobody"]


def test_inactive_person_of_the_past_covered_their_shift() -> None:
    [week] = weeks(shift("Ana", day(2), day(3), is_active=False), shift("Bo", day(3), day(9)))

    assert [bar.label for bar in week.bars] == ["Ana", "Bo"]


def test_now_is_marked_in_its_week_only() -> None:
    assert [week.now for week in weeks(count=2)] == ["35.714%", None]


@pytest.mark.parametrize("monday", [date(2026, 3, 23), date(2026, 10, 19)])
def test_week_of_a_clock_change_is_filled_from_end_to_end(monday: date) -> None:
    begins = datetime(monday.year, monday.month, monday.day, tzinfo=LONDON)
    ends = begins + timedelta(days=7)  # by the clock

    [week] = weeks_of([shift("Ana", begins, ends)], monday, 1, zone=LONDON, now=NOW)

    assert bars(week) == [("Ana", Tone.TURN, "0.000%", "100.000%", 0)]
