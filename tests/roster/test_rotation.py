"""The roster rules without files of their own: participants, effect, layers, rendering."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfoNotFoundError

import pytest

from roster.rotation import Layer, OverrideKind, Shift, Source, Unit, Window, at, gaps, shifts
from tests.roster.minute_oracle import stretch_of, walk
from tests.roster.rotas import (
    daily,
    layer,
    line,
    lines,
    moment,
    names,
    override,
    schedule,
    turns,
)

# Rule 3: participants


def test_groups_free_turns_and_people_listed_twice():
    rotation = schedule(layer("ana bo+cy - ana", "2026-06-01T09:00+01:00", Unit.DAY))

    assert turns(rotation, "2026-06-01T08:00Z", "2026-06-06T08:00Z") == [
        ("ana", 0),
        ("bo", 1),
        ("cy", 1),
        ("ana", 3),
        ("ana", 4),
    ]


# Rule 4: effect


def test_layer_counts_from_its_start_by_default():
    rotation = schedule(layer("ana bo", "2026-06-02T09:00+01:00", Unit.DAY))

    assert lines(rotation, "2026-06-01T00:00Z", "2026-06-02T10:00Z") == [
        "ana 06-02 09:00+0100 06-02 11:00+0100"
    ]


def test_earlier_from_extends_the_rotation_backwards():
    rotation = schedule(
        layer("ana bo cy", "2026-06-04T09:00Z", Unit.DAY, effective_from="2026-06-01T12:00Z"),
        zone="UTC",
    )

    assert lines(rotation, "2026-06-01T00:00Z", "2026-06-04T10:00Z") == [
        "ana 06-01 12:00+0000 06-02 09:00+0000",
        "bo 06-02 09:00+0000 06-03 09:00+0000",
        "cy 06-03 09:00+0000 06-04 09:00+0000",
        "ana 06-04 09:00+0000 06-04 10:00+0000",
    ]


def test_later_from_and_until_cut_the_rotation_where_they_fall():
    rotation = schedule(
        layer(
            "ana bo cy",
            "2026-06-01T09:00Z",
            Unit.DAY,
            effective_from="2026-06-02T12:00Z",
            effective_until="2026-06-03T12:00Z",
        ),
        zone="UTC",
    )

    assert lines(rotation, "2026-06-01T00:00Z", "2026-07-01T00:00Z") == [
        "bo 06-02 12:00+0000 06-03 09:00+0000",
        "cy 06-03 09:00+0000 06-03 12:00+0000",
    ]


# Rule 6: layers


def test_later_layer_hides_an_earlier_one_where_it_has_somebody():
    base = layer("ana", "2026-06-01T00:00Z", Unit.WEEK)
    office = layer("bo -", "2026-06-01T00:00Z", Unit.DAY, restrictions=(daily("09:00", "17:00"),))
    rotation = schedule(base, office, zone="UTC")

    assert lines(rotation, "2026-06-01T00:00Z", "2026-06-03T00:00Z") == [
        "ana 06-01 00:00+0000 06-01 09:00+0000",
        "bo 06-01 09:00+0000 06-01 17:00+0000",
        "ana 06-01 17:00+0000 06-03 00:00+0000",
    ]


def test_higher_priority_wins_whatever_the_position():
    high = layer("ana", "2026-06-01T00:00Z", Unit.WEEK, priority=7)
    low = layer("bo", "2026-06-01T00:00Z", Unit.WEEK, priority=-3)

    assert names(schedule(high, low), "2026-06-01T00:00Z", "2026-06-02T00:00Z") == "ana"


def test_default_priority_is_the_position_from_zero():
    first = layer("ana", "2026-06-01T00:00Z", Unit.WEEK)
    same = layer("bo", "2026-06-01T00:00Z", Unit.WEEK, priority=0)

    assert names(schedule(first, same), "2026-06-01T00:00Z", "2026-06-02T00:00Z") == "ana bo"


def test_layers_of_equal_priority_are_all_on_call():
    one = layer("ana bo", "2026-06-01T00:00Z", Unit.DAY, name="one", priority=1)
    other = layer("cy", "2026-06-01T12:00Z", Unit.DAY, name="other", priority=1)

    assert lines(schedule(one, other, zone="UTC"), "2026-06-01T00:00Z", "2026-06-02T12:00Z") == [
        "ana 06-01 00:00+0000 06-02 00:00+0000",
        "cy 06-01 12:00+0000 06-02 12:00+0000",
        "bo 06-02 00:00+0000 06-02 12:00+0000",
    ]


def test_person_in_two_layers_of_equal_priority_is_on_call_once():
    one = layer("ana", "2026-06-01T00:00Z", Unit.WEEK, name="one", priority=1)
    other = layer("ana", "2026-06-01T00:00Z", Unit.WEEK, name="other", priority=1)

    found = shifts(schedule(one, other), moment("2026-06-01T00:00Z"), moment("2026-06-02T00:00Z"))

    assert [(shift.person, shift.source.layer) for shift in found] == [("ana", "one")]


# Rule 9: boundaries


def test_new_person_is_on_call_at_the_handoff_instant():
    rotation = schedule(layer("ana bo", "2026-06-01T09:00+01:00", Unit.DAY))

    before = at(rotation, moment("2026-06-02T07:59Z"))
    handoff = at(rotation, moment("2026-06-02T08:00Z"))

    assert [line(shift) for shift in before] == ["ana 06-01 09:00+0100 06-02 09:00+0100"]
    assert [line(shift) for shift in handoff] == ["bo 06-02 09:00+0100 06-03 09:00+0100"]


def test_period_without_length_has_no_shifts():
    rotation = schedule(layer("ana", "2026-06-01T09:00+01:00", Unit.DAY))

    assert lines(rotation, "2026-06-02T00:00Z", "2026-06-02T00:00Z") == []


# Rule 10: rendering


def test_shifts_are_clipped_and_say_why():
    primary = layer("ana bo", "2026-06-01T09:00Z", Unit.DAY, name="primary", key="L1")
    cover = override(
        OverrideKind.OVERRIDE, "2026-06-02T00:00Z", "2026-06-02T06:00Z", "zoe", key="O1"
    )
    rotation = schedule(primary, zone="UTC", overrides=[cover])

    found = shifts(rotation, moment("2026-06-01T12:00Z"), moment("2026-06-02T05:00Z"))

    midnight = datetime(2026, 6, 2, tzinfo=UTC)
    assert found == [
        Shift(
            "ana",
            datetime(2026, 6, 1, 12, tzinfo=UTC),
            midnight,
            Source(layer="primary", turn=0, layer_key="L1"),
        ),
        Shift("zoe", midnight, datetime(2026, 6, 2, 5, tzinfo=UTC), Source(override="O1")),
    ]


def test_turns_of_the_same_person_are_not_joined():
    rotation = schedule(layer("ana", "2026-06-01T09:00Z", Unit.DAY), zone="UTC")

    assert turns(rotation, "2026-06-01T09:00Z", "2026-06-03T09:00Z") == [("ana", 0), ("ana", 1)]


def test_group_members_have_slots():
    rotation = schedule(layer("cy+ana", "2026-06-01T09:00Z", Unit.DAY))

    found = at(rotation, moment("2026-06-01T12:00Z"))

    assert [(shift.person, shift.source.slot) for shift in found] == [("ana", 1), ("cy", 0)]


def test_at_gives_a_shift_whole_through_changes_beside_it():
    base = layer("ana", "2026-06-01T00:00Z", Unit.WEEK, priority=1)
    beside = layer("bo cy", "2026-06-01T00:00Z", Unit.HOUR, priority=1, name="beside")

    found = at(schedule(base, beside, zone="UTC"), moment("2026-06-03T12:30Z"))

    assert [line(shift) for shift in found] == [
        "ana 06-01 00:00+0000 06-08 00:00+0000",
        "bo 06-03 12:00+0000 06-03 13:00+0000",
    ]


def test_shifts_in_the_hour_that_comes_twice_keep_their_order():
    rotation = schedule(
        overrides=[
            override(OverrideKind.ADD, "2026-10-25T00:50Z", "2026-10-25T01:10Z", "bo"),
            override(OverrideKind.ADD, "2026-10-25T00:10Z", "2026-10-25T00:50Z", "zoe"),
        ]
    )

    assert lines(rotation, "2026-10-25T00:00Z", "2026-10-25T02:00Z") == [
        "zoe 10-25 01:10+0100 10-25 01:50+0100",
        "bo 10-25 01:50+0100 10-25 01:10+0000",
    ]


# Gaps


def test_gaps_are_what_no_shift_covers():
    start, end = moment("2026-10-25T00:00Z"), moment("2026-10-25T03:00Z")
    rotation = schedule(
        overrides=[
            override(OverrideKind.ADD, "2026-10-25T00:10Z", "2026-10-25T00:50Z", "zoe"),
            override(OverrideKind.ADD, "2026-10-25T00:20Z", "2026-10-25T00:30Z", "bo"),
            override(OverrideKind.ADD, "2026-10-25T01:10Z", "2026-10-25T03:00Z", "bo"),
        ]
    )

    assert gaps(shifts(rotation, start, end), start, end) == [
        (start, moment("2026-10-25T00:10Z")),
        (moment("2026-10-25T00:50Z"), moment("2026-10-25T01:10Z")),
    ]


def test_gaps_of_shifts_beyond_the_period_are_cut_to_it():
    start, end = moment("2026-06-02T00:00Z"), moment("2026-06-03T00:00Z")
    shift = at(schedule(layer("ana", "2026-06-01T12:00Z", Unit.DAY), zone="UTC"), start)

    assert gaps(shift, start, end) == [(moment("2026-06-02T12:00Z"), end)]
    assert gaps(shift, moment("2026-05-01T00:00Z"), moment("2026-05-02T00:00Z")) == [
        (moment("2026-05-01T00:00Z"), moment("2026-05-02T00:00Z"))
    ]


def test_shift_after_the_period_adds_no_gap_to_it():
    rotation = schedule(
        overrides=[
            override(OverrideKind.ADD, "2026-06-01T00:00Z", "2026-06-02T00:00Z", "zoe"),
            override(OverrideKind.ADD, "2026-06-03T00:00Z", "2026-06-04T00:00Z", "zoe"),
        ]
    )
    start, middle, end = (moment(f"2026-06-0{day}T00:00Z") for day in (1, 2, 4))

    assert gaps(shifts(rotation, start, end), start, middle) == []


# What the engine refuses


def test_moment_without_offset_is_refused():
    naive = datetime(2026, 6, 1)  # noqa: DTZ001

    with pytest.raises(TypeError):
        at(schedule(), naive)


def test_unknown_zone_is_refused():
    with pytest.raises(ZoneInfoNotFoundError):
        at(schedule(zone="Europe/Londn"), moment("2026-06-01T00:00Z"))


def test_turn_without_length_is_refused():
    with pytest.raises(ValueError, match="at least one unit"):
        Layer(name="", participants=(), start=moment("2026-06-01T00:00Z"), unit=Unit.DAY, length=0)


@pytest.mark.parametrize("rest", [{"start_day": "mon"}, {"end_day": "mon"}])
def test_window_with_half_a_form_is_refused(rest):
    noon = moment("2026-06-01T12:00Z").time()

    with pytest.raises(ValueError, match="both start_day and end_day"):
        Window(start=noon, end=noon, **rest)


def test_every_minute_of_a_change_agrees_with_a_walk():
    rotation = schedule(
        layer("ana bo - cy", "2026-10-24T00:37+01:00", Unit.HOUR),
        layer(
            "dee eli",
            "2026-10-24T01:11-04:00",
            Unit.HOUR,
            3,
            name="west",
            time_zone="America/New_York",
            restrictions=(daily("20:59", "21:01"), daily("21:17", "22:03")),
        ),
    )
    start, end = moment("2026-10-24T22:00Z"), moment("2026-10-25T04:00Z")

    assert [stretch_of(shift) for shift in shifts(rotation, start, end)] == walk(
        rotation, start, end
    )
