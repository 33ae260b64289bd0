from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client

from roster import swaps
from roster.links import make_url
from roster.models import Person, Swap
from tests.factories.roster import make_override, make_schedule
from tests.factories.swaps import HANDOFF, make_time_off, person_acting, proposal
from tests.roster.swapping import Rotation, make_rotation, who

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

HOUR = timedelta(hours=1)


@pytest.fixture
def rotation() -> Rotation:
    return make_rotation()


@pytest.fixture
def swap(rotation: Rotation, now: datetime) -> Swap:
    """Ana's week, offered to the rotation."""
    return swaps.offer(
        proposal(rotation.schedule, rotation.ana, note="Wedding"),
        by=person_acting(rotation.ana),
        at=now,
    )


def address(purpose: str, swap: Swap, person: Person) -> str:
    return urlsplit(make_url(purpose, swap.pk, person)).path


def shown(client: Client, purpose: str, swap: Swap, person: Person) -> str:
    return client.get(address(purpose, swap, person)).content.decode()


def outcome(client: Client, purpose: str, swap: Swap, person: Person, **data: str) -> str:
    return client.post(address(purpose, swap, person), data).context["outcome"]


def test_accept_page_shows_the_shift_and_changes_nothing(
    client: Client, swap: Swap, rotation: Rotation
) -> None:
    rotation.bo.time_zone = "Europe/Berlin"
    rotation.bo.save()

    response = client.get(address("swap.accept", swap, rotation.bo))

    assert response.context["facts"] == [
        ("On call for", "Payments"),
        ("Ana's shift", "Mon 9 Mar 10:00 to Mon 16 Mar 10:00 CET (7 d)"),
        ("Offered to", "everyone who takes turns there"),
        ("Note", "Wedding"),
    ]
    assert response.context["button"] == "I take it"
    swap.refresh_from_db()
    assert swap.state == Swap.State.OFFERED


def test_accept_link_takes_the_shift(client: Client, swap: Swap, rotation: Rotation) -> None:
    sentence = outcome(client, "swap.accept", swap, rotation.bo)

    assert sentence == "Thank you. You take Ana's shift on Payments."
    assert who(rotation.schedule)[0][0] == "bo"


def test_accept_link_names_conflicts_and_asks_to_take_it_anyway(
    client: Client, swap: Swap, rotation: Rotation
) -> None:
    make_override(
        make_schedule(name="Search"), rotation.bo, starts_at=HANDOFF, ends_at=HANDOFF + HOUR
    )

    page = client.get(address("swap.accept", swap, rotation.bo))
    unseen = client.post(address("swap.accept", swap, rotation.bo))
    sentence = outcome(client, "swap.accept", swap, rotation.bo, despite="True")

    assert page.context["button"] == "Take it anyway"
    assert page.context["facts"][-1] == (
        "Against it",
        "Bo is on call for Payments and Search at once. (Mon 9 Mar 09:00 to 10:00 UTC)",
    )
    assert '<input type="hidden" name="despite" value="True"' in page.content.decode()
    assert unseen.status_code == 409
    assert sentence == "Thank you. You take Ana's shift on Payments."


def test_accept_page_names_time_off_without_asking_again(
    client: Client, swap: Swap, rotation: Rotation
) -> None:
    make_time_off(rotation.bo, HANDOFF, HANDOFF + HOUR)

    page = client.get(address("swap.accept", swap, rotation.bo))

    assert page.context["button"] == "I take it"
    assert page.context["facts"][-1][0] == "Against it"


def test_accept_link_of_a_taken_swap_says_who_has_it(
    client: Client, swap: Swap, rotation: Rotation, now: datetime
) -> None:
    swaps.accept(swap, by=person_acting(rotation.cy), at=now, despite=True)

    response = client.get(address("swap.accept", swap, rotation.bo))

    assert response.context["outcome"] == "SWAP-1 is agreed: Cy takes the shift of Ana."


def test_accept_link_of_an_ended_swap_says_so(
    client: Client, swap: Swap, rotation: Rotation, now: datetime
) -> None:
    swaps.cancel(swap, by=person_acting(rotation.ana), at=now)

    response = client.get(address("swap.accept", swap, rotation.bo))

    assert response.context["outcome"] == "SWAP-1 is off. Ana called it off."


def test_accept_link_after_the_shift_has_begun_is_refused(
    client: Client, swap: Swap, rotation: Rotation
) -> None:
    with time_machine.travel(HANDOFF, tick=False):
        response = client.post(address("swap.accept", swap, rotation.bo))

    assert response.status_code == 409
    assert response.context["outcome"] == (
        "This shift of Ana has begun. Offer, or take over, the rest of it."
    )


def test_decline_link_leaves_the_offer_to_the_others(
    client: Client, swap: Swap, rotation: Rotation
) -> None:
    sentence = outcome(client, "swap.decline", swap, rotation.bo)

    assert sentence == "Thank you. It stays on offer to the others."
    assert swap.declined_by.get() == rotation.bo


def test_confirm_link_lets_the_taker_take_over(
    client: Client, rotation: Rotation, now: datetime
) -> None:
    swap = swaps.take_over(
        proposal(rotation.schedule, rotation.ana, other=rotation.bo),
        by=person_acting(rotation.bo),
        at=now,
    )

    page = shown(client, "swap.confirm", swap, rotation.ana)
    sentence = outcome(client, "swap.confirm", swap, rotation.ana)

    assert "SWAP-1: Bo would take over your shift on Payments" in page
    assert sentence == "Thank you. Bo takes your shift on Payments."
    assert who(rotation.schedule)[0][0] == "bo"


def test_decline_link_of_the_giver_keeps_the_shift(
    client: Client, rotation: Rotation, now: datetime
) -> None:
    swap = swaps.take_over(
        proposal(rotation.schedule, rotation.ana, other=rotation.bo),
        by=person_acting(rotation.bo),
        at=now,
    )

    sentence = outcome(client, "swap.decline", swap, rotation.ana)

    assert sentence == "You keep your shift on Payments."
    swap.refresh_from_db()
    assert swap.ended_because == "Ana keeps the shift."
