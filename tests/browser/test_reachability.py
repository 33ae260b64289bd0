"""Being reached, in Chromium: prove an address with its code, page oneself, answer from a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import PHONE, Enter, Muster
from tests.e2e import seed
from tests.e2e.mailbox import answer_link, text_of
from tests.e2e.stack import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright (`uv run --group e2e`)"
).expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.smtp]

NIGHT = "mia.night@example.com"
# The panel asks for news every few seconds while a test page waits.
REFRESHED = 25_000
type Shoot = Callable[[Page, str], None]


def test_person_proves_an_address_and_answers_a_test_page(
    muster: Muster, enter: Enter, shoot: Shoot
) -> None:
    mia = enter(seed.MANAGER_LOGIN)
    mia.goto("/admin/roster/person/?q=mia")
    mia.get_by_role("link", name="Mia Mann").first.click()
    mia.get_by_role("link", name="Add another Contact method").click()
    mia.locator("#id_contact_methods-0-address").fill(NIGHT)
    mia.locator("#id_contact_methods-0-label").fill("Night mail")
    mia.get_by_role("button", name="Save and continue editing").click()
    shoot(mia, "30-not-verified")

    mia.get_by_role("link", name="Verify…").click()
    dialog = mia.get_by_role("dialog")
    dialog.get_by_role("button", name="Send code").click()
    expect(dialog).to_contain_text(f"on its way to {NIGHT}")
    [mail] = wait_until("the code", lambda: muster.mailbox.to(NIGHT, "code"))
    found = re.search(r"\d{6}", text_of(mail))
    assert found
    shoot(mia, "31-code")
    dialog.get_by_label("Code").fill(found.group())
    dialog.get_by_role("button", name="Verify").click()
    expect(mia.get_by_text("“Night mail” is verified")).to_be_visible()

    panel = mia.locator("#panel-reachability")
    expect(panel).to_contain_text("Night mail at once")
    panel.get_by_role("button", name="Send me a test page").click()
    expect(panel).to_contain_text("Waits for the answer")
    [page] = wait_until("the test page", lambda: muster.mailbox.to(NIGHT, "Test page"))
    expect(panel).to_contain_text("Night mail: sent", timeout=REFRESHED)
    shoot(mia, "32-test-page")

    phone = enter(width=PHONE)
    phone.goto(answer_link(page))
    phone.get_by_role("button", name="I have it").tap()
    expect(phone.get_by_role("status")).to_contain_text("This was a test; nothing is wrong.")
    shoot(phone, "33-answered")

    expect(panel).to_contain_text(re.compile(r"Answered\s+after \d+ s"), timeout=REFRESHED)
    shoot(mia, "34-result")
