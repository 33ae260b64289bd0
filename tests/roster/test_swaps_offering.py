from datetime import date, datetime, time, timedelta

import pytest

from roster import swaps
from roster.actors import Actor
from roster.errors import DomainError
from roster.models import (
    Override,
    Person,
    Qualification,
    QualificationException,
    QualificationGrant,
    ScheduleWatch,
    Swap,
)
from tests.factories.roster import make_layer, make_override, make_person, make_schedule
from tests.factories.swaps import HANDOFF, WEEK, make_time_off, person_acting, proposal
from tests.roster.swapping import Rotation, make_rotation, told, who

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def rotation() -> Rotation:
    return make_rotation()


def offer(rotation: Rotation, now: datetime, **fields: object) -> Swap:
    asked = proposal(rotation.schedule, rotation.ana, **fields)
    return swaps.offer(asked, by=person_acting(rotation.ana), at=now)


def refusal(rotation: Rotation, now: datetime, **fields: object) -> DomainError:
    with pytest.raises(DomainError) as refused:
        offer(rotation, now, **fields)
    assert not Swap.objects.exists()
    assert told() == []
    return refused.value


def test_offer_to_one_person_changes_nothing_yet_and_tells_them(
    rotation: Rotation, now: datetime
) -> None:
    before = who(rotation.schedule)

    swap = offer(rotation, now, other=rotation.bo, note="Wedding")

    assert swap.reference == "SWAP-1"
    assert (swap.state, swap.kind) == (Swap.State.OFFERED, Swap.Kind.COVER)
    assert (swap.is_whole, swap.turn) == (True, 9)
    assert swap.lineage == rotation.schedule.layers.get().lineage
    assert (swap.giver_confirmed_at, swap.taker_confirmed_at) == (now, None)
    assert who(rotation.schedule) == before
    assert told() == [("SWAP_OFFERED", "bo")]


def test_offer_to_the_rotation_tells_everybody_else_in_it(
    rotation: Rotation, now: datetime
) -> None:
    rotation.cy.is_active = False
    rotation.cy.save()
    make_person()

    offer(rotation, now)

    assert told() == [("SWAP_OFFERED", "bo")]


def test_offer_to_the_rotation_leaves_out_the_untrained(rotation: Rotation, now: datetime) -> None:
    require_training(rotation, now, rotation.ana, rotation.cy)

    offer(rotation, now)

    assert told() == [("SWAP_OFFERED", "cy")]


def test_offer_by_an_editor_asks_the_giver_too(rotation: Rotation, now: datetime) -> None:
    editor = Actor.of_person(make_person())

    swap = swaps.offer(
        proposal(rotation.schedule, rotation.ana, other=rotation.bo), by=editor, at=now
    )

    assert swap.giver_confirmed_at is None
    assert told() == [("SWAP_OFFERED", "bo"), ("SWAP_TO_CONFIRM", "ana")]


def test_offer_made_twice_is_one(rotation: Rotation, now: datetime) -> None:
    first = offer(rotation, now, other=rotation.bo)
    told()

    again = offer(rotation, now + HOUR, other=rotation.bo)

    assert again == first
    assert told() == []


def test_offer_of_a_part_is_not_whole(rotation: Rotation, now: datetime) -> None:
    swap = offer(rotation, now, starts_at=HANDOFF + DAY, ends_at=HANDOFF + 2 * DAY)

    assert not swap.is_whole


def test_offer_with_something_in_return_is_an_exchange(rotation: Rotation, now: datetime) -> None:
    in_return = HANDOFF + WEEK, HANDOFF + 2 * WEEK

    swap = offer(rotation, now, other=rotation.bo, in_return=in_return)

    assert swap.kind == Swap.Kind.EXCHANGE
    assert (swap.return_starts_at, swap.return_ends_at) == in_return
    assert (swap.return_turn, swap.return_is_whole) == (10, True)


def test_offer_of_the_running_shift_is_of_its_rest(rotation: Rotation, now: datetime) -> None:
    started = now - timedelta(seconds=200)
    asked = proposal(rotation.schedule, rotation.cy, starts_at=started, ends_at=HANDOFF)
    at = now + timedelta(seconds=20)

    swap = swaps.offer(asked, by=person_acting(rotation.cy), at=at)

    assert (swap.starts_at, swap.ends_at, swap.is_whole) == (now, HANDOFF, True)


@pytest.mark.parametrize(
    ("start", "end", "code", "field"),
    [
        (-8, 0, "in_the_past", "starts_at"),
        (0, 0, "ends_before_start", "ends_at"),
        (7, 14, "not_on_call", "starts_at"),
        (6, 8, "not_on_call", "starts_at"),
        (1000, 1001, "too_far", "ends_at"),
        (0.00001, 1, "whole_minute", "starts_at"),
    ],
)
def test_offer_refuses_spans_that_are_not_the_givers(
    rotation: Rotation, now: datetime, start: float, end: float, code: str, field: str
) -> None:
    refused = refusal(rotation, now, starts_at=HANDOFF + start * DAY, ends_at=HANDOFF + end * DAY)

    assert (refused.code, list(refused.fields)) == (code, [field])


def test_offer_names_when_the_giver_is_on_call(rotation: Rotation, now: datetime) -> None:
    refused = refusal(rotation, now, starts_at=HANDOFF + WEEK, ends_at=HANDOFF + WEEK + HOUR)

    assert refused.message == (
        "Ana is not on call for Payments in all of Mon 16 Mar 09:00 to 10:00 UTC. They are: "
        "Mon 16 Feb 09:00 to Mon 23 Feb 09:00 UTC; Mon 9 Mar 09:00 to Mon 16 Mar 09:00 UTC; "
        "Mon 30 Mar 09:00 to Mon 6 Apr 09:00 UTC."
    )


def test_offer_refuses_a_swap_with_oneself(rotation: Rotation, now: datetime) -> None:
    refused = refusal(rotation, now, other=rotation.ana)

    assert refused.message == "Nobody swaps with themselves. Choose somebody else."
    assert list(refused.fields) == ["other"]


def test_offer_refuses_somebody_inactive(rotation: Rotation, now: datetime) -> None:
    gone = make_person(name="Di", is_active=False)

    refused = refusal(rotation, now, other=gone)

    assert refused.code == "inactive"
    assert refused.message == "Di is inactive and cannot be on call. Choose somebody else."


def test_offer_refuses_somebody_untrained(rotation: Rotation, now: datetime) -> None:
    require_training(rotation, now, rotation.ana)

    refused = refusal(rotation, now, other=rotation.bo)

    assert refused.code == "unqualified"
    assert refused.message == (
        "Bo does not hold “Databases”, which Payments asks for. "
        "Choose somebody who does, or ask a roster editor to arrange it."
    )


def test_offer_refuses_where_nobody_else_takes_turns(now: datetime) -> None:
    ana = make_person()
    schedule = make_schedule(ana)

    with pytest.raises(DomainError) as refused:
        swaps.offer(proposal(schedule, ana), by=person_acting(ana), at=now)

    assert refused.value.code == "nobody_to_ask"
    assert not Swap.objects.exists()


def test_offer_refuses_a_schedule_out_of_use(rotation: Rotation, now: datetime) -> None:
    rotation.schedule.is_active = False
    rotation.schedule.save()

    assert refusal(rotation, now).code == "schedule_inactive"


def test_offer_refuses_an_exchange_without_a_partner(rotation: Rotation, now: datetime) -> None:
    refused = refusal(rotation, now, in_return=(HANDOFF + WEEK, HANDOFF + 2 * WEEK))

    assert refused.code == "other_needed"


def test_offer_refuses_an_exchange_of_what_is_not_the_others(
    rotation: Rotation, now: datetime
) -> None:
    in_return = HANDOFF + 2 * WEEK, HANDOFF + 3 * WEEK

    refused = refusal(rotation, now, other=rotation.bo, in_return=in_return)

    assert (refused.code, list(refused.fields)) == ("not_on_call", ["return_starts_at"])


def test_offer_refuses_an_exchange_of_overlapping_spans(rotation: Rotation, now: datetime) -> None:
    in_return = HANDOFF + WEEK - HOUR, HANDOFF + 2 * WEEK

    assert refusal(rotation, now, other=rotation.bo, in_return=in_return).code == "overlap"


def test_offer_refuses_to_a_person_on_call_then(rotation: Rotation, now: datetime) -> None:
    make_override(
        rotation.schedule,
        rotation.bo,
        kind=Override.Kind.ADD,
        starts_at=HANDOFF,
        ends_at=HANDOFF + HOUR,
    )

    refused = refusal(rotation, now, other=rotation.bo)

    assert refused.code == "already_on_call"


def test_offer_refuses_time_that_a_temporary_schedule_decides(
    rotation: Rotation, now: datetime
) -> None:
    span = {"starts_at": HANDOFF, "ends_at": HANDOFF + DAY}
    temporary = Override.objects.create(
        schedule=rotation.schedule, kind=Override.Kind.TEMPORARY, **span
    )
    temporary.shifts.create(person=rotation.ana, **span)

    refused = refusal(rotation, now, **span)

    assert refused.code == "temporary"


def test_offer_of_a_shift_with_pauses_ignores_who_is_on_call_in_them(now: datetime) -> None:
    ana, bo = make_person(slug="ana"), make_person(slug="bo")
    schedule = make_schedule(bo, rest_hours=0)
    nights = make_layer(schedule, ana, name="Nights", position=2)
    for day in range(7):
        nights.windows.create(
            opens_on=day, opens_at=time(18), closes_on=(day + 1) % 7, closes_at=time(6)
        )
    starts_at, ends_at = HANDOFF + 9 * HOUR, HANDOFF + WEEK - 3 * HOUR

    swap = swaps.offer(
        proposal(schedule, ana, other=bo, starts_at=starts_at, ends_at=ends_at),
        by=person_acting(ana),
        at=now,
    )

    assert swap.is_whole


def test_take_over_waits_for_the_giver(rotation: Rotation, now: datetime) -> None:
    before = who(rotation.schedule)
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.bo)

    swap = swaps.take_over(asked, by=person_acting(rotation.bo), at=now)

    assert (swap.state, swap.taker) == (Swap.State.ACCEPTED, rotation.bo)
    assert (swap.giver_confirmed_at, swap.taker_confirmed_at) == (None, now)
    assert who(rotation.schedule) == before
    assert told() == [("SWAP_TO_CONFIRM", "ana")]
    assert swaps.take_over(asked, by=person_acting(rotation.bo), at=now) == swap


def test_take_over_names_conflicts_until_they_are_confirmed(
    rotation: Rotation, now: datetime
) -> None:
    other = make_schedule(name="Search")
    make_override(other, rotation.bo, starts_at=HANDOFF, ends_at=HANDOFF + HOUR)
    asked = {"schedule": rotation.schedule, "giver": rotation.ana, "other": rotation.bo}
    day = {"starts_at": HANDOFF, "ends_at": HANDOFF + DAY}

    with pytest.raises(DomainError) as refused:
        swaps.take_over(proposal(**asked, **day), by=person_acting(rotation.bo), at=now)

    assert (refused.value.code, refused.value.fields) == ("conflicts", {})
    assert refused.value.message == (
        "Bo is on call for Payments and Search at once. "
        "Take it anyway, or leave it to somebody else."
    )

    despite = proposal(**asked, **day, despite=True)
    swap = swaps.take_over(despite, by=person_acting(rotation.bo), at=now)

    assert swap.state == Swap.State.ACCEPTED


def test_take_over_during_time_off_needs_no_confirmation(rotation: Rotation, now: datetime) -> None:
    make_time_off(rotation.bo, HANDOFF, HANDOFF + HOUR)
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.bo, ends_at=HANDOFF + DAY)

    assert swaps.take_over(asked, by=person_acting(rotation.bo), at=now).taker == rotation.bo


def test_arrange_takes_effect_at_once_and_tells_both(rotation: Rotation, now: datetime) -> None:
    manager = Actor.of_person(make_person(slug="di"))
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.cy, note="Flu")

    swap = swaps.arrange(asked, by=manager, at=now)

    assert (swap.state, swap.arranged_by) == (Swap.State.TAKEN, manager.person)
    assert who(rotation.schedule) == [
        ("cy", HANDOFF, HANDOFF + WEEK),
        ("bo", HANDOFF + WEEK, HANDOFF + 2 * WEEK),
        ("cy", HANDOFF + 2 * WEEK, HANDOFF + 3 * WEEK),
    ]
    [override] = Override.objects.all()
    assert (override.kind, override.person, override.replaces, override.swap) == (
        Override.Kind.REPLACE,
        rotation.cy,
        rotation.ana,
        swap,
    )
    assert (override.reason, override.created_by) == ("SWAP-1: Flu", manager.person)
    assert told() == [("SWAP_TAKEN", "ana"), ("SWAP_TAKEN", "cy")]
    assert ScheduleWatch.objects.get(schedule=rotation.schedule).due_at == now
    assert swaps.arrange(asked, by=manager, at=now) == swap


def test_arrange_an_exchange_writes_two_overrides(rotation: Rotation, now: datetime) -> None:
    in_return = HANDOFF + WEEK, HANDOFF + 2 * WEEK
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.bo, in_return=in_return)

    swaps.arrange(asked, by=Actor.system("test"), at=now)

    assert who(rotation.schedule) == [
        ("bo", HANDOFF, HANDOFF + WEEK),
        ("ana", HANDOFF + WEEK, HANDOFF + 2 * WEEK),
        ("cy", HANDOFF + 2 * WEEK, HANDOFF + 3 * WEEK),
    ]


def test_arrange_of_the_running_shift_begins_with_the_next_minute(
    rotation: Rotation, now: datetime
) -> None:
    at = now + timedelta(seconds=30)
    asked = proposal(
        rotation.schedule,
        rotation.cy,
        other=rotation.bo,
        starts_at=at,
        ends_at=HANDOFF,
        despite=True,
    )

    swap = swaps.arrange(asked, by=Actor.system("test"), at=at)

    minute = now + timedelta(minutes=1)
    assert swap.starts_at == minute
    assert who(rotation.schedule, now, HANDOFF) == [("cy", now, minute), ("bo", minute, HANDOFF)]


def test_arrange_for_somebody_untrained_needs_a_reason(rotation: Rotation, now: datetime) -> None:
    require_training(rotation, now, rotation.ana)
    manager = Actor.of_person(make_person(name="Di"))
    people = {"schedule": rotation.schedule, "giver": rotation.ana, "other": rotation.bo}

    with pytest.raises(DomainError) as refused:
        swaps.arrange(proposal(**people), by=manager, at=now)
    swaps.arrange(proposal(**people, reason="Nobody else is here."), by=manager, at=now)

    assert refused.value.code == "reason_needed"
    [exception] = QualificationException.objects.all()
    assert (exception.person, exception.reason, exception.allowed_by_name) == (
        rotation.bo,
        "Nobody else is here.",
        "Di",
    )


def test_arrange_refuses_what_is_swapped_already(rotation: Rotation, now: datetime) -> None:
    swaps.arrange(
        proposal(rotation.schedule, rotation.ana, other=rotation.bo),
        by=Actor.system("test"),
        at=now,
    )

    with pytest.raises(DomainError) as refused:
        swaps.arrange(
            proposal(rotation.schedule, rotation.ana, other=rotation.cy),
            by=Actor.system("test"),
            at=now,
        )

    assert refused.value.code == "already_swapped"
    assert refused.value.message == "Bo has taken this from Ana (SWAP-1)."


def test_arrange_passes_on_what_somebody_took(rotation: Rotation, now: datetime) -> None:
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.bo)
    swaps.arrange(asked, by=Actor.system("test"), at=now)
    swaps.arrange(
        proposal(rotation.schedule, rotation.bo, other=rotation.cy), by=Actor.system("test"), at=now
    )

    assert who(rotation.schedule)[0] == ("cy", HANDOFF, HANDOFF + WEEK)


def require_training(rotation: Rotation, now: datetime, *trained: Person) -> None:
    qualification = Qualification.objects.create(slug="databases", name="Databases")
    for person in trained:
        QualificationGrant.objects.create(
            person=person, qualification=qualification, granted_on=date(2026, 1, 1)
        )
    rotation.schedule.qualification = qualification
    rotation.schedule.save()
