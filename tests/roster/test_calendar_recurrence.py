"""Rules held against dateutil, a different expander that shares no code with ours."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from roster.calendar_import.recurrence import BombError, RuleError, cost, expand, read_rule

START = datetime(2023, 1, 1, 9, 30)  # noqa: DTZ001 rules are about the clock face
HORIZON = datetime(2026, 3, 1, tzinfo=UTC)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def listed(numbers: st.SearchStrategy[object], size: int = 3) -> st.SearchStrategy[str]:
    return st.lists(numbers, min_size=1, max_size=size, unique=True).map(
        lambda found: ",".join(map(str, found))
    )


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY"]))
    weekday = st.sampled_from(WEEKDAYS)
    # With and without a number at once, dateutil wants both to hold where the RFC wants either.
    if frequency in ("YEARLY", "MONTHLY") and draw(st.booleans()):
        ordinal = st.sampled_from(["1", "2", "-1", "4", "-2"])
        weekday = st.tuples(ordinal, weekday).map("".join)
    parts = {
        "INTERVAL": st.integers(1, 4),
        "BYMONTH": listed(st.integers(1, 12), 6),
        "BYDAY": listed(weekday),
        "BYHOUR": listed(st.integers(0, 23)),
        "WKST": st.sampled_from(["MO", "SU", "WE"]),
    }
    if frequency != "WEEKLY":
        parts["BYMONTHDAY"] = listed(st.integers(1, 28) | st.integers(-28, -1), 5)
    chosen = draw(st.sets(st.sampled_from(sorted(parts)), max_size=3))
    # Days of two kinds, or a second place of one, may never match: dateutil looks until 9999.
    if "BYDAY" in chosen:
        chosen.discard("BYMONTHDAY")
    if "BYMONTH" in chosen:
        chosen.discard("INTERVAL")
    text = [f"FREQ={frequency}", *(f"{name}={draw(parts[name])}" for name in sorted(chosen))]
    # Of a week begun midway dateutil counts the rest only.
    may_pick = frequency != "WEEKLY" and chosen & {"BYDAY", "BYMONTHDAY", "BYHOUR"}
    if may_pick and draw(st.booleans()):
        text.append("BYSETPOS=" + draw(st.sampled_from(["1", "-1", "1,2"])))
    if draw(st.booleans()):
        text.append(f"COUNT={draw(st.integers(1, 30))}")
    return ";".join(text)


@pytest.mark.slow
@settings(max_examples=150, deadline=timedelta(seconds=5))
@given(rules(), st.integers(0, 500))
def test_rules_expand_as_dateutil_expands_them(text, day):
    start = START + timedelta(days=day)
    start = start.replace(day=min(start.day, 28))
    end = HORIZON.replace(tzinfo=None)
    expected = list(takewhile(lambda each: each <= end, rrulestr(text, dtstart=start)))

    assert list(expand(read_rule(text), start, HORIZON)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FREQ=HOURLY;INTERVAL=12;COUNT=3", ["01.01. 09", "01.01. 21", "02.01. 09"]),
        ("FREQ=DAILY;UNTIL=20230103", ["01.01. 09", "02.01. 09", "03.01. 09"]),
        ("FREQ=DAILY;UNTIL=20230102T093000", ["01.01. 09", "02.01. 09"]),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO;COUNT=2", ["02.01. 09", "01.01. 09"]),
        ("FREQ=YEARLY;BYYEARDAY=-1;COUNT=2", ["31.12. 09", "31.12. 09"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", []),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=-1;COUNT=2", ["30.01. 09", "27.02. 09"]),
    ],
)
def test_rules_expand(text, expected):
    found = expand(read_rule(text), START, HORIZON)

    assert [f"{each:%d.%m. %H}" for each in found] == expected


@pytest.mark.parametrize(
    "text",
    ["", "FREQ=", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;COUNT=-1", "FREQ=DAILY;COUNT=1,2",
     "FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYMONTHDAY=0", "FREQ=DAILY;BYDAY=XX", "COUNT=3",
     "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;BYEASTER=0", "FREQ=HOURLY;BYDAY=MO",
     "FREQ=DAILY;BYHOUR=" + ",".join(["1"] * 500)],
)  # fmt: skip
def test_malformed_rules_are_refused(text):
    with pytest.raises(RuleError):
        read_rule(text)


@pytest.mark.parametrize("frequency", ["SECONDLY", "MINUTELY"])
def test_rules_finer_than_an_hour_are_refused(frequency):
    with pytest.raises(BombError):
        read_rule(f"FREQ={frequency};COUNT=1")


def test_cost_counts_days_and_what_is_found_on_each():
    clocks = "BYHOUR=1,2;BYMINUTE=0,20,40"

    assert cost(read_rule("FREQ=DAILY;UNTIL=20230110"), START, HORIZON) == 10
    assert cost(read_rule(f"FREQ=DAILY;UNTIL=20230110;{clocks}"), START, HORIZON) == 60
