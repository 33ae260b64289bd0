"""Two people at one swap, on the databases that production uses."""

from datetime import datetime

import pytest

from roster import swaps
from roster.errors import DomainError
from roster.models import Notice, NoticeKind, Override, Person, Swap
from tests.factories.roster import make_layer, make_person
from tests.factories.swaps import HANDOFF, WEEK, person_acting, proposal
from tests.incidents.test_concurrency import in_threads, shared_database
from tests.roster.swapping import Rotation, make_rotation, who

__all__ = ["shared_database"]  # a fixture

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_database")]


def taking(swap: Swap, person: Person, at: datetime) -> object:
    """A job: what comes of this person's taking it."""

    def job() -> str:
        try:
            return swaps.accept(swap, by=person_acting(person), at=at, despite=True).state
        except DomainError as error:
            return error.code

    return job


def offered(rotation: Rotation, now: datetime, other: Person | None = None) -> Swap:
    return swaps.offer(
        proposal(rotation.schedule, rotation.ana, other=other),
        by=person_acting(rotation.ana),
        at=now,
    )


def test_of_many_takers_at_once_one_wins(now: datetime) -> None:
    rotation = make_rotation()
    others = [make_person() for _ in range(6)]
    make_layer(rotation.schedule, *others, name="Backups", position=0)
    swap = offered(rotation, now)

    outcomes = in_threads(*(taking(swap, person, now) for person in (rotation.bo, *others)))

    assert sorted(outcomes) == ["taken"] * 7  # the state it has, or the refusal
    [override] = Override.objects.all()
    swap.refresh_from_db()
    assert (swap.state, swap.taker_id) == (Swap.State.TAKEN, override.person_id)
    assert who(rotation.schedule)[0][0] == swap.taker.slug
    taken = Notice.objects.filter(kind=NoticeKind.SWAP_TAKEN)
    assert {notice.person_id for notice in taken} == {rotation.ana.pk, swap.taker_id}


def test_of_two_offers_of_one_shift_one_is_taken(now: datetime) -> None:
    rotation = make_rotation()
    to_bo, to_cy = (offered(rotation, now, person) for person in (rotation.bo, rotation.cy))

    outcomes = in_threads(taking(to_bo, rotation.bo, now), taking(to_cy, rotation.cy, now))

    assert sorted(outcomes) == ["swap_ended", "taken"]
    assert Override.objects.count() == 1
    assert sorted(Swap.objects.values_list("state", flat=True)) == ["cancelled", "taken"]


def test_a_double_click_takes_once(now: datetime) -> None:
    rotation = make_rotation()
    swap = offered(rotation, now, rotation.bo)

    outcomes = in_threads(*[taking(swap, rotation.bo, now)] * 4)

    assert outcomes == [Swap.State.TAKEN] * 4
    assert Override.objects.count() == 1
    assert who(rotation.schedule)[0] == ("bo", HANDOFF, HANDOFF + 2 * WEEK)


def test_many_offers_at_once_have_a_number_each(now: datetime) -> None:
    rotation = make_rotation()

    swaps_made = in_threads(
        *(
            lambda person=person: offered(rotation, now, person)
            for person in (rotation.bo, rotation.cy)
        )
    )

    assert sorted(swap.number for swap in swaps_made) == [1, 2]
