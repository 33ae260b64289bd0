"""Editing participants: rule 8. Turns begin at 09:00 UTC, turn 0 on 1 June 2026."""

import pytest

from roster.rotation import Unit
from tests.roster.rotas import edit, layer, lines, names, schedule

NOON = "2026-06-{:02}T12:00Z"


def rotation(participants, *edits, **rest):
    return schedule(
        layer(
            participants,
            "2026-06-01T09:00Z",
            Unit.DAY,
            edits=tuple(edit(at, people) for at, people in edits),
            **rest,
        ),
        zone="UTC",
    )


def week(participants, *edits):
    """Who is on call on seven days from turn 0."""
    return names(rotation(participants, *edits), "2026-06-01T09:00Z", "2026-06-08T09:00Z")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # The edit is in the middle of turn 1, bo's.
        ("ana bo cy", "ana bo cy", "ana bo cy ana bo cy ana"),
        ("ana bo cy", "ana bo cy dee", "ana bo cy dee ana bo cy"),
        ("ana bo cy", "dee bo", "ana bo dee bo dee bo dee"),
        ("ana bo cy", "cy bo ana", "ana bo ana cy bo ana cy"),
        ("ana bo cy", "bo", "ana bo bo bo bo bo bo"),
        # Bo has gone: the next of the old order who is left takes the rest of the turn.
        ("ana bo cy", "ana cy", "ana bo cy ana cy ana cy ana"),
        ("ana bo cy", "ana dee", "ana bo ana dee ana dee ana dee"),
        ("ana bo cy dee", "dee cy ana", "ana bo cy ana dee cy ana dee"),
        ("ana bo - cy", "- cy", "ana bo cy cy cy"),
        # Nobody is left: the first of the new list.
        ("ana bo cy", "dee eli", "ana bo dee eli dee eli dee eli"),
        # Nobody at all.
        ("ana bo cy", "", "ana bo"),
        # Mentions keep their order.
        ("bo bo cy", "bo bo cy ana", "bo bo cy ana bo bo cy"),
        ("ana bo ana", "bo ana", "ana bo ana bo ana bo ana"),
        # Groups: who is on call stays, who is not does not join before the next handoff.
        ("ana bo+cy", "ana bo+cy dee", "ana bo cy dee ana bo cy dee ana"),
        ("ana bo+cy", "ana cy+bo dee", "ana bo cy dee ana bo cy dee ana"),
        ("ana bo+cy", "ana bo+dee", "ana bo cy ana bo dee ana bo dee ana"),
        ("ana bo", "ana bo+dee", "ana bo ana bo dee ana bo dee ana"),
        # A free turn stays free if there still is one, else the next of the old order comes in.
        ("ana - bo", "ana - bo dee", "ana bo dee ana bo"),
        ("ana - bo", "ana bo", "ana bo ana bo ana bo ana"),
    ],
)
def test_edit_in_the_middle_of_a_turn(old, new, expected):
    assert week(old, (NOON.format(2), new)) == expected


def test_edit_leaves_the_past_and_the_handoff_time_alone():
    assert lines(
        rotation("ana bo cy", (NOON.format(2), "ana cy")), "2026-06-01T09:00Z", "2026-06-04T09:00Z"
    ) == [
        "ana 06-01 09:00+0000 06-02 09:00+0000",
        "bo 06-02 09:00+0000 06-02 12:00+0000",
        "cy 06-02 12:00+0000 06-03 09:00+0000",
        "ana 06-03 09:00+0000 06-04 09:00+0000",
    ]


def test_whoever_stays_has_one_shift():
    edited = rotation("ana bo cy", (NOON.format(2), "dee bo"))

    assert lines(edited, "2026-06-02T09:00Z", "2026-06-03T09:00Z") == [
        "bo 06-02 09:00+0000 06-03 09:00+0000"
    ]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("ana bo cy dee", "ana bo cy dee ana bo cy"),
        ("ana cy", "ana cy ana cy ana cy ana"),
    ],
)
def test_edit_at_a_handoff_finds_the_new_person_current(new, expected):
    assert week("ana bo cy", ("2026-06-02T09:00Z", new)) == expected


def test_edits_build_on_each_other_whatever_their_order():
    first, second = (NOON.format(2), "ana bo cy dee"), (NOON.format(4), "dee cy")

    assert week("ana bo cy", second, first) == "ana bo cy dee cy dee cy"


def test_second_edit_in_a_turn_goes_on_from_whoever_took_over():
    edits = (NOON.format(2), "ana cy"), ("2026-06-02T15:00Z", "dee cy ana")

    assert week("ana bo cy", *edits) == "ana bo cy ana dee cy ana dee"


def test_participants_after_nobody_begin_with_the_first():
    edits = (NOON.format(2), ""), (NOON.format(4), "cy dee")

    assert week("ana bo", *edits) == "ana bo cy dee cy dee"


def test_edit_in_a_turn_before_the_first():
    edited = rotation(
        "ana bo cy", ("2026-05-30T12:00Z", "cy bo ana"), effective_from="2026-05-25T09:00Z"
    )

    assert names(edited, "2026-05-28T09:00Z", "2026-06-03T09:00Z") == "cy ana bo ana cy bo"


@pytest.mark.parametrize("rest", [{}, {"effective_from": "2026-06-03T09:00Z"}])
def test_edit_before_anything_began_takes_the_place_of_the_list(rest):
    edited = rotation("ana bo cy", ("2026-05-19T12:00Z", "dee eli"), **rest)

    assert names(edited, "2026-06-03T09:00Z", "2026-06-06T09:00Z") == "dee eli dee"


def test_edit_while_the_layer_does_not_count_yet_goes_on_from_its_turn():
    edited = rotation(
        "ana bo cy", (NOON.format(2), "ana bo cy dee"), effective_from="2026-06-03T09:00Z"
    )

    assert names(edited, "2026-06-03T09:00Z", "2026-06-06T09:00Z") == "cy dee ana"
