"""Swapping shifts in Chromium: offered at a desk, taken from a phone without a login, undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import DESK, PHONE, Enter, Muster
from tests.e2e import seed
from tests.e2e.mailbox import answer_link
from tests.e2e.stack import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright (`uv run --group e2e`)"
).expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.smtp]

# Ana this week, Mia the next, then Bo.
ROTATION = """
from datetime import time, timedelta
from django.utils import timezone
from roster.models import Layer, Participant, Person, Schedule

today = timezone.now().date()
schedule = Schedule.objects.create(
    slug="depot", name="Depot", time_zone="UTC", is_primary=False, rest_hours=0
)
layer = Layer.objects.create(
    schedule=schedule,
    name="weekly",
    starts_on=today - timedelta(days=today.weekday() + 7),
    handoff_time=time(9),
)
for position, slug in enumerate(["bo", "ana", "mia"]):
    Participant.objects.create(
        layer=layer, position=position, person=Person.objects.get(slug=slug)
    )
"""
type Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def rotation(muster: Muster) -> None:
    muster.stack.manage("shell", "--no-imports", "--command", ROTATION)


@pytest.mark.usefixtures("rotation")
def test_shift_is_offered_taken_by_mail_and_given_back(
    muster: Muster, enter: Enter, shoot: Shoot
) -> None:
    mia = enter(seed.MANAGER_LOGIN)
    mia.goto("/admin/roster/swap/")
    mia.get_by_role("link", name="Cover me").click()
    choose(mia, "Depot")
    mia.locator("label.mu-choice", has_text="Bo Berg").click()
    mia.get_by_label("Note").fill("Wedding in Lagos")
    shoot(mia, "50-offer")
    mia.get_by_role("button", name="Offer it").click()
    expect(mia.get_by_text("is offered to Bo Berg")).to_be_visible()

    [mail] = wait_until("the offer", lambda: muster.mailbox.to(seed.SECOND, "be covered on Depot"))
    phone = enter(width=PHONE)
    phone.goto(answer_link(mail))
    expect(phone.get_by_role("main")).to_contain_text("Wedding in Lagos")
    shoot(phone, "51-offer-link")
    phone.get_by_role("button", name="I take it").tap()
    expect(phone.get_by_role("status")).to_contain_text("You take Mia Mann's shift on Depot.")
    wait_until("the news", lambda: muster.mailbox.to(seed.MANAGER, "Bo Berg takes your shift"))

    mia.reload()
    expect(mia.locator(".mu-chip")).to_have_text("Agreed")
    shoot(mia, "52-agreed")
    mia.get_by_role("link", name="Give back").click()
    mia.get_by_role("button", name="Give back").click()
    expect(mia.locator(".mu-chip")).to_have_text("Given back")
    wait_until("the end", lambda: muster.mailbox.to(seed.SECOND, "is off"))
    phone.reload()
    shoot(phone, "53-over")


@pytest.mark.usefixtures("rotation")
def test_shift_is_taken_over_once_its_owner_agrees(
    muster: Muster, enter: Enter, shoot: Shoot
) -> None:
    mia = enter(seed.MANAGER_LOGIN, width=PHONE)
    mia.goto("/admin/roster/swap/take/")
    choose(mia, "Bo Berg, Depot")
    shoot(mia, "54-take-over")
    mia.get_by_role("button", name="Ask Bo Berg to let me take over").click()
    expect(mia.get_by_text("Bo Berg is asked to confirm")).to_be_visible()
    shoot(mia, "55-asked")

    [mail] = wait_until("the request", lambda: muster.mailbox.to(seed.SECOND, "take over your"))
    bo = enter(width=DESK)
    bo.goto(answer_link(mail))
    bo.get_by_role("button", name="I agree").click()
    expect(bo.get_by_role("status")).to_contain_text("Mia Mann takes your shift on Depot.")

    mia.reload()
    expect(mia.locator(".mu-chip")).to_have_text("Agreed")


def choose(page: Page, text: str) -> None:
    """Choose the first shift whose line says so; the page shows its form at once."""
    shifts = page.get_by_role("combobox", name="Shift")
    option = shifts.locator("option", has_text=text).first
    value = option.get_attribute("value")
    assert value
    if shifts.input_value() != value:
        with page.expect_navigation():
            shifts.select_option(value)
