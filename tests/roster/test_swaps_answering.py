from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from roster import swaps
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import Notice, Override, Person, ScheduleWatch, Swap, Urgency
from tests.factories.roster import make_override, make_person, make_schedule
from tests.factories.swaps import HANDOFF, WEEK, person_acting, proposal
from tests.roster.swapping import Rotation, make_rotation, told, who

pytestmark = pytest.mark.django_db

State = Swap.State
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BO_HAS_IT = [("bo", HANDOFF, HANDOFF + 2 * WEEK), ("cy", HANDOFF + 2 * WEEK, HANDOFF + 3 * WEEK)]


@pytest.fixture
def rotation() -> Rotation:
    return make_rotation()


def offered(rotation: Rotation, now: datetime, **fields: object) -> Swap:
    """Ana's week, told about already."""
    swap = swaps.offer(
        proposal(rotation.schedule, rotation.ana, **fields),
        by=person_acting(rotation.ana),
        at=now,
    )
    told()
    return swap


def requested(rotation: Rotation, now: datetime, **fields: object) -> Swap:
    """Ana's week, which Bo wants to take over."""
    swap = swaps.take_over(
        proposal(rotation.schedule, rotation.ana, other=rotation.bo, **fields),
        by=person_acting(rotation.bo),
        at=now,
    )
    told()
    return swap


def taken(rotation: Rotation, now: datetime, **fields: object) -> Swap:
    swap = swaps.arrange(
        proposal(rotation.schedule, rotation.ana, other=rotation.bo, **fields),
        by=Actor.system("test"),
        at=now,
    )
    told()
    return swap


def refusal(change: Callable[[], object]) -> DomainError:
    """What it says; nothing has changed and nobody was told."""
    before = list(Swap.objects.values())
    with pytest.raises(DomainError) as refused:
        change()
    assert list(Swap.objects.values()) == before
    assert told() == []
    return refused.value


def accept(swap: Swap, person: Person, at: datetime, **fields: bool) -> Swap:
    return swaps.accept(swap, by=person_acting(person), at=at, **fields)


def test_accept_puts_the_taker_on_call_and_tells_both(rotation: Rotation, now: datetime) -> None:
    swap = accept(offered(rotation, now, other=rotation.bo), rotation.bo, now + HOUR)

    assert swap.state == State.TAKEN
    assert (swap.taker, swap.taker_confirmed_at) == (rotation.bo, now + HOUR)
    assert swap.settled_at == now + HOUR
    assert who(rotation.schedule) == BO_HAS_IT
    assert told() == [("SWAP_TAKEN", "ana"), ("SWAP_TAKEN", "bo")]
    assert ScheduleWatch.objects.get(schedule=rotation.schedule).due_at == now + HOUR


def test_accept_of_a_part_changes_that_part_only(rotation: Rotation, now: datetime) -> None:
    part = {"starts_at": HANDOFF + DAY, "ends_at": HANDOFF + 2 * DAY}

    accept(offered(rotation, now, **part), rotation.cy, now)

    assert who(rotation.schedule, HANDOFF, HANDOFF + WEEK) == [
        ("ana", HANDOFF, HANDOFF + DAY),
        ("cy", HANDOFF + DAY, HANDOFF + 2 * DAY),
        ("ana", HANDOFF + 2 * DAY, HANDOFF + WEEK),
    ]


def test_accept_twice_does_nothing(rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now)
    accept(swap, rotation.bo, now)
    told()

    accept(swap, rotation.bo, now + HOUR)

    assert Override.objects.count() == 1
    assert told() == []


def test_accept_after_somebody_else_says_who_was_faster(rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now)
    accept(swap, rotation.bo, now)
    told()

    refused = refusal(lambda: accept(swap, rotation.cy, now))

    assert refused.code == "taken"
    assert refused.message == "Bo was faster and takes it. You are not on call for it."


def test_accept_refuses_whoever_was_not_asked(rotation: Rotation, now: datetime) -> None:
    to_bo = offered(rotation, now, other=rotation.bo)
    to_all = offered(rotation, now)
    stranger = make_person()

    assert refusal(lambda: accept(to_bo, rotation.cy, now)).code == "not_asked"
    assert refusal(lambda: accept(to_all, stranger, now)).code == "not_asked"
    assert refusal(lambda: accept(to_all, rotation.ana, now)).code == "not_asked"


def test_accept_names_conflicts_until_they_are_confirmed(rotation: Rotation, now: datetime) -> None:
    search = make_schedule(name="Search")
    make_override(search, rotation.bo, starts_at=HANDOFF, ends_at=HANDOFF + HOUR)
    swap = offered(rotation, now, other=rotation.bo)

    refused = refusal(lambda: accept(swap, rotation.bo, now))
    accept(swap, rotation.bo, now, despite=True)

    assert refused.code == "conflicts"
    assert who(rotation.schedule) == BO_HAS_IT


def test_accept_refuses_a_shift_that_is_no_longer_the_givers(
    rotation: Rotation, now: datetime
) -> None:
    swap = offered(rotation, now)
    make_override(rotation.schedule, rotation.cy, starts_at=HANDOFF, ends_at=HANDOFF + HOUR)

    refused = refusal(lambda: accept(swap, rotation.bo, now))

    assert (refused.code, refused.fields) == ("not_on_call", {})


def test_accept_refuses_a_shift_that_has_begun(rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now)

    refused = refusal(lambda: accept(swap, rotation.bo, HANDOFF))

    assert refused.code == "begun"


def test_accept_of_a_running_shift_takes_the_rest(rotation: Rotation, now: datetime) -> None:
    swap = swaps.offer(
        proposal(rotation.schedule, rotation.cy, starts_at=now, ends_at=HANDOFF),
        by=person_acting(rotation.cy),
        at=now,
    )
    later = now + HOUR

    accept(swap, rotation.bo, later, despite=True)

    assert who(rotation.schedule, now, HANDOFF) == [("cy", now, later), ("bo", later, HANDOFF)]


def test_accept_calls_off_other_offers_of_the_same_time(rotation: Rotation, now: datetime) -> None:
    to_cy = offered(rotation, now, other=rotation.cy, ends_at=HANDOFF + DAY)
    swap = offered(rotation, now, other=rotation.bo)

    accept(swap, rotation.bo, now)

    to_cy.refresh_from_db()
    assert (to_cy.state, to_cy.ended_because) == (
        State.CANCELLED,
        f"Bo has taken the shift ({swap.reference}).",
    )
    assert ("SWAP_ENDED", "cy") in told()


def test_accept_of_an_editors_offer_waits_for_the_giver(rotation: Rotation, now: datetime) -> None:
    editor = Actor.of_person(make_person())
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.bo)
    swap = swaps.offer(asked, by=editor, at=now)
    told()

    swap = accept(swap, rotation.bo, now)

    assert swap.state == State.ACCEPTED
    assert told() == [("SWAP_TO_CONFIRM", "ana")]
    assert swaps.confirm(swap, by=person_acting(rotation.ana), at=now).state == State.TAKEN
    assert who(rotation.schedule) == BO_HAS_IT


def test_confirm_of_an_editors_offer_leaves_it_to_the_taker(
    rotation: Rotation, now: datetime
) -> None:
    editor = Actor.of_person(make_person())
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.bo)
    swap = swaps.offer(asked, by=editor, at=now)

    confirmed = swaps.confirm(swap, by=person_acting(rotation.ana), at=now)

    assert (confirmed.state, confirmed.giver_confirmed_at) == (State.OFFERED, now)
    assert accept(swap, rotation.bo, now).state == State.TAKEN


def test_confirm_lets_the_taker_take_over(rotation: Rotation, now: datetime) -> None:
    swap = requested(rotation, now)

    confirmed = swaps.confirm(swap, by=person_acting(rotation.ana), at=now + HOUR)
    again = swaps.confirm(swap, by=person_acting(rotation.ana), at=now + HOUR)

    assert (confirmed.state, confirmed.giver_confirmed_at) == (State.TAKEN, now + HOUR)
    assert again == confirmed
    assert who(rotation.schedule) == BO_HAS_IT
    assert told() == [("SWAP_TAKEN", "ana"), ("SWAP_TAKEN", "bo")]


def test_confirm_is_the_givers_alone(rotation: Rotation, now: datetime) -> None:
    swap = requested(rotation, now)

    refused = refusal(lambda: swaps.confirm(swap, by=person_acting(rotation.bo), at=now))

    assert refused.code == "not_yours"


def test_confirm_of_an_exchange_names_the_givers_conflicts(
    rotation: Rotation, now: datetime
) -> None:
    back = HANDOFF + WEEK, HANDOFF + 2 * WEEK
    make_override(make_schedule(), rotation.ana, starts_at=back[0], ends_at=back[0] + HOUR)
    swap = requested(rotation, now, in_return=back)
    ana = person_acting(rotation.ana)

    refused = refusal(lambda: swaps.confirm(swap, by=ana, at=now))
    swaps.confirm(swap, by=ana, at=now, despite=True)

    assert refused.code == "conflicts"
    assert [name for name, *_ in who(rotation.schedule)] == ["bo", "ana", "cy"]


def test_decline_by_the_one_asked_ends_it_and_tells_the_giver(
    rotation: Rotation, now: datetime
) -> None:
    swap = offered(rotation, now, other=rotation.bo)

    declined = swaps.decline(swap, by=person_acting(rotation.bo), at=now)
    swaps.decline(swap, by=person_acting(rotation.bo), at=now)

    assert (declined.state, declined.ended_because) == (State.DECLINED, "Bo cannot take it.")
    assert told() == [("SWAP_ENDED", "ana")]
    assert refusal(lambda: accept(swap, rotation.bo, now)).message == (
        f"{swap.reference} is off. Bo cannot take it."
    )


def test_decline_by_one_of_many_leaves_it_to_the_others(rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now)

    swaps.decline(swap, by=person_acting(rotation.bo), at=now)

    swap.refresh_from_db()
    assert swap.state == State.OFFERED
    assert told() == []
    assert accept(swap, rotation.cy, now).state == State.TAKEN


def test_decline_by_the_last_of_many_ends_it(rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now)

    swaps.decline(swap, by=person_acting(rotation.bo), at=now)
    declined = swaps.decline(swap, by=person_acting(rotation.cy), at=now)

    assert (declined.state, declined.ended_because) == (
        State.DECLINED,
        "Nobody who was asked can.",
    )
    assert told() == [("SWAP_ENDED", "ana")]


def test_decline_by_the_giver_ends_a_request(rotation: Rotation, now: datetime) -> None:
    declined = swaps.decline(requested(rotation, now), by=person_acting(rotation.ana), at=now)

    assert (declined.state, declined.ended_because) == (State.DECLINED, "Ana keeps the shift.")
    assert told() == [("SWAP_ENDED", "bo")]


def test_decline_refuses_whoever_was_not_asked(rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now, other=rotation.bo)

    refused = refusal(lambda: swaps.decline(swap, by=person_acting(rotation.cy), at=now))

    assert refused.code == "not_asked"


def test_cancel_tells_those_who_were_asked(rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now)
    swaps.decline(swap, by=person_acting(rotation.cy), at=now)

    cancelled = swaps.cancel(swap, by=person_acting(rotation.ana), at=now)
    swaps.cancel(swap, by=person_acting(rotation.ana), at=now)

    assert (cancelled.state, cancelled.ended_because) == (State.CANCELLED, "Ana called it off.")
    assert told() == [("SWAP_ENDED", "bo")]


def test_cancel_refuses_what_is_agreed(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)

    refused = refusal(lambda: swaps.cancel(swap, by=person_acting(rotation.ana), at=now))

    assert refused.message == f"{swap.reference} is agreed. Give it back instead."


def test_give_back_before_it_begins_leaves_nothing_of_it(rotation: Rotation, now: datetime) -> None:
    before = who(rotation.schedule)
    swap = taken(rotation, now)

    undone = swaps.give_back(swap, by=person_acting(rotation.bo), at=now + HOUR)
    swaps.give_back(swap, by=person_acting(rotation.bo), at=now + HOUR)

    assert (undone.state, undone.ended_because) == (State.UNDONE, "Bo gave it back.")
    assert who(rotation.schedule) == before
    assert not Override.objects.exists()
    assert told() == [("SWAP_ENDED", "ana")]


def test_give_back_of_a_running_shift_gives_the_rest(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)
    at = HANDOFF + DAY + timedelta(seconds=5)

    swaps.give_back(swap, by=person_acting(rotation.ana), at=at)

    minute = HANDOFF + DAY + timedelta(minutes=1)
    assert who(rotation.schedule, HANDOFF, HANDOFF + WEEK) == [
        ("bo", HANDOFF, minute),
        ("ana", minute, HANDOFF + WEEK),
    ]
    assert told() == [("SWAP_ENDED", "bo")]


def test_give_back_between_the_halves_of_an_exchange_undoes_the_second(
    rotation: Rotation, now: datetime
) -> None:
    swap = taken(rotation, now, in_return=(HANDOFF + WEEK, HANDOFF + 2 * WEEK))

    swaps.give_back(swap, by=person_acting(rotation.ana), at=HANDOFF + WEEK)

    assert who(rotation.schedule)[:1] == [("bo", HANDOFF, HANDOFF + 2 * WEEK)]


def test_give_back_refuses_what_is_over(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)
    bo = person_acting(rotation.bo)

    refused = refusal(lambda: swaps.give_back(swap, by=bo, at=HANDOFF + WEEK))

    assert refused.code == "over"


def test_give_back_refuses_what_was_passed_on(rotation: Rotation, now: datetime) -> None:
    swap = taken(rotation, now)
    to_cy = swaps.arrange(
        proposal(rotation.schedule, rotation.bo, other=rotation.cy, ends_at=HANDOFF + DAY),
        by=Actor.system("test"),
        at=now,
    )
    told()
    ana = person_acting(rotation.ana)

    refused = refusal(lambda: swaps.give_back(swap, by=ana, at=now))
    swaps.give_back(to_cy, by=ana, at=now)
    swaps.give_back(swap, by=ana, at=now)

    assert refused.message == "Bo has passed it on to Cy. Undo that first."
    assert who(rotation.schedule)[0] == ("ana", HANDOFF, HANDOFF + WEEK)


def test_lapse_due_ends_what_nobody_took(rotation: Rotation, now: datetime) -> None:
    swap, later = offered(rotation, now), offered(rotation, now, starts_at=HANDOFF + HOUR)

    assert swaps.lapse_due(at=HANDOFF - HOUR) == 0
    assert swaps.lapse_due(at=HANDOFF) == 1
    assert swaps.lapse_due(at=HANDOFF) == 0

    swap.refresh_from_db()
    later.refresh_from_db()
    assert (swap.state, later.state) == (State.LAPSED, State.OFFERED)
    assert told() == [("SWAP_ENDED", "ana")]


def test_lapse_due_tells_the_taker_of_a_request(rotation: Rotation, now: datetime) -> None:
    requested(rotation, now)

    swaps.lapse_due(at=HANDOFF)

    assert told() == [("SWAP_ENDED", "ana"), ("SWAP_ENDED", "bo")]


def test_lapse_due_leaves_the_rest_of_a_shift_on_offer_until_it_is_over(
    rotation: Rotation, now: datetime
) -> None:
    swaps.offer(
        proposal(rotation.schedule, rotation.cy, starts_at=now, ends_at=HANDOFF),
        by=person_acting(rotation.cy),
        at=now,
    )

    assert swaps.lapse_due(at=HANDOFF - HOUR) == 0
    assert swaps.lapse_due(at=HANDOFF) == 1


@pytest.mark.parametrize(("hours", "urgency"), [(11, Urgency.HIGH), (13, Urgency.LOW)])
def test_an_offer_of_a_shift_that_begins_soon_is_urgent(
    rotation: Rotation, hours: int, urgency: Urgency
) -> None:
    swaps.offer(
        proposal(rotation.schedule, rotation.ana, other=rotation.bo),
        by=person_acting(rotation.ana),
        at=HANDOFF - hours * HOUR,
    )

    assert Notice.objects.get().urgency == urgency


@pytest.mark.parametrize("state", [State.DECLINED, State.CANCELLED, State.LAPSED, State.UNDONE])
@pytest.mark.parametrize("change", [swaps.accept, swaps.confirm, swaps.decline, swaps.cancel])
def test_what_has_ended_is_not_changed(
    rotation: Rotation, now: datetime, state: State, change: Callable[..., Swap]
) -> None:
    swap = offered(rotation, now, other=rotation.bo)
    Swap.objects.update(state=state, giver_confirmed_at=None)
    people = {swaps.confirm: rotation.ana, swaps.cancel: rotation.ana}
    repeats = {swaps.decline: State.DECLINED, swaps.cancel: State.CANCELLED}
    actor = person_acting(people.get(change, rotation.bo))

    if repeats.get(change) == state:
        assert change(swap, by=actor, at=now).state == state
    else:
        assert refusal(lambda: change(swap, by=actor, at=now)).code == "swap_ended"


def test_a_failing_notice_leaves_the_swap_alone(
    rotation: Rotation, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = offered(rotation, now)

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("roster.swaps.telling.tell_all", fail)
    with pytest.raises(RuntimeError):
        accept(swap, rotation.bo, now)

    swap.refresh_from_db()
    assert (swap.state, Override.objects.exists()) == (State.OFFERED, False)


def test_a_login_without_a_person_cannot_answer(rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now)

    refused = refusal(lambda: swaps.accept(swap, by=Actor(None, "root", "admin"), at=now))

    assert refused.code == "no_person"
