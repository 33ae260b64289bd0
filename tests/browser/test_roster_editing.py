"""A roster editor changes a rotation in Chromium: looks at it first, saves it, people are told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import DESK, PHONE, Enter, Muster
from tests.e2e import seed
from tests.e2e.stack import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright (`uv run --group e2e`)"
).expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.smtp]

EDITOR_LOGIN = "edi"
EDITOR = f"""
from django.contrib.auth.models import Group, User

editor = User.objects.create_user("{EDITOR_LOGIN}", password="{seed.PASSWORD}", is_staff=True)
editor.groups.set([Group.objects.get(name="Roster editor")])
"""
type Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="module", autouse=True)
def editor(muster: Muster) -> None:
    """Someone who plans the roster, with the rights of that group and no others."""
    muster.stack.manage("shell", "--no-imports", "--command", EDITOR)


def add_person(page: Page, name: str) -> None:
    """Add somebody to the end of the order, through the field that finds people by name."""
    page.get_by_text("Add another Participant").click()
    page.locator(".select2-selection:visible").last.click()
    page.locator(".select2-search__field").last.fill(name.partition(" ")[0])
    page.locator(".select2-results__option", has_text=name).click()


def open_layer(page: Page, schedule: str) -> None:
    page.goto("/admin/roster/schedule/")
    page.get_by_role("link", name=schedule, exact=True).first.click()
    page.get_by_role("link", name="weekly", exact=True).first.click()


@pytest.mark.parametrize(("width", "schedule"), [(DESK, "Primary"), (PHONE, "Secondary")])
def test_editor_looks_at_a_change_goes_back_and_saves_it(
    muster: Muster, enter: Enter, shoot: Shoot, width: int, schedule: str
) -> None:
    page = enter(EDITOR_LOGIN, width=width)
    open_layer(page, schedule)
    expect(page.locator(".field-takes_effect_at")).to_be_hidden()
    shoot(page, "20-layer")
    add_person(page, "Dev Patel")
    page.get_by_label("At the next handoff").check()
    page.get_by_role("button", name="Save", exact=True).click()

    people = page.get_by_role("region", name="Whose shifts change")
    expect(people).to_contain_text("Dev Patel")
    expect(people).to_contain_text("no shift")
    shoot(page, "21-review")

    page.get_by_role("button", name="Back to editing").click()
    expect(page.get_by_label("At the next handoff")).to_be_checked()
    expect(page.locator(".select2-selection", has_text="Dev Patel")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Save and tell them").click()

    expect(page.get_by_text("whose shifts change by this")).to_contain_text("Dev Patel")
    subject = f"Your shifts changed: {schedule}"
    wait_until("the notice", partial(muster.mailbox.to, seed.EXPERT, subject))
    shoot(page, "22-saved")


def test_planned_change_is_seen_and_withdrawn(muster: Muster, enter: Enter, shoot: Shoot) -> None:
    page = enter(EDITOR_LOGIN)
    open_layer(page, "Managers")
    add_person(page, "Lou Legal")
    page.get_by_label("At another moment").check()
    moment = page.locator(".field-takes_effect_at input")
    moment.first.fill("01/03/2027")
    moment.last.fill("09:00")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Save and tell them").click()
    expect(page.get_by_text("From 1 Mar 2027 09:00:")).to_be_visible()
    shoot(page, "23-planned")

    page.get_by_role("link", name="weekly", exact=True).first.click()
    page.get_by_role("link", name="Withdraw").click()
    shoot(page, "24-withdraw")
    page.get_by_role("button", name="Take back and tell them").click()

    expect(page.get_by_text("The planned change is withdrawn.")).to_be_visible()
    expect(page.get_by_text("From 1 Mar 2027 09:00:")).to_have_count(0)
