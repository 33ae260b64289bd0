from datetime import datetime

import pytest
from django.conf import settings
from django.test import Client

from comms.content import Content
from comms.notices.registry import words_of
from roster import swaps
from roster.actors import Actor
from roster.models import Notice, NoticeKind, Person, Swap
from tests.factories.roster import make_override, make_schedule
from tests.factories.swaps import HANDOFF, WEEK, person_acting, proposal
from tests.roster.swapping import Rotation, make_rotation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def rotation() -> Rotation:
    return make_rotation()


def words(kind: NoticeKind, person: Person) -> Content | None:
    return words_of(Notice.objects.filter(kind=kind, person=person).latest("pk"))


def said(kind: NoticeKind, person: Person) -> Content:
    content = words(kind, person)
    assert content is not None
    return content


def offered(rotation: Rotation, now: datetime, **fields: object) -> Swap:
    return swaps.offer(
        proposal(rotation.schedule, rotation.ana, **fields),
        by=person_acting(rotation.ana),
        at=now,
    )


def test_an_offer_says_what_and_when_with_both_answers(rotation: Rotation, now: datetime) -> None:
    make_override(
        make_schedule(name="Search"), rotation.bo, starts_at=HANDOFF, ends_at=HANDOFF + WEEK
    )
    offered(rotation, now, note="See [me](https://evil.example)")

    content = said(NoticeKind.SWAP_OFFERED, rotation.bo)

    assert content.subject == "SWAP-1: Ana would like to be covered on Payments"
    lines = content.text.splitlines()
    assert lines[0] == "Ana would like to be covered on Payments. Whoever says yes first has it."
    assert "- Ana's shift: Mon 9 Mar 09:00 to Mon 16 Mar 09:00 UTC (7 d)" in lines
    assert "- Note: See [me](https://evil.example)" in lines
    assert (
        "- Bo is on call for Payments and Search at once. (Mon 9 Mar 09:00 to Mon 16 Mar 09:00 UTC)"
    ) in lines
    assert f"I take it: {settings.PUBLIC_URL}/a/swap.accept:" in content.text
    assert f"I cannot take it: {settings.PUBLIC_URL}/a/swap.decline:" in content.text
    assert 'href="https://evil.example' not in content.html


def test_the_link_of_an_offer_takes_it(client: Client, rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now, other=rotation.bo)
    text = said(NoticeKind.SWAP_OFFERED, rotation.bo).text
    [link] = [line for line in text.splitlines() if line.startswith("I take it: ")]

    client.post(link.removeprefix("I take it: "))

    swap.refresh_from_db()
    assert swap.state == Swap.State.TAKEN


def test_an_exchange_names_both_shifts(rotation: Rotation, now: datetime) -> None:
    offered(rotation, now, other=rotation.bo, in_return=(HANDOFF + WEEK, HANDOFF + 2 * WEEK))

    content = said(NoticeKind.SWAP_OFFERED, rotation.bo)

    assert content.subject == "SWAP-1: Ana would like to swap shifts with you on Payments"
    assert "- In return, Bo's shift: Mon 16 Mar 09:00 to Mon 23 Mar 09:00 UTC (7 d)" in content.text


def test_an_offer_that_was_answered_is_not_sent(rotation: Rotation, now: datetime) -> None:
    swap = offered(rotation, now)
    swaps.decline(swap, by=person_acting(rotation.bo), at=now)

    assert words(NoticeKind.SWAP_OFFERED, rotation.bo) is None
    assert words(NoticeKind.SWAP_OFFERED, rotation.cy) is not None

    swaps.accept(swap, by=person_acting(rotation.cy), at=now, despite=True)
    assert words(NoticeKind.SWAP_OFFERED, rotation.cy) is None


def test_a_request_asks_the_giver_to_agree(rotation: Rotation, now: datetime) -> None:
    swap = swaps.take_over(
        proposal(rotation.schedule, rotation.ana, other=rotation.bo),
        by=person_acting(rotation.bo),
        at=now,
    )

    content = said(NoticeKind.SWAP_TO_CONFIRM, rotation.ana)

    assert content.subject == "SWAP-1: Bo would take over your shift on Payments"
    assert f"I agree: {settings.PUBLIC_URL}/a/swap.confirm:" in content.text
    assert f"No, I keep my shift: {settings.PUBLIC_URL}/a/swap.decline:" in content.text

    swaps.decline(swap, by=person_acting(rotation.ana), at=now)
    assert words(NoticeKind.SWAP_TO_CONFIRM, rotation.ana) is None


def test_both_hear_what_is_agreed(rotation: Rotation, now: datetime) -> None:
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.bo)
    swaps.arrange(asked, by=Actor.of_person(rotation.cy), at=now)

    to_ana, to_bo = (said(NoticeKind.SWAP_TAKEN, each) for each in (rotation.ana, rotation.bo))

    assert to_ana.subject == "SWAP-1: Bo takes your shift on Payments"
    assert to_bo.subject == "SWAP-1: You take Ana's shift on Payments"
    assert "- Arranged by: Cy" in to_bo.text


def test_an_end_says_why_and_who_is_on_call(rotation: Rotation, now: datetime) -> None:
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.bo)
    swap = swaps.arrange(asked, by=Actor.of_person(rotation.cy), at=now)
    swaps.give_back(swap, by=person_acting(rotation.bo), at=now)

    content = said(NoticeKind.SWAP_ENDED, rotation.ana)

    assert content.subject == "SWAP-1 is off: Ana's shift on Payments"
    assert content.text.splitlines()[0] == (
        "Bo gave it back. You are on call for it as the rotation has it."
    )
    assert words(NoticeKind.SWAP_TAKEN, rotation.bo) is None


def test_a_moved_swap_says_when_it_is_now(rotation: Rotation, now: datetime) -> None:
    asked = proposal(rotation.schedule, rotation.ana, other=rotation.bo)
    swaps.arrange(asked, by=Actor.of_person(rotation.cy), at=now)
    layer = rotation.schedule.layers.get()
    layer.handoff_time = layer.handoff_time.replace(hour=17)
    layer.save()
    swaps.follow_edits(rotation.schedule, at=now)

    content = said(NoticeKind.SWAP_TAKEN, rotation.bo)

    assert content.subject == "SWAP-1 moved with its shift on Payments"
    assert "- Ana's shift: Mon 9 Mar 17:00 to Mon 16 Mar 17:00 UTC (7 d)" in content.text
