from datetime import UTC, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from roster.calendar.answer import Calendar, Look, as_json, hue_of, when
from roster.calendar.facts import Viewer
from roster.calendar.period import View, period_around
from roster.calendar.spans import Row, Span, Tone
from roster.models import Override, Person, Schedule, Swap

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
ROW = Row("final", "On call", Schedule(pk=7, name="Primary"))
ANA = Person(pk=1, slug="ana", name="Ana", time_zone="UTC")


def at(day: int, hour: int = 0, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def span(starts_at: datetime, ends_at: datetime, **fields: Any) -> Span:  # fields of a Span
    values = {"person": ANA, "title": "Ana", "tone": Tone.TURN, **fields}
    return Span(row=ROW, starts_at=starts_at, ends_at=ends_at, **values)


def answer(
    *spans: Span, day: date = date(2026, 3, 2), zone: tzinfo = UTC, viewer: Viewer | None = None
) -> dict[str, Any]:
    look = Look(
        period=period_around(day, View.TWO_WEEKS, zone),
        viewer=viewer or Viewer(person=None),
        now=NOW,
        zone_name=str(zone),
        back="/back/",
    )
    return dict(as_json(Calendar(look, [ROW], spans, {})))


def placed(*spans: Span, **fields: Any) -> list[tuple[str, str]]:
    return [(each["start"], each["end"]) for each in answer(*spans, **fields)["spans"]]


def test_span_is_clipped_to_the_period_and_tells_the_whole_of_it() -> None:
    [only] = answer(span(at(1), at(20)))["spans"]

    assert (only["start"], only["end"]) == ("2026-03-02T00:00", "2026-03-16T00:00")
    assert only["goesOn"] == [True, True]
    assert only["about"]["when"] == "Sun 1 Mar 00:00 to Fri 20 Mar 00:00"


def test_spans_stand_where_the_viewers_clock_has_them_across_a_change() -> None:
    before = span(at(28, 9), at(29, 8))  # the clock goes forward at 01:00
    after = span(at(29, 8), at(30, 8))

    assert placed(before, after, day=date(2026, 3, 23), zone=LONDON) == [
        ("2026-03-28T09:00", "2026-03-29T09:00"),
        ("2026-03-29T09:00", "2026-03-30T09:00"),
    ]


def test_span_within_the_hour_that_comes_twice_keeps_a_width() -> None:
    within = span(at(25, 0, 45, month=10), at(25, 1, 15, month=10))  # 01:45 to 01:15

    assert placed(within, day=date(2026, 10, 19), zone=LONDON) == [
        ("2026-10-25T01:45", "2026-10-25T02:00")
    ]


def test_edges_of_a_day_of_23_hours_are_its_midnights() -> None:
    all_of_it = span(at(29), at(29, 23))

    assert placed(all_of_it, day=date(2026, 3, 23), zone=LONDON) == [
        ("2026-03-29T00:00", "2026-03-30T00:00")
    ]


def test_time_off_is_given_in_percent_of_what_is_drawn() -> None:
    shift = span(at(1), at(6), away=((at(1), at(3)), (at(5), at(6))))

    assert answer(shift)["spans"][0]["away"] == [[0.0, 25.0], [75.0, 25.0]]


def test_time_off_outside_what_is_drawn_is_left_out() -> None:
    shift = span(at(1), at(6), away=((at(1), at(1, 12)),))

    assert answer(shift)["spans"][0]["away"] == []


@pytest.mark.parametrize(("ends", "is_past"), [(at(4, 12), True), (at(4, 13), False)])
def test_span_is_past_once_it_has_ended(ends: datetime, is_past: bool) -> None:
    assert answer(span(at(2), ends))["spans"][0]["isPast"] is is_past


def test_person_elsewhere_is_told_by_their_own_clock_too() -> None:
    kim = Person(pk=2, name="Kim", time_zone="Asia/Singapore")

    about = answer(span(at(2, 9), at(3, 9), person=kim))["spans"][0]["about"]

    assert about["theirs"] == "Mon 2 Mar 17:00 to Tue 3 Mar 17:00, Asia/Singapore"
    assert answer(span(at(2, 9), at(3, 9)))["spans"][0]["about"]["theirs"] == ""


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "zone", "text"),
    [
        (at(2, 9), at(2, 17), UTC, "Mon 2 Mar 09:00 to 17:00"),
        (at(2, 9), at(9, 9), UTC, "Mon 2 Mar 09:00 to Mon 9 Mar 09:00"),
        (
            at(28, 9), at(29, 8), LONDON, "Sat 28 Mar 09:00 GMT to Sun 29 Mar 09:00 BST",
        ),
        (
            datetime(2026, 12, 28, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC), UTC,
            "Mon 28 Dec 2026 00:00 to Mon 4 Jan 2027 00:00",
        ),
    ],
)  # fmt: skip
def test_when_says_only_what_is_needed(
    starts_at: datetime, ends_at: datetime, zone: tzinfo, text: str
) -> None:
    assert when(starts_at, ends_at, zone, NOW) == text


def test_now_and_its_offset_are_the_viewers() -> None:
    told = answer(zone=ZoneInfo("Asia/Kolkata"))

    assert (told["now"], told["offset"]) == ("2026-03-04T17:30", "+05:30")


def test_hues_of_people_entered_one_after_the_other_differ() -> None:
    hues = [hue_of(Person(pk=pk)) for pk in range(1, 9)]

    assert min(abs(one - other) for one in hues for other in hues if one != other) > 30
    assert all(0 <= hue < 360 for hue in hues)


def labels(only: Span, viewer: Viewer) -> list[str]:
    return [link["label"] for link in answer(only, viewer=viewer)["spans"][0]["links"]]


EDITOR = Viewer(person=None, may_override=True)


def test_who_may_override_is_offered_it_for_what_is_to_come_only() -> None:
    coming = span(at(5), at(6))

    assert labels(coming, EDITOR) == ["Override"]
    assert labels(coming, Viewer(person=None)) == []
    assert labels(span(at(2), at(3)), EDITOR) == []


def test_override_of_a_running_shift_begins_now_and_returns_here() -> None:
    [link] = answer(span(at(2), at(6)), viewer=EDITOR)["spans"][0]["links"]

    assert link["url"].endswith(
        "/on-call/override/?schedule=7&start=2026-03-04T12%3A00%3A00%2B00%3A00"
        "&end=2026-03-06T00%3A00%3A00%2B00%3A00&next=%2Fback%2F"
    )


def test_gap_can_be_filled_and_not_swapped() -> None:
    gap = span(at(5), at(6), person=None, title="Nobody", tone=Tone.GAP)

    assert labels(gap, Viewer(person=ANA, may_override=True)) == ["Override"]


def test_row_can_be_overridden_beside_its_spans_by_those_who_may() -> None:
    assert answer(viewer=EDITOR)["rows"][0]["override"].endswith("?schedule=7&next=%2Fback%2F")
    assert answer()["rows"][0]["override"] == ""


def test_two_weeks_are_told_with_their_neighbours() -> None:
    told = answer()

    assert {name: told[name] for name in ("view", "from", "days", "earlier", "later")} == {
        "view": "two-weeks",
        "from": "2026-03-02",
        "days": 14,
        "earlier": "2026-02-16",
        "later": "2026-03-16",
    }


PIA = Person(pk=3, slug="pia", name="Pia", time_zone="UTC")


@pytest.mark.parametrize(
    ("viewer", "expected"),
    [
        (Viewer(person=None), []),
        (Viewer(person=ANA), ["Offer a swap"]),
        (Viewer(person=PIA), ["Take over"]),
        (Viewer(person=None, may_arrange=True), ["Arrange a swap"]),
        (Viewer(person=PIA, may_arrange=True), ["Arrange a swap", "Take over"]),
    ],
)
def test_swap_is_offered_by_whose_shift_it_is(viewer: Viewer, expected: list[str]) -> None:
    assert labels(span(at(5), at(6)), viewer) == expected


def test_offer_page_is_told_which_shift() -> None:
    [link] = answer(span(at(5), at(6)), viewer=Viewer(person=ANA))["spans"][0]["links"]

    assert link["url"].endswith(
        "/swap/offer/?schedule=7&person=1"
        "&start=2026-03-05T00%3A00%3A00%2B00%3A00&end=2026-03-06T00%3A00%3A00%2B00%3A00"
    )


def test_shift_on_offer_leads_to_the_offer() -> None:
    offer = Swap(pk=4, giver=ANA, state=Swap.State.OFFERED)

    assert labels(span(at(5), at(6), offer=offer), Viewer(person=PIA)) == ["See the offer"]


def taken_over() -> Span:
    swap = Swap(pk=4, giver=ANA, taker=PIA, state=Swap.State.TAKEN)
    return span(at(5), at(6), person=PIA, override=Override(pk=9, swap=swap))


@pytest.mark.parametrize(
    ("viewer", "expected"),
    [
        (Viewer(person=PIA), ["Give back", "Offer a swap", "See the swap"]),
        (Viewer(person=ANA), ["Give back", "Take over", "See the swap"]),
        (Viewer(person=None, may_change_override=True), ["See the swap"]),
    ],
)
def test_swap_that_was_taken_can_be_given_back_by_both(viewer: Viewer, expected: list[str]) -> None:
    assert labels(taken_over(), viewer) == expected


def test_override_is_edited_by_those_who_may() -> None:
    deviating = span(at(5), at(6), override=Override(pk=9))

    assert labels(deviating, Viewer(person=None, may_change_override=True)) == ["Edit the override"]
