"""Overrides: rule 7."""

import pytest

from roster.rotation import OverrideKind, Unit, at, shifts
from tests.roster.rotas import layer, lines, listed, moment, names, override, schedule


def base_with(*overrides):
    base = layer("ana+bo", "2026-06-01T00:00Z", Unit.WEEK, effective_until="2026-06-02T00:00Z")
    return schedule(base, zone="UTC", overrides=overrides)


@pytest.mark.parametrize(
    ("kind", "rest", "expected"),
    [
        (OverrideKind.OVERRIDE, {"person": "zoe"}, "zoe"),
        (OverrideKind.ADD, {"person": "zoe"}, "ana bo zoe"),
        (OverrideKind.ADD, {"person": "ana"}, "ana bo"),
        (OverrideKind.REMOVE, {"person": "ana"}, "bo"),
        (OverrideKind.REMOVE, {"person": "zoe"}, "ana bo"),
        (OverrideKind.REPLACE, {"person": "zoe", "replaces": "ana"}, "bo zoe"),
        (OverrideKind.REPLACE, {"person": "bo", "replaces": "ana"}, "bo"),
        (OverrideKind.REPLACE, {"person": "ana", "replaces": "ana"}, "ana bo"),
        (OverrideKind.REPLACE, {"person": "zoe", "replaces": "cy"}, "ana bo"),
        (OverrideKind.TEMPORARY, {}, ""),
    ],
)
def test_override_applies_from_its_start_until_before_its_end(kind, rest, expected):
    rotation = base_with(override(kind, "2026-06-01T10:00Z", "2026-06-01T12:00Z", **rest))

    def on_call(text: str) -> str:
        return " ".join(shift.person for shift in at(rotation, moment(text)))

    assert on_call("2026-06-01T10:00Z") == on_call("2026-06-01T11:59Z") == expected
    assert on_call("2026-06-01T09:59Z") == on_call("2026-06-01T12:00Z") == "ana bo"


@pytest.mark.parametrize(
    ("kind", "rest", "expected"),
    [
        (OverrideKind.OVERRIDE, {"person": "zoe"}, "zoe"),
        (OverrideKind.ADD, {"person": "zoe"}, "zoe"),
        (OverrideKind.REMOVE, {"person": "ana"}, ""),
        (OverrideKind.REPLACE, {"person": "zoe", "replaces": "ana"}, ""),
    ],
)
def test_override_where_nobody_was(kind, rest, expected):
    rotation = base_with(override(kind, "2026-06-03T10:00Z", "2026-06-03T12:00Z", **rest))

    assert names(rotation, "2026-06-03T00:00Z", "2026-06-04T00:00Z") == expected


def span(kind, person=None, **rest):
    return override(kind, "2026-06-01T10:00Z", "2026-06-01T12:00Z", person, **rest)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([span(OverrideKind.OVERRIDE, "zoe"), span(OverrideKind.ADD, "cy")], "cy zoe"),
        ([span(OverrideKind.ADD, "cy"), span(OverrideKind.OVERRIDE, "zoe")], "zoe"),
        ([span(OverrideKind.OVERRIDE, "zoe"), span(OverrideKind.OVERRIDE, "cy")], "cy"),
        ([span(OverrideKind.REMOVE, "zoe"), span(OverrideKind.ADD, "zoe")], "ana bo zoe"),
        ([span(OverrideKind.ADD, "zoe"), span(OverrideKind.REMOVE, "zoe")], "ana bo"),
        (
            [
                span(OverrideKind.REPLACE, "zoe", replaces="ana"),
                span(OverrideKind.REPLACE, "cy", replaces="zoe"),
            ],
            "bo cy",
        ),
        (
            [
                span(OverrideKind.REPLACE, "cy", replaces="zoe"),
                span(OverrideKind.REPLACE, "zoe", replaces="ana"),
            ],
            "bo zoe",
        ),
        ([span(OverrideKind.TEMPORARY), span(OverrideKind.OVERRIDE, "zoe")], ""),
    ],
)
def test_overrides_apply_in_order_of_creation(overrides, expected):
    rotation = base_with(*overrides)

    assert names(rotation, "2026-06-01T10:00Z", "2026-06-01T12:00Z") == expected


@pytest.mark.parametrize(
    ("kind", "rest"), [(OverrideKind.ADD, {}), (OverrideKind.REPLACE, {"replaces": "ana"})]
)
def test_override_that_changes_nobody_changes_no_shift(kind, rest):
    rotation = base_with(span(kind, "ana", **rest))
    period = moment("2026-06-01T00:00Z"), moment("2026-06-02T00:00Z")

    assert shifts(rotation, *period) == shifts(base_with(), *period)


def test_exchange_is_two_replaces():
    rotation = schedule(
        layer("ana bo", "2026-06-01T09:00Z", Unit.DAY),
        zone="UTC",
        overrides=[
            override(
                OverrideKind.REPLACE, "2026-06-01T09:00Z", "2026-06-02T09:00Z", "bo", replaces="ana"
            ),
            override(
                OverrideKind.REPLACE, "2026-06-02T09:00Z", "2026-06-03T09:00Z", "ana", replaces="bo"
            ),
        ],
    )

    assert names(rotation, "2026-06-01T09:00Z", "2026-06-04T09:00Z") == "bo ana ana"


def test_temporary_is_its_listed_shifts_and_nothing_else():
    rotation = base_with(
        override(
            OverrideKind.TEMPORARY,
            "2026-06-01T10:00Z",
            "2026-06-01T20:00Z",
            shifts=(
                listed("cy", "2026-06-01T08:00Z", "2026-06-01T12:00Z"),
                listed("cy", "2026-06-01T12:00Z", "2026-06-01T13:00Z"),
                listed("dee", "2026-06-01T12:30Z", "2026-06-01T14:00Z"),
            ),
        ),
        override(OverrideKind.ADD, "2026-06-01T09:00Z", "2026-06-01T11:00Z", "zoe"),
    )

    assert lines(rotation, "2026-06-01T09:00Z", "2026-06-01T21:00Z") == [
        "ana 06-01 09:00+0000 06-01 10:00+0000",
        "bo 06-01 09:00+0000 06-01 10:00+0000",
        "zoe 06-01 09:00+0000 06-01 10:00+0000",
        "cy 06-01 10:00+0000 06-01 13:00+0000",
        "dee 06-01 12:30+0000 06-01 14:00+0000",
        "ana 06-01 20:00+0000 06-01 21:00+0000",
        "bo 06-01 20:00+0000 06-01 21:00+0000",
    ]


def test_last_created_temporary_wins_where_two_overlap():
    rotation = base_with(
        *(
            override(
                OverrideKind.TEMPORARY,
                start,
                "2026-06-01T14:00Z",
                shifts=(listed(person, "2026-06-01T00:00Z", "2026-06-02T00:00Z"),),
            )
            for person, start in (("cy", "2026-06-01T10:00Z"), ("dee", "2026-06-01T12:00Z"))
        )
    )

    assert lines(rotation, "2026-06-01T10:00Z", "2026-06-01T14:00Z") == [
        "cy 06-01 10:00+0000 06-01 12:00+0000",
        "dee 06-01 12:00+0000 06-01 14:00+0000",
    ]


def test_override_is_one_shift_across_handoffs():
    cover = override(OverrideKind.ADD, "2026-06-01T12:00Z", "2026-06-04T12:00Z", "zoe")
    rotation = schedule(
        layer("ana bo", "2026-06-01T09:00Z", Unit.DAY), zone="UTC", overrides=[cover]
    )

    found = lines(rotation, "2026-06-01T09:00Z", "2026-06-05T09:00Z")

    assert [each for each in found if "zoe" in each] == ["zoe 06-01 12:00+0000 06-04 12:00+0000"]


def test_overrides_without_key_are_told_apart_by_their_number():
    first = override(OverrideKind.ADD, "2026-06-01T10:00Z", "2026-06-01T12:00Z", "zoe")
    second = override(OverrideKind.ADD, "2026-06-01T12:00Z", "2026-06-01T14:00Z", "zoe")

    found = shifts(
        schedule(overrides=[first, second]),
        moment("2026-06-01T00:00Z"),
        moment("2026-06-02T00:00Z"),
    )

    assert [shift.source.override for shift in found] == ["overrides[0]", "overrides[1]"]
