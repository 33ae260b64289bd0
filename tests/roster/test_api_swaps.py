from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from roster import swaps
from roster.models import Person, Swap
from tests.factories.api import client_of, refusal
from tests.factories.roster import make_override, make_person, make_schedule
from tests.factories.swaps import HANDOFF, WEEK, make_swap, person_acting, proposal
from tests.roster.swapping import Rotation, make_rotation, who

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

URL = "/api/v1/swaps/"
State = Swap.State
DAY = timedelta(days=1)


@pytest.fixture
def rotation() -> Rotation:
    return make_rotation(rest_hours=0)


@pytest.fixture
def client_for(user_with: Callable[..., User]) -> Callable[..., APIClient]:
    """A machine that acts for a person of the roster."""

    def make(person: Person | None, *permissions: str) -> APIClient:
        username = person.slug if person else "someone"
        user = user_with("roster.view_schedule", *permissions, username=username)
        if person:
            person.user = user
            person.save()
        return client_of(user)

    return make


# Values of any JSON type.
def wish(**changed: Any) -> dict[str, Any]:
    """Ana's week."""
    return {
        "schedule": "payments",
        "starts_at": "2026-03-09T09:00:00Z",
        "ends_at": "2026-03-16T10:00:00+01:00",
        **changed,
    }


def offered(rotation: Rotation, now: datetime, **fields: object) -> Swap:
    return swaps.offer(
        proposal(rotation.schedule, rotation.ana, **fields),
        by=person_acting(rotation.ana),
        at=now,
    )


def test_post_offers_ones_own_shift(
    client_for: Callable[..., APIClient], rotation: Rotation
) -> None:
    response = client_for(rotation.ana).post(URL, wish(to="bo", note="Wedding"), format="json")

    assert response.status_code == 201
    body = response.json()
    assert body == {
        "reference": "SWAP-1",
        "state": "offered",
        "kind": "cover",
        "schedule": "payments",
        "giver": "ana",
        "to": "bo",
        "taker": None,
        "arranged_by": None,
        "starts_at": "2026-03-09T09:00:00Z",
        "ends_at": "2026-03-16T09:00:00Z",
        "return_starts_at": None,
        "return_ends_at": None,
        "note": "Wedding",
        "giver_confirmed_at": "2026-03-02T10:00:00Z",
        "taker_confirmed_at": None,
        "created_at": "2026-03-02T10:00:00Z",
        "settled_at": None,
        "ended_because": "",
        "steps": ["cancel"],
        "conflicts": [],
    }


def test_post_twice_answers_with_the_same_offer(
    client_for: Callable[..., APIClient], rotation: Rotation
) -> None:
    client = client_for(rotation.ana)

    first, again = (client.post(URL, wish(), format="json").json() for _ in range(2))

    assert first == again
    assert Swap.objects.count() == 1


def test_post_exchanges(client_for: Callable[..., APIClient], rotation: Rotation) -> None:
    back = {
        "return_starts_at": "2026-03-16T09:00:00Z",
        "return_ends_at": "2026-03-23T09:00:00Z",
    }

    response = client_for(rotation.ana).post(URL, wish(to="bo", **back), format="json")

    assert response.json()["kind"] == "exchange"


def test_post_asks_to_take_over(client_for: Callable[..., APIClient], rotation: Rotation) -> None:
    response = client_for(rotation.bo).post(URL, wish(mode="take_over", giver="ana"), format="json")

    body = response.json()
    assert (body["state"], body["taker"], body["steps"]) == ("accepted", "bo", ["cancel"])


def test_post_arranges_with_the_right_to(
    client_for: Callable[..., APIClient], rotation: Rotation
) -> None:
    manager = client_for(make_person(slug="di"), "roster.arrange_swap")

    response = manager.post(URL, wish(mode="arrange", giver="ana", to="bo"), format="json")

    body = response.json()
    assert (body["state"], body["arranged_by"], body["steps"]) == ("taken", "di", ["give-back"])
    assert who(rotation.schedule)[0] == ("bo", HANDOFF, HANDOFF + 2 * WEEK)


@pytest.mark.parametrize(
    "asked",
    [
        {"mode": "arrange", "giver": "ana", "to": "bo"},
        {"giver": "ana", "to": "bo"},
        {"mode": "take_over", "giver": "ana", "to": "cy"},
    ],
)
def test_post_for_others_needs_the_right_to_arrange(
    client_for: Callable[..., APIClient], rotation: Rotation, asked: dict[str, str]
) -> None:
    response = client_for(rotation.bo).post(URL, wish(**asked), format="json")

    assert refusal(response) == (403, "permission_denied", [])
    assert not Swap.objects.exists()


@pytest.mark.parametrize(
    ("changed", "code", "fields"),
    [
        ({"to": "ana"}, "swap_with_oneself", ["to"]),
        ({"to": "nobody"}, "invalid", ["to"]),
        ({"schedule": "none"}, "invalid", ["schedule"]),
        ({"starts_at": "2026-03-01T09:00:00Z"}, "in_the_past", ["starts_at"]),
        ({"starts_at": "2026-03-16T09:00:00Z"}, "ends_before_start", ["ends_at"]),
        ({"ends_at": "2026-03-17T09:00:00Z"}, "not_on_call", ["starts_at"]),
        ({"ends_at": "9999-12-31T23:59:59Z"}, "invalid", ["ends_at"]),
        ({"ends_at": "2100-01-01T00:00:00Z"}, "too_far", ["ends_at"]),
        ({"starts_at": "2026-03-09T09:00:30Z"}, "whole_minute", ["starts_at"]),
        ({"starts_at": "soon"}, "invalid", ["starts_at"]),
        ({"return_starts_at": "2026-03-16T09:00:00Z"}, "invalid", ["return_ends_at"]),
        ({"person": "bo"}, "invalid", ["person"]),
        ({"mode": "steal"}, "invalid", ["mode"]),
    ],
)
def test_post_explains_bad_input_on_its_field(
    client_for: Callable[..., APIClient],
    rotation: Rotation,
    changed: dict[str, str],
    code: str,
    fields: list[str],
) -> None:
    response = client_for(rotation.ana).post(URL, wish(**changed), format="json")

    assert refusal(response) == (400, code, fields)
    assert not Swap.objects.exists()


def answer(client: APIClient, swap: Swap, step: str, **data: bool) -> Any:
    return client.post(f"{URL}{swap.reference}/{step}/", data, format="json")


def test_accept_takes_the_shift_and_repeats_quietly(
    client_for: Callable[..., APIClient], rotation: Rotation, now: datetime
) -> None:
    swap, client = offered(rotation, now), client_for(rotation.bo)

    first, again = (answer(client, swap, "accept") for _ in range(2))

    assert (first.status_code, first.json()["state"]) == (200, "taken")
    assert again.json() == first.json()
    assert who(rotation.schedule)[0][0] == "bo"


def test_accept_names_conflicts_until_they_are_confirmed(
    client_for: Callable[..., APIClient], rotation: Rotation, now: datetime
) -> None:
    search = make_schedule(name="Search", slug="search")
    make_override(search, rotation.bo, starts_at=HANDOFF, ends_at=HANDOFF + DAY)
    swap, client = offered(rotation, now, other=rotation.bo), client_for(rotation.bo)

    shown = client.get(f"{URL}{swap.reference}/").json()
    refused = answer(client, swap, "accept")
    taken = answer(client, swap, "accept", despite=True)

    assert shown["steps"] == ["accept", "decline"]
    assert shown["conflicts"] == [
        {
            "kind": "two_primaries",
            "person": "bo",
            "schedule": "payments",
            "other_schedule": "search",
            "starts_at": "2026-03-09T09:00:00Z",
            "ends_at": "2026-03-10T09:00:00Z",
            "text": "Bo is on call for Payments and Search at once.",
        }
    ]
    assert refusal(refused) == (409, "conflicts", [])
    assert taken.json()["state"] == "taken"


def test_accept_after_somebody_else_is_refused(
    client_for: Callable[..., APIClient], rotation: Rotation, now: datetime
) -> None:
    swap = offered(rotation, now)
    swaps.accept(swap, by=person_acting(rotation.cy), at=now)

    response = answer(client_for(rotation.bo), swap, "accept")

    assert refusal(response) == (409, "taken", [])


@pytest.mark.parametrize(
    ("step", "who_answers", "state"),
    [
        ("confirm", "ana", "taken"),
        ("decline", "ana", "declined"),
        ("cancel", "bo", "cancelled"),
    ],
)
def test_answers_to_a_request(
    client_for: Callable[..., APIClient],
    rotation: Rotation,
    now: datetime,
    step: str,
    who_answers: str,
    state: str,
) -> None:
    swap = swaps.take_over(
        proposal(rotation.schedule, rotation.ana, other=rotation.bo),
        by=person_acting(rotation.bo),
        at=now,
    )
    client = client_for(Person.objects.get(slug=who_answers))

    first, again = (answer(client, swap, step) for _ in range(2))

    assert (first.json()["state"], again.json()["state"]) == (state, state)


def test_give_back_undoes_it(
    client_for: Callable[..., APIClient], rotation: Rotation, now: datetime
) -> None:
    swap = offered(rotation, now)
    swaps.accept(swap, by=person_acting(rotation.bo), at=now)

    response = answer(client_for(rotation.ana), swap, "give-back")

    assert response.json()["state"] == "undone"
    assert who(rotation.schedule)[0][0] == "ana"


@pytest.mark.parametrize("step", ["cancel", "give-back"])
def test_strangers_may_not_undo(
    client_for: Callable[..., APIClient], rotation: Rotation, now: datetime, step: str
) -> None:
    response = answer(client_for(rotation.cy), offered(rotation, now), step)

    assert refusal(response) == (403, "permission_denied", [])


@pytest.mark.parametrize("reference", ["SWAP-99", "INC-1", "SWAP-999999999999999999"])
def test_unknown_swaps_are_not_found(
    client_for: Callable[..., APIClient], rotation: Rotation, reference: str
) -> None:
    response = client_for(rotation.bo).get(f"{URL}{reference}/")

    assert refusal(response) == (404, "not_found", [])


def test_swaps_need_the_right_to_see_schedules(user_with: Callable[..., User]) -> None:
    client = client_of(user_with("roster.view_person"))

    assert client.get(URL).status_code == 403
    assert client.post(URL, wish(), format="json").status_code == 403


def test_list_is_narrowed_by_state_schedule_and_person(
    client_for: Callable[..., APIClient], rotation: Rotation, now: datetime
) -> None:
    to_bo, to_cy = (offered(rotation, now, other=each) for each in (rotation.bo, rotation.cy))
    swaps.decline(to_cy, by=person_acting(rotation.cy), at=now)
    client = client_for(rotation.ana)

    def listed(**query: str) -> list[str]:
        return [row["reference"] for row in client.get(URL, query).json()["results"]]

    assert listed() == [to_cy.reference, to_bo.reference]
    assert listed(state="offered") == [to_bo.reference]
    assert listed(person="cy") == [to_cy.reference]
    assert listed(schedule="payments", person="bo") == [to_bo.reference]
    assert client.get(URL, {"state": "lost"}).status_code == 400


@pytest.mark.parametrize("count", [1, 3])
def test_list_needs_a_constant_number_of_queries(
    client_for: Callable[..., APIClient],
    rotation: Rotation,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(count):
        make_swap(rotation.schedule, rotation.ana, asked=rotation.bo)
    client = client_for(rotation.ana)

    with django_assert_num_queries(4):
        client.get(URL)


def test_an_offset_reads_as_the_moment_it_is(
    client_for: Callable[..., APIClient], rotation: Rotation
) -> None:
    client_for(rotation.ana).post(URL, wish(starts_at="2026-03-10T01:00:00+01:00"), format="json")

    assert Swap.objects.get().starts_at == datetime(2026, 3, 10, tzinfo=UTC)
