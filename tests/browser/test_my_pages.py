"""My pages on a phone, from the link in the mail: one tap each, and the dark does not matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import PHONE, Enter, Muster
from tests.e2e import seed
from tests.e2e.mailbox import text_of
from tests.e2e.stack import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright (`uv run --group e2e`)"
).expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.smtp]

type Shoot = Callable[[Page, str], None]


def fire(muster: Muster, name: str) -> None:
    labels = {"alertname": name, "severity": "critical"}
    alert = {"status": "firing", "fingerprint": name, "labels": labels}
    body = {"version": "4", "groupKey": name, "alerts": [alert]}
    answer = muster.stack.post(f"/ingest/{muster.seeded.key}/", body)
    assert answer.status == 202, answer.text


def my_pages_link(muster: Muster, subject: str) -> str:
    [mail] = wait_until("the page", lambda: muster.mailbox.to(seed.FIRST, subject))
    words = text_of(mail).split()
    return next(word for word in words if "/a/pages.mine:" in word)


def test_person_answers_from_one_list(muster: Muster, enter: Enter, shoot: Shoot) -> None:
    fire(muster, "Carts are lost")
    link = my_pages_link(muster, "Carts are lost")
    phone = enter(width=PHONE)
    phone.emulate_media(color_scheme="dark")
    phone.goto(link)
    card = phone.get_by_role("article").filter(has_text="Carts are lost")
    for name in ("I have it", "Decline", "Escalate", "Snooze"):
        box = card.get_by_text(name, exact=True).bounding_box()
        assert box
        assert box["height"] >= 48, name
    assert phone.evaluate("document.documentElement.scrollWidth") == PHONE
    shoot(phone, "40-my-pages")

    card.get_by_role("button", name="I have it").tap()
    expect(phone.get_by_role("status")).to_contain_text("You have INC-")
    card = phone.get_by_role("article").filter(has_text="Carts are lost")
    expect(card).to_contain_text("Yours since")

    card.get_by_role("link", name="Snooze").tap()
    shoot(phone, "41-snooze")
    phone.get_by_role("button", name="Snooze 1 hour").tap()
    expect(phone.get_by_role("status")).to_contain_text("pages again at")
    expect(phone.get_by_role("article").filter(has_text="Carts are lost")).to_contain_text(
        "Snoozed until"
    )
    shoot(phone, "42-snoozed")
