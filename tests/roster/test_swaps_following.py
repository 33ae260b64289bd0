from collections.abc import Callable
from datetime import datetime, time, timedelta

import pytest

from roster import swaps
from roster.actors import Actor
from roster.layer_changes import LayerChange, change_layer
from roster.models import Layer, Override, Person, Swap
from tests.factories.roster import make_person
from tests.factories.swaps import HANDOFF, WEEK, person_acting, proposal
from tests.roster.swapping import Rotation, make_rotation, told, who

pytestmark = pytest.mark.django_db

State = Swap.State
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def rotation() -> Rotation:
    return make_rotation(rest_hours=0)


def taken(rotation: Rotation, now: datetime, **fields: object) -> Swap:
    """Bo takes Ana's week, or what of it `fields` say."""
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.bo, **fields)
    swap = swaps.arrange(asked, by=Actor.system("test"), at=now)
    told()
    return swap


def offered(rotation: Rotation, now: datetime, **fields: object) -> Swap:
    swap = swaps.offer(
        proposal(rotation.schedule, rotation.ana, **fields),
        by=person_acting(rotation.ana),
        at=now,
    )
    told()
    return swap


def edit(rotation: Rotation, at: datetime, *turns: Person, **values: object) -> None:
    """Change the layer as the editor does, and let swaps follow."""
    layer = rotation.schedule.layers.get(effective_until=None)
    participants = [(place, person) for place, person in enumerate(turns, start=1)] or None
    change_layer(layer, LayerChange(values=values, participants=participants), takes_effect_at=at)
    swaps.follow_edits(rotation.schedule, at=at)


def as_it_is(swap: Swap) -> tuple[str, datetime, datetime]:
    swap.refresh_from_db()
    return swap.state, swap.starts_at, swap.ends_at


def test_a_swap_moves_with_its_handoff(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)

    edit(rotation, now, handoff_time=time(17))

    assert as_it_is(swap) == (State.TAKEN, HANDOFF + 8 * HOUR, HANDOFF + WEEK + 8 * HOUR)
    assert who(rotation.schedule) == [
        ("cy", HANDOFF, HANDOFF + 8 * HOUR),
        ("bo", HANDOFF + 8 * HOUR, HANDOFF + 2 * WEEK + 8 * HOUR),
        ("cy", HANDOFF + 2 * WEEK + 8 * HOUR, HANDOFF + 3 * WEEK),
    ]
    assert told() == [("SWAP_TAKEN", "ana"), ("SWAP_TAKEN", "bo")]


def test_an_offer_moves_with_its_handoff(rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now)

    edit(rotation, now, handoff_time=time(17))

    assert as_it_is(swap) == (State.OFFERED, HANDOFF + 8 * HOUR, HANDOFF + WEEK + 8 * HOUR)
    assert told() == [("SWAP_TAKEN", "ana")]


def test_a_part_stays_as_far_as_it_is_inside(rotation: Rotation, now: datetime) -> None:
    inside = taken(rotation, now, starts_at=HANDOFF + 2 * DAY, ends_at=HANDOFF + 3 * DAY)
    edge = taken(rotation, now, ends_at=HANDOFF + DAY)

    edit(rotation, now, handoff_time=time(17))

    assert as_it_is(inside) == (State.TAKEN, HANDOFF + 2 * DAY, HANDOFF + 3 * DAY)
    assert as_it_is(edge) == (State.TAKEN, HANDOFF + 8 * HOUR, HANDOFF + DAY)
    assert [name for name, *_ in who(rotation.schedule, HANDOFF, HANDOFF + WEEK)] == [
        "cy", "bo", "ana", "bo", "ana",
    ]  # fmt: skip


def test_a_swap_is_called_off_when_the_giver_leaves_the_rotation(
    rotation: Rotation, now: datetime
) -> None:
    swap = taken(rotation, now)

    edit(rotation, now, rotation.bo, rotation.cy)

    assert as_it_is(swap) == (State.CANCELLED, HANDOFF, HANDOFF + WEEK)
    assert swap.ended_because == "The rotation was edited, and this is not Ana's shift any more."
    assert not Override.objects.exists()
    assert told() == [("SWAP_ENDED", "ana"), ("SWAP_ENDED", "bo")]


def test_an_offer_is_called_off_when_the_giver_leaves_the_rotation(
    rotation: Rotation, now: datetime
) -> None:
    swap = offered(rotation, now)

    edit(rotation, now, rotation.bo, rotation.cy)

    assert as_it_is(swap)[0] == State.CANCELLED
    assert told() == [("SWAP_ENDED", "ana"), ("SWAP_ENDED", "bo"), ("SWAP_ENDED", "cy")]


def test_a_swap_stays_when_others_join_after_it(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)

    edit(rotation, now, rotation.ana, rotation.bo, make_person(slug="di"), rotation.cy)

    assert as_it_is(swap) == (State.TAKEN, HANDOFF, HANDOFF + WEEK)
    assert told() == []


def test_a_swap_is_called_off_when_the_turns_become_another_length(
    rotation: Rotation, now: datetime
) -> None:
    swap = taken(rotation, now)

    edit(rotation, now, unit=Layer.Unit.DAY)

    assert as_it_is(swap)[0] == State.CANCELLED
    assert not Override.objects.exists()


def test_a_swap_is_called_off_when_its_layer_ends(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)

    edit(rotation, now)
    Layer.objects.update(effective_until=HANDOFF)
    swaps.follow_edits(rotation.schedule, at=now)

    assert as_it_is(swap)[0] == State.CANCELLED
    assert not Override.objects.exists()


def test_a_swap_ends_with_a_layer_that_ends_in_it(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)

    Layer.objects.update(effective_until=HANDOFF + DAY)
    swaps.follow_edits(rotation.schedule, at=now)

    assert as_it_is(swap) == (State.TAKEN, HANDOFF, HANDOFF + DAY)


def test_what_is_past_of_a_running_swap_stays(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)
    at = HANDOFF + 2 * DAY

    edit(rotation, at, rotation.bo, rotation.cy)

    assert as_it_is(swap)[0] == State.CANCELLED
    assert who(rotation.schedule, HANDOFF, HANDOFF + WEEK) == [
        ("bo", HANDOFF, HANDOFF + WEEK),  # by the swap, and then by the rotation
    ]
    assert Override.objects.get().ends_at == at


def test_a_running_swap_ends_with_its_shift(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)

    edit(rotation, HANDOFF + 2 * DAY, handoff_time=time(17))

    assert as_it_is(swap) == (State.TAKEN, HANDOFF, HANDOFF + WEEK + 8 * HOUR)


def test_a_swap_that_is_over_is_left_alone(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)

    edit(rotation, HANDOFF + WEEK, rotation.bo, rotation.cy)

    assert as_it_is(swap) == (State.TAKEN, HANDOFF, HANDOFF + WEEK)
    assert told() == []


def test_an_exchange_moves_as_a_whole(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now, in_return=(HANDOFF + WEEK, HANDOFF + 2 * WEEK))

    edit(rotation, now, handoff_time=time(17))

    later = 8 * HOUR
    assert as_it_is(swap) == (State.TAKEN, HANDOFF + later, HANDOFF + WEEK + later)
    assert swap.return_ends_at == HANDOFF + 2 * WEEK + later
    assert who(rotation.schedule, HANDOFF + later, HANDOFF + 2 * WEEK + later) == [
        ("bo", HANDOFF + later, HANDOFF + WEEK + later),
        ("ana", HANDOFF + WEEK + later, HANDOFF + 2 * WEEK + later),
    ]


def test_an_exchange_is_called_off_as_a_whole(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now, in_return=(HANDOFF + WEEK, HANDOFF + 2 * WEEK))

    edit(rotation, now, rotation.ana, rotation.cy)

    assert as_it_is(swap)[0] == State.CANCELLED
    assert not Override.objects.exists()


def test_a_shift_that_was_passed_on_follows_too(rotation: Rotation, now: datetime) -> None:
    first = taken(rotation, now)
    asked = proposal(rotation.schedule, rotation.bo, other=rotation.cy)
    second = swaps.arrange(asked, by=Actor.system("test"), at=now)

    edit(rotation, now, handoff_time=time(17))

    moved = State.TAKEN, HANDOFF + 8 * HOUR, HANDOFF + WEEK + 8 * HOUR
    assert (as_it_is(first), as_it_is(second)) == (moved, moved)
    assert who(rotation.schedule)[0] == ("cy", HANDOFF, HANDOFF + WEEK + 8 * HOUR)


def test_a_turn_far_away_is_not_the_same_shift(rotation: Rotation, now: datetime) -> None:
    """Turns counted anew may give the old number to another week."""
    swap = taken(rotation, now)
    Layer.objects.update(starts_on=HANDOFF.date() - 6 * WEEK)  # turn 9 is in three weeks

    swaps.follow_edits(rotation.schedule, at=now)

    assert as_it_is(swap) == (State.TAKEN, HANDOFF, HANDOFF + WEEK)  # Ana's by turn 6


@pytest.mark.parametrize("make", [taken, offered])
def test_follow_edits_without_an_edit_changes_nothing(
    rotation: Rotation, now: datetime, make: Callable[..., Swap]
) -> None:
    swap = make(rotation, now, starts_at=HANDOFF + HOUR)
    before = list(Override.objects.values())

    swaps.follow_edits(rotation.schedule, at=now)
    swaps.follow_edits(rotation.schedule, at=HANDOFF + DAY)

    assert list(Override.objects.values()) == before
    assert swap.state == as_it_is(swap)[0]
    assert told() == []


def test_the_end_of_a_running_shift_stays_a_part_of_it(rotation: Rotation, now: datetime) -> None:
    asked = proposal(
        rotation.schedule,
        rotation.cy,
        other=rotation.bo,
        starts_at=now + DAY,
        ends_at=HANDOFF,
    )
    swap = swaps.arrange(asked, by=Actor.system("test"), at=now)

    swaps.follow_edits(rotation.schedule, at=now)

    assert not swap.is_whole
    assert as_it_is(swap) == (State.TAKEN, now + DAY, HANDOFF)


def test_what_was_left_of_a_shift_does_not_grow(rotation: Rotation, now: datetime) -> None:
    """Bo has the first days and gives them back; Cy agreed to the others only."""
    first = taken(rotation, now, ends_at=HANDOFF + 2 * DAY)
    left = proposal(rotation.schedule, rotation.ana, other=rotation.cy, starts_at=HANDOFF + 2 * DAY)
    rest = swaps.arrange(left, by=Actor.system("test"), at=now)

    swaps.give_back(first, by=Actor.system("test"), at=now)
    swaps.follow_edits(rotation.schedule, at=now)

    assert as_it_is(rest) == (State.TAKEN, HANDOFF + 2 * DAY, HANDOFF + WEEK)
