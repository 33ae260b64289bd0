"""Calendar files as programs write them, as they break, and as somebody means them to break us."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roster.calendar_import import CalendarError, Occurrence, Reading, read_calendar
from tests.factories.availability import ics

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)

CUSTOM_ZONE = """BEGIN:VTIMEZONE
TZID:Customized Time Zone
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""


def read(*events: str, zones: str = "") -> Reading:
    return read_calendar(ics(*events, zones=zones), zone=LONDON, at=NOW)


def times(reading: Reading) -> list[str]:
    return [
        f"{each.starts_at:%d.%m %H:%M}-{each.ends_at:%d.%m %H:%M}" for each in reading.occurrences
    ]


def refusal(content: bytes) -> str:
    with pytest.raises(CalendarError) as caught:
        read_calendar(content, zone=LONDON, at=NOW)
    assert caught.value.fields == {"url": [caught.value.message]}
    return caught.value.message


def test_an_event_is_read_with_whom_it_invites():
    reading = read(
        "UID:one\nDTSTART:20260310T090000Z\nDTEND:20260310T103000Z\nSUMMARY:On call\\, night\n"
        'ATTENDEE;CN="Lopez; Ana:":mailto:Ana@Example.com\nATTENDEE:urn:uuid:1\n'
        "ORGANIZER:MAILTO:boss@example.com"
    )

    assert reading.occurrences == [
        Occurrence(
            key="one",
            event_key="one",
            starts_at=datetime(2026, 3, 10, 9, tzinfo=UTC),
            ends_at=datetime(2026, 3, 10, 10, 30, tzinfo=UTC),
            summary="On call, night",
            attendees=("ana@example.com",),
            organizer="boss@example.com",
        )
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("DTSTART;VALUE=DATE:20260401", ["31.03 23:00-01.04 23:00"]),
        ("DTSTART;VALUE=DATE:20260327\nDTEND;VALUE=DATE:20260330", ["27.03 00:00-29.03 23:00"]),
        ("DTSTART:20260401T090000\nDURATION:PT1H", ["01.04 08:00-01.04 09:00"]),
        ("DTSTART;TZID=W. Europe Standard Time:20260401T090000\nDURATION:PT1H",
         ["01.04 07:00-01.04 08:00"]),
        ("DTSTART;TZID=/mozilla.org/20050126_1/Europe/Berlin:20260401T090000\nDURATION:P1DT1H",
         ["01.04 07:00-02.04 08:00"]),
        ("DTSTART;TZID=Customized Time Zone:20260401T090000\nDURATION:PT1H",
         ["01.04 07:00-01.04 08:00"]),
        ("DTSTART;TZID=Customized Time Zone:20260310T090000\nDURATION:PT1H",
         ["10.03 08:00-10.03 09:00"]),
        ("DTSTART:20260301T000000Z\nDTEND:20260303T000000Z", ["01.03 00:00-03.03 00:00"]),
        ("DTSTART:20260301T000000Z\nDTEND:20260302T000000Z", []),
        ("DTSTART:20280301T000000Z\nDTEND:20280302T000000Z", []),
        ("DTSTART:20260401T090000Z", []),
        ("DTSTART:20260401T090000Z\nDURATION:PT1H\nSTATUS:CANCELLED", []),
        ("DTSTART:20260401T090000Z\nDURATION:PT1H\nTRANSP:TRANSPARENT", []),
        ("DTSTART:20260401T090000Z\nDURATION:PT1H\nX-MICROSOFT-CDO-BUSYSTATUS:FREE", []),
        ("DTSTART:20260401T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\n"
         "EXDATE:20260402T090000Z", ["01.04 09:00-01.04 10:00", "03.04 09:00-03.04 10:00"]),
        ("DTSTART;TZID=Europe/London:20260328T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20260329",
         ["28.03 09:00-28.03 10:00", "29.03 08:00-29.03 09:00"]),
        ("DTSTART;VALUE=DATE:20260401\nRRULE:FREQ=WEEKLY;UNTIL=20260408T120000Z",
         ["31.03 23:00-01.04 23:00", "07.04 23:00-08.04 23:00"]),
        ("DTSTART;VALUE=DATE:20260401\nRDATE;VALUE=DATE:20260501",
         ["31.03 23:00-01.04 23:00", "30.04 23:00-01.05 23:00"]),
        ("DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25;COUNT=7",
         ["25.12 00:00-26.12 00:00"]),
        ("DTSTART:20260401T090000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
         ["01.04 09:00-01.04 10:00"]),
    ],
)  # fmt: skip
def test_times(lines, expected):
    assert times(read(f"UID:one\n{lines}", zones=CUSTOM_ZONE)) == expected


def test_a_moved_occurrence_keeps_its_key():
    series = "UID:a\nDTSTART:20260310T090000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=2"
    moved = "UID:a\nRECURRENCE-ID:20260317T090000Z\nDTSTART:20260318T150000Z\nDURATION:PT2H"
    gone = "UID:a\nRECURRENCE-ID:20260310T090000Z\nDTSTART:20260310T090000Z\nSTATUS:CANCELLED"

    before, after = read(series).occurrences, read(series, moved, gone).occurrences

    assert [each.key for each in before] == ["a|20260310T0900Z", "a|20260317T0900Z"]
    assert [(each.key, each.starts_at.day) for each in after] == [("a|20260317T0900Z", 18)]


def test_a_single_event_keeps_its_key_when_it_moves():
    keys = [
        read(f"UID:a\nDTSTART:2026031{day}T090000Z\nDURATION:PT1H").occurrences[0].key
        for day in (0, 1)
    ]

    assert keys == ["a", "a"]


def test_one_broken_event_is_a_problem_and_the_others_count():
    reading = read(
        "UID:bad\nSUMMARY:x\nDTSTART:20261345T000000Z",
        "UID:good\nDTSTART:20260310T090000Z\nDURATION:PT1H",
        "UID:zone\nDTSTART;TZID=Mars/Crater:20260310T090000\nDURATION:PT1H",
    )

    assert [each.key for each in reading.occurrences] == ["good"]
    assert reading.problems == [
        "Line 7, DTSTART: “20261345T000000Z” is not a date or time.",
        "Line 16, DTSTART: the time zone “Mars/Crater” is not known.",
    ]
    assert reading.unreadable == {"bad", "zone"}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("DTSTART:20260310T090000Z\nDTEND:20260309T090000Z", "the event ends before it starts"),
        ("DTSTART:20260310T090000Z\nDURATION:P2000D", "the event lasts longer than 1100 days"),
        ("SUMMARY:x", "this event does not say when it is"),
        ("DTSTART:20260310T090000Z\nRRULE:FREQ=DAILY;INTERVAL=0", "“INTERVAL=0” makes no sense"),
        ("DTSTART:20260310T090000Z\nRRULE:FREQ=SOMETIMES", "it does not say how often it repeats"),
        ("DTSTART:20260310T090000Z\nRRULE:FREQ=DAILY;RSCALE=HEBREW",
         "“RSCALE=HEBREW” is not understood"),
        ("DTSTART:20260310T090000Z\nRRULE:FREQ=DAILY;UNTIL=20261399", "makes no sense"),
        ("DTSTART:00010101T000000Z", "is not a date of our time"),
        ("DTSTART:20260310T090000Z\nDTEND;VALUE=DATE:20260311",
         "one of start and end is a day, the other a time"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(lines, why):
    assert why in refusal(ics(f"UID:one\n{lines}"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "does not begin with BEGIN:VCALENDAR"),
        (b"<html><body>Log in</body></html>", "does not begin with BEGIN:VCALENDAR"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n", "line 2: VEVENT is never closed"),
        (b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", "line 2: END:VEVENT closes nothing"),
        (b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 50, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_calendar_is_refused(content, why):
    assert why in refusal(content)


@pytest.mark.parametrize(
    "rule",
    ["RRULE:FREQ=SECONDLY", "RRULE:FREQ=MINUTELY;COUNT=5",
     "RRULE:FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE="
     + ",".join(map(str, range(60))) + ";BYSECOND=" + ",".join(map(str, range(60))),
     "RRULE:FREQ=HOURLY", "RRULE:FREQ=HOURLY;COUNT=999999",
     "RRULE:FREQ=DAILY\n" * 6,
     "RDATE:" + ",".join(["20260401T000000Z"] * 900) + "\nRDATE:"
     + ",".join(["20260401T000000Z"] * 900) + "\nRDATE:" + ",".join(["20260401T000000Z"] * 900)],
    ids=["second", "minute", "combinations", "hour", "count", "rules", "rdates"],
)  # fmt: skip
def test_a_recurrence_bomb_is_refused_before_it_goes_off(rule):
    started = time.monotonic()

    message = refusal(ics(f"UID:one\nDTSTART:20150310T090000Z\nDURATION:PT1M\n{rule}"))

    assert message.startswith("This calendar is refused: ")
    assert time.monotonic() - started < 2


@pytest.mark.slow
def test_many_harmless_series_are_refused_together():
    events = [
        f"UID:{number}\nDTSTART:20260310T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY"
        for number in range(20)
    ]

    assert "more than 2,000 events in the next year" in refusal(ics(*events))


@pytest.mark.slow
def test_rules_that_never_match_cost_little():
    rule = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"
    started = time.monotonic()

    read(*[f"UID:{n}\nDTSTART:20240101T000000Z\nDURATION:PT1H\n{rule}" for n in range(50)])

    assert time.monotonic() - started < 3


def test_a_bomb_in_a_time_zone_leaves_the_zone_unknown():
    zone = CUSTOM_ZONE.replace("FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3", "FREQ=SECONDLY")

    message = refusal(
        ics("UID:1\nDTSTART;TZID=Customized Time Zone:20260310T090000\nDURATION:PT1H", zones=zone)
    )

    assert "the time zone “Customized Time Zone” is not known" in message


def test_zones_of_one_file_mean_nothing_in_the_next():
    event = "UID:1\nDTSTART;TZID=Office:20260310T090000\nDURATION:PT1H"

    def hours(offset: str) -> list[str]:
        zone = (
            "BEGIN:VTIMEZONE\nTZID:Office\nBEGIN:STANDARD\nDTSTART:19700101T000000\n"
            f"TZOFFSETFROM:{offset}\nTZOFFSETTO:{offset}\nEND:STANDARD\nEND:VTIMEZONE\n"
        )
        return times(read(event, zones=zone))

    assert hours("+0100") == ["10.03 08:00-10.03 09:00"]
    assert hours("+0500") == ["10.03 04:00-10.03 05:00"]


SOUND = ics(
    "UID:a\nDTSTART;TZID=Customized Time Zone:20260310T090000\nDURATION:PT1H\n"
    "RRULE:FREQ=WEEKLY;COUNT=20;BYDAY=MO,TU\nEXDATE;TZID=Customized Time Zone:20260317T090000\n"
    "ATTENDEE;CN=Ana:mailto:ana@example.com",
    "UID:a\nRECURRENCE-ID:20260324T080000Z\nDTSTART:20260325T080000Z\nDTEND:20260325T090000Z",
    "UID:b\nDTSTART;VALUE=DATE:20260401\nDTEND;VALUE=DATE:20260403\nSUMMARY:Away",
    zones=CUSTOM_ZONE,
)
DAMAGE = st.one_of(
    st.tuples(st.integers(0, len(SOUND)), st.integers(0, 40), st.binary(max_size=12)),
    st.tuples(
        st.integers(0, len(SOUND)),
        st.integers(0, 30),
        st.sampled_from(
            [b"\r\nEND:VEVENT", b"\r\nBEGIN:VEVENT", b";TZID=", b":", b"99999999", b"-P1W",
             b"\r\n ", b"\r\nRRULE:FREQ=YEARLY", b"\r\nDTSTART:", b"\x00", b'"', b"\\",
             b"\r\nRDATE:x", b"0", b"Z", b"T", b",",
             b"\r\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260310T090000Z"]
        ),
    ),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=200, deadline=timedelta(seconds=5))
@given(st.lists(DAMAGE, min_size=1, max_size=6))
def test_a_damaged_file_is_read_or_refused_and_never_anything_else(damages):
    content = SOUND
    for place, length, instead in damages:
        content = content[:place] + instead + content[place + length :]

    with suppress(CalendarError):
        reading = read_calendar(content, zone=LONDON, at=NOW)
        assert all(each.starts_at < each.ends_at for each in reading.occurrences)
