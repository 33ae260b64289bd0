from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from roster import swaps
from roster.models import Person, Swap
from tests.factories.roster import make_override, make_person, make_schedule
from tests.factories.swaps import HANDOFF, WEEK, make_swap, make_time_off, person_acting, proposal
from tests.roster.swapping import Rotation, make_rotation, told, who

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

State = Swap.State
DAY = timedelta(days=1)
OFFER, TAKE = "admin:roster_swap_offer", "admin:roster_swap_take"


@pytest.fixture
def rotation() -> Rotation:
    return make_rotation(rest_hours=0)


@pytest.fixture
def log_in(client: Client, user_with: Callable[..., User]) -> Callable[..., Client]:
    """Log in as a person of the roster, who may see schedules and what else is named."""

    def as_person(person: Person | None, *permissions: str) -> Client:
        user = user_with("roster.view_schedule", *permissions)
        if person:
            person.user = user
            person.save()
        client.force_login(user)
        return client

    return as_person


def said(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def form_values(**changed: str) -> dict[str, str]:
    """Ana's whole week, to the rotation."""
    return {
        "starts_at": "2026-03-09T09:00",
        "ends_at": "2026-03-16T09:00",
        "to": "all",
        "in_return": "",
        "note": "",
        **changed,
    }


def test_offer_page_lists_the_coming_shifts_and_who_is_free(
    log_in: Callable[..., Client], rotation: Rotation
) -> None:
    make_time_off(rotation.bo, HANDOFF, HANDOFF + DAY)

    context = log_in(rotation.ana).get(reverse(OFFER)).context

    assert [text for _, text, _ in context["choices"]] == [
        "Mon 9 Mar 09:00 to Mon 16 Mar 09:00 · Payments",
        "Mon 30 Mar 09:00 to Mon 6 Apr 09:00 · Payments",
        "Mon 20 Apr 09:00 to Mon 27 Apr 09:00 · Payments",
    ]
    options = [(each.radio.choice_label, each.beside) for each in context["form"].options()]
    assert options == [
        ("Everyone who takes turns", "The first to say yes has it"),
        ("Bo", "On time off then"),
        ("Cy", "Free then"),
        ("Somebody else", "Anybody in the roster"),
    ]
    assert not Swap.objects.exists()


def test_offer_page_is_filled_in_from_the_address(
    log_in: Callable[..., Client], rotation: Rotation
) -> None:
    start = HANDOFF + 3 * WEEK + DAY
    query = {"schedule": rotation.schedule.pk, "start": start.isoformat(), "person": 0}

    response = log_in(rotation.ana).get(reverse(OFFER), query)

    form = response.context["form"]
    assert form.fields["starts_at"].initial == start
    assert form.fields["ends_at"].initial == HANDOFF + 4 * WEEK


def test_offer_page_offers(log_in: Callable[..., Client], rotation: Rotation) -> None:
    response = log_in(rotation.ana).post(
        reverse(OFFER), form_values(to=str(rotation.bo.pk), note="Wedding")
    )

    swap = Swap.objects.get()
    assert response["Location"] == reverse("admin:roster_swap_change", args=[swap.pk])
    assert (swap.giver, swap.asked, swap.note) == (rotation.ana, rotation.bo, "Wedding")
    assert (swap.starts_at, swap.ends_at) == (HANDOFF, HANDOFF + WEEK)
    assert said(response) == ["SWAP-1 is offered to Bo. You are told as soon as it is taken."]


def test_offer_page_reads_times_on_the_viewers_clock(
    log_in: Callable[..., Client], rotation: Rotation
) -> None:
    rotation.ana.time_zone = "Asia/Tokyo"

    log_in(rotation.ana).post(
        reverse(OFFER), form_values(starts_at="2026-03-10T09:00", ends_at="2026-03-11T09:00")
    )

    assert Swap.objects.get().starts_at == datetime(2026, 3, 10, tzinfo=UTC)


def test_offer_page_exchanges(log_in: Callable[..., Client], rotation: Rotation) -> None:
    back = HANDOFF + WEEK
    in_return = f"{rotation.bo.pk}.{back.timestamp():.0f}"

    log_in(rotation.ana).post(reverse(OFFER), form_values(in_return=in_return))

    swap = Swap.objects.get()
    assert (swap.kind, swap.asked, swap.return_starts_at) == ("exchange", rotation.bo, back)


def test_offer_page_refuses_a_shift_of_another_in_return(
    log_in: Callable[..., Client], rotation: Rotation
) -> None:
    in_return = f"{rotation.bo.pk}.{(HANDOFF + WEEK).timestamp():.0f}"

    response = log_in(rotation.ana).post(
        reverse(OFFER), form_values(in_return=in_return, to=str(rotation.cy.pk))
    )

    assert response.status_code == 422
    assert response.context["form"].errors == {
        "in_return": ["This is Bo's shift. Choose one of Cy's."]
    }


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"starts_at": "2026-03-01T09:00"}, "starts_at"),
        ({"ends_at": "2026-03-08T09:00"}, "ends_at"),
        ({"ends_at": "2026-03-17T09:00"}, "starts_at"),
        ({"to": "else"}, "somebody"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"to": "999"}, "to"),
    ],
)
def test_offer_page_explains_on_the_field(
    log_in: Callable[..., Client], rotation: Rotation, changed: dict[str, str], field: str
) -> None:
    response = log_in(rotation.ana).post(reverse(OFFER), form_values(**changed))

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not Swap.objects.exists()


def test_offer_page_of_another_leads_to_taking_over(
    log_in: Callable[..., Client], rotation: Rotation
) -> None:
    response = log_in(rotation.bo).get(reverse(OFFER), {"person": rotation.ana.pk})

    assert response["Location"] == f"{reverse(TAKE)}?person={rotation.ana.pk}"


def test_offer_page_does_not_arrange_for_those_who_may_not(
    log_in: Callable[..., Client], rotation: Rotation
) -> None:
    log_in(rotation.ana).post(reverse(OFFER), form_values(to=str(rotation.bo.pk), is_arranged="on"))

    assert Swap.objects.get().state == State.OFFERED


def test_offer_page_arranges_for_others(log_in: Callable[..., Client], rotation: Rotation) -> None:
    manager = log_in(make_person(), "roster.arrange_swap")

    manager.post(
        f"{reverse(OFFER)}?person={rotation.ana.pk}",
        form_values(to=str(rotation.bo.pk), is_arranged="on"),
    )

    assert Swap.objects.get().state == State.TAKEN
    assert who(rotation.schedule)[0] == ("bo", HANDOFF, HANDOFF + 2 * WEEK)


def test_offer_page_asks_again_where_something_stands_against_it(
    log_in: Callable[..., Client], rotation: Rotation
) -> None:
    make_override(make_schedule(), rotation.bo, starts_at=HANDOFF, ends_at=HANDOFF + DAY)
    manager = log_in(None, "roster.arrange_swap")
    address = f"{reverse(OFFER)}?person={rotation.ana.pk}"
    values = form_values(to=str(rotation.bo.pk), is_arranged="on")

    asked = manager.post(address, values)
    done = manager.post(address, {**values, "despite": "on"})

    assert asked.status_code == 422
    assert 'name="despite"' in asked.content.decode()
    assert done.status_code == 302


def test_take_page_asks_the_giver(log_in: Callable[..., Client], rotation: Rotation) -> None:
    query = {
        "schedule": rotation.schedule.pk,
        "person": rotation.ana.pk,
        "start": HANDOFF.isoformat(),
        "end": (HANDOFF + WEEK).isoformat(),
    }
    client = log_in(rotation.bo)
    address = f"{reverse(TAKE)}?{'&'.join(f'{k}={v}' for k, v in query.items())}"

    page = client.get(address)
    response = client.post(address, form_values())

    assert page.context["button"] == "Ask Ana to let me take over"
    swap = Swap.objects.get()
    assert (swap.state, swap.taker, swap.giver) == (State.ACCEPTED, rotation.bo, rotation.ana)
    assert said(response) == ["Ana is asked to confirm SWAP-1."]


def test_take_page_lists_what_others_have_in_ones_rotations(
    log_in: Callable[..., Client], rotation: Rotation
) -> None:
    make_schedule(make_person(), name="Elsewhere")

    context = log_in(rotation.bo).get(reverse(TAKE)).context

    assert [text for _, text, _ in context["choices"]][:2] == [
        "Mon 9 Mar 09:00 to Mon 16 Mar 09:00 · Ana, Payments",
        "Mon 23 Mar 09:00 to Mon 30 Mar 09:00 · Cy, Payments",
    ]


def test_take_page_names_conflicts_before_the_button(
    log_in: Callable[..., Client], rotation: Rotation
) -> None:
    make_override(
        make_schedule(name="Search"), rotation.bo, starts_at=HANDOFF, ends_at=HANDOFF + DAY
    )
    client = log_in(rotation.bo)

    page = client.get(reverse(TAKE))
    refused = client.post(reverse(TAKE), form_values())
    done = client.post(reverse(TAKE), form_values(despite="on"))

    assert page.context["warnings"] == [
        "Bo is on call for Payments and Search at once. (Mon 9 Mar 09:00 to Tue 10 Mar 09:00 UTC)"
    ]
    assert page.context["must_confirm"]
    assert refused.status_code == 422
    assert done.status_code == 302


def test_take_page_needs_a_person(log_in: Callable[..., Client]) -> None:
    response = log_in(None).get(reverse(TAKE))

    assert said(response) == ["Your login belongs to no person, and people take shifts over."]


@pytest.mark.parametrize("name", [OFFER, TAKE, "admin:roster_swap_changelist"])
def test_pages_need_the_right_to_see_schedules(
    client: Client, user_with: Callable[..., User], name: str
) -> None:
    client.force_login(user_with())

    assert client.get(reverse(name)).status_code == 403


def offered(rotation: Rotation, now: datetime, **fields: object) -> Swap:
    swap = swaps.offer(
        proposal(rotation.schedule, rotation.ana, **fields),
        by=person_acting(rotation.ana),
        at=now,
    )
    told()
    return swap


def press(client: Client, swap: Swap, step: str, **data: str) -> Any:  # the client's own response
    return client.post(reverse("admin:roster_swap_answer", args=[swap.pk, step]), data)


def buttons(client: Client, swap: Swap) -> list[str]:
    context = client.get(reverse("admin:roster_swap_change", args=[swap.pk])).context
    labels = [label for _, label, _ in context["steps"]]
    return [*labels, *(["Give back"] if context["can_give_back"] else [])]


def test_swap_page_offers_each_side_its_answers(
    client: Client, rotation: Rotation, now: datetime, user_with: Callable[..., User]
) -> None:
    swap = offered(rotation, now)
    found = {}
    for person in (rotation.ana, rotation.bo, make_person(slug="di")):
        person.user = user_with("roster.view_schedule", username=person.slug)
        person.save()
        client.force_login(person.user)
        found[person.slug] = buttons(client, swap)

    assert found == {"ana": ["Call it off"], "bo": ["I take it", "I cannot"], "di": []}


def test_swap_page_takes_with_one_button(
    log_in: Callable[..., Client], rotation: Rotation, now: datetime
) -> None:
    swap = offered(rotation, now)

    response = press(log_in(rotation.bo), swap, "accept")

    assert said(response) == ["Thank you. SWAP-1: Bo takes it."]
    assert who(rotation.schedule)[0][0] == "bo"


def test_swap_page_takes_despite_conflicts_only_if_told(
    log_in: Callable[..., Client], rotation: Rotation, now: datetime
) -> None:
    make_override(make_schedule(), rotation.bo, starts_at=HANDOFF, ends_at=HANDOFF + DAY)
    swap, client = offered(rotation, now), log_in(rotation.bo)

    page = client.get(reverse("admin:roster_swap_change", args=[swap.pk]))
    press(client, swap, "accept")
    swap.refresh_from_db()
    before = swap.state
    press(client, swap, "accept", despite="1")
    swap.refresh_from_db()

    assert "I take it anyway" in page.content.decode()
    assert (before, swap.state) == (State.OFFERED, State.TAKEN)


def test_swap_page_of_an_agreed_swap_gives_back(
    log_in: Callable[..., Client], rotation: Rotation, now: datetime
) -> None:
    swap = offered(rotation, now)
    swaps.accept(swap, by=person_acting(rotation.bo), at=now)
    client, page = log_in(rotation.bo), reverse("admin:roster_swap_give_back", args=[swap.pk])

    assert buttons(client, swap) == ["Give back"]
    assert client.get(page).status_code == 200
    swap.refresh_from_db()
    assert swap.state == State.TAKEN

    client.post(page)
    swap.refresh_from_db()
    assert swap.state == State.UNDONE


@pytest.mark.parametrize("step", ["accept", "confirm", "decline", "cancel"])
def test_answers_are_posted_never_got(
    log_in: Callable[..., Client], rotation: Rotation, now: datetime, step: str
) -> None:
    swap, client = offered(rotation, now), log_in(rotation.bo)

    response = client.get(reverse("admin:roster_swap_answer", args=[swap.pk, step]))

    assert response.status_code == 405
    swap.refresh_from_db()
    assert swap.state == State.OFFERED


def test_cancel_and_give_back_are_for_the_sides_and_managers(
    log_in: Callable[..., Client], rotation: Rotation, now: datetime
) -> None:
    swap = offered(rotation, now)
    stranger = log_in(rotation.cy)
    cancelled = press(stranger, swap, "cancel")
    swaps.accept(swap, by=person_acting(rotation.bo), at=now)

    undone = stranger.post(reverse("admin:roster_swap_give_back", args=[swap.pk]))

    assert (cancelled.status_code, undone.status_code) == (403, 403)


def test_a_manager_may_call_a_swap_off(
    log_in: Callable[..., Client], rotation: Rotation, now: datetime
) -> None:
    swap = offered(rotation, now)

    press(log_in(None, "roster.arrange_swap"), swap, "cancel")

    swap.refresh_from_db()
    assert (swap.state, swap.ended_because) == (State.CANCELLED, "someone called it off.")


def test_list_shows_what_waits_for_me(
    log_in: Callable[..., Client], rotation: Rotation, now: datetime
) -> None:
    to_all, to_bo = offered(rotation, now), offered(rotation, now, other=rotation.bo)
    to_cy = offered(rotation, now, other=rotation.cy)
    client, page = log_in(rotation.bo), reverse("admin:roster_swap_changelist")

    waiting = client.get(page, {"mine": "waiting"}).context["cl"].result_list
    everything = client.get(page, {"q": "Payments"}).context["cl"].result_list

    assert list(waiting) == [to_bo, to_all]
    assert list(everything) == [to_cy, to_bo, to_all]


@pytest.mark.parametrize("count", [1, 3])
def test_list_needs_a_constant_number_of_queries(
    log_in: Callable[..., Client],
    rotation: Rotation,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(count):
        make_swap(rotation.schedule, rotation.ana, asked=rotation.bo)
    client, page = log_in(rotation.bo), reverse("admin:roster_swap_changelist")
    client.get(page)  # what the frame keeps for a while is read

    with django_assert_num_queries(6):
        client.get(page)


@pytest.mark.parametrize("others", [2, 5])
@pytest.mark.parametrize(("name", "queries"), [(OFFER, 25), (TAKE, 24)])
def test_pages_need_a_constant_number_of_queries(
    log_in: Callable[..., Client],
    others: int,
    name: str,
    queries: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ana = make_person()
    for _ in range(others):
        make_schedule(ana, *(make_person() for _ in range(others)))
    client = log_in(ana)
    client.get(reverse(name))  # what the frame keeps for a while is read

    with django_assert_num_queries(queries):
        client.get(reverse(name))
