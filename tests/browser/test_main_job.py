"""The main job in Chromium: a responder without a login, an incident manager, a viewer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import PHONE, VIEWER_LOGIN, Enter, Muster
from tests.e2e import seed
from tests.e2e.mailbox import answer_link
from tests.e2e.stack import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

expect = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright (`uv run --group e2e`)"
).expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.smtp]

FIRING = Path(__file__).parents[1] / "fixtures" / "alertmanager" / "firing.json"
# The page asks for news every ten seconds.
REFRESHED = 25_000
type Shoot = Callable[[Page, str], None]


def next_step(page: Page, label: str) -> None:
    """Press the one big button, which must say `label`."""
    step = page.get_by_label("Next step").locator("a, button")
    expect(step).to_have_text(label)
    step.click()


def open_form(page: Page, label: str) -> Locator:
    """Open the form behind a button and return it as the dialog it shows in."""
    page.get_by_role("link", name=label, exact=True).click()
    return page.get_by_role("dialog")


def answer_questions(form: Page | Locator) -> None:
    """Some customers cannot use it: SEV2 in the shipped matrix."""
    form.get_by_text("Some customers", exact=True).click()
    form.get_by_text("Unusable", exact=True).click()
    expect(form.locator("[data-verdict]")).to_contain_text("SEV2")


def newest_entry(page: Page) -> Locator:
    """Return the topmost line of the timeline."""
    return page.locator("#timeline-entries > li").first


def post_form(page: Page, path: str, **values: str) -> int:
    """Post a form as the page would, whether or not it shows a button, and return the status."""
    token = next(
        cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken"
    )
    answer = page.request.post(path, form={**values, "csrfmiddlewaretoken": token})
    return answer.status


def test_three_people_with_different_rights_do_the_main_job(
    muster: Muster, enter: Enter, shoot: Shoot
) -> None:
    box = muster.mailbox
    accepted = muster.stack.request(
        "POST", f"/ingest/{muster.seeded.key}/", form=FIRING.read_bytes()
    )
    assert accepted.status == 202, accepted.text
    paged = wait_until("the page", lambda: box.to(seed.FIRST, "Checkout is failing"))[0]
    reference = str(paged["Subject"]).partition(" ")[0].rstrip(":")

    ana = enter(width=PHONE)
    ana.goto(answer_link(paged))
    shoot(ana, "01-page-link")
    ana.get_by_role("button", name="I have it").tap()
    expect(ana.get_by_role("status")).to_contain_text(f"You have {reference} now.")
    shoot(ana, "02-acknowledged")

    mia = enter(seed.MANAGER_LOGIN)
    shoot(mia, "03-dashboard")
    mia.get_by_role("link", name=f"{reference} Checkout is failing").click()
    shoot(mia, "04-detected")
    next_step(mia, "Declare")
    declaration = mia.get_by_role("dialog")
    answer_questions(declaration)
    shoot(mia, "05-declaration")
    declaration.get_by_role("button", name="Declare").click()
    expect(mia.locator("#panel-roles")).to_contain_text("Mia Mann")
    expect(mia.locator("#panel-head")).to_contain_text("SEV2")
    wait_until("the first update", lambda: box.to(seed.STAKEHOLDERS, reference))
    shoot(mia, "06-declared")

    request = open_form(mia, "Ask for help…")
    request.get_by_label("Person").fill("dev")
    request.get_by_label("What you need from them").fill("Card payments fail since the release.")
    request.get_by_role("button", name="Ask", exact=True).click()
    expect(mia.locator("#panel-responders")).to_contain_text("Dev Patel Asked")
    asked = wait_until("the request", partial(box.to, seed.EXPERT, reference))[0]
    dev = enter(width=PHONE)
    dev.goto(answer_link(asked))
    shoot(dev, "07-request-link")
    dev.get_by_role("main").get_by_role("button").tap()
    expect(mia.locator("#panel-responders")).to_contain_text("Dev Patel Engaged", timeout=REFRESHED)

    mia.get_by_label("Note").fill("Errors began with the release of 14:00.")
    mia.get_by_role("button", name="Add note").click()
    expect(newest_entry(mia)).to_contain_text("Errors began with the release of 14:00.")
    next_step(mia, "Start diagnosing")
    expect(newest_entry(mia)).to_contain_text("Diagnosing")

    update = open_form(mia, "Internal update…")
    update.get_by_label("Text").fill("Card payments fail. We are rolling the release back.")
    shoot(mia, "08-update")
    update.get_by_role("button", name="Send update").click()
    expect(mia.locator("#panel-updates")).to_contain_text("Mia Mann")
    wait_until("the update", lambda: box.to(seed.STAKEHOLDERS, "rolling the release back"))
    shoot(mia, "09-diagnosing")

    vera = enter(VIEWER_LOGIN)
    vera.goto(muster.page_path(reference))
    shoot(vera, "10-viewer")
    expect(vera.get_by_role("heading", name="Checkout is failing", exact=True)).to_be_visible()
    expect(vera.locator("#timeline-entries")).to_contain_text("release of 14:00")
    expect(vera.locator("[data-live-url] :is(.mu-button, form):visible")).to_have_count(0)

    next_step(mia, "Start restoring")
    expect(newest_entry(mia)).to_contain_text("Restoring")
    mia.locator("#panel-responders").get_by_role("link", name="Release", exact=True).click()
    release = mia.get_by_role("dialog")
    release.get_by_label("Why").fill("The rollback works.")
    release.get_by_role("button", name="Release").click()
    expect(mia.locator("#panel-responders")).to_contain_text("1 released or declined")
    next_step(mia, "Mark as restored")
    restoration = mia.get_by_role("dialog")
    restoration.get_by_label("What brought service back").fill("Rolled back to 13:00.")
    restoration.get_by_role("button", name="Restored").click()
    expect(mia.locator("[aria-current=step]")).to_have_text("Restored")

    for address in (seed.FIRST, seed.EXPERT, seed.MANAGER):
        wait_until(f"the invitation of {address}", partial(box.invitations_to, address))
    # A panel that was not there when the page was opened.
    expect(mia.get_by_role("link", name="PM-1", exact=True)).to_be_visible(timeout=REFRESHED)
    shoot(mia, "11-restored")


def test_viewer_posting_a_form_without_its_button_is_refused(muster: Muster, enter: Enter) -> None:
    reference = muster.open_incident("Search is slow")
    forms = {
        "note": {"text": "I was here."},
        "severity": {"severity": "1", "reason": "Because."},
        "request": {"person": "dev", "purpose": "investigate"},
        "update": {"subject": "News", "body": "None."},
        "restore": {"summary": "It works."},
    }
    mia, vera = enter(seed.MANAGER_LOGIN), enter(VIEWER_LOGIN)

    refused = {
        slug: post_form(vera, muster.action_path(reference, slug), **values)
        for slug, values in forms.items()
    }
    allowed = post_form(mia, muster.action_path(reference, "note"), **forms["note"])

    assert refused == dict.fromkeys(forms, 403)
    assert allowed == 200
    assert [note["actor"] for note in muster.entries(reference, "note_added")] == ["Mia Mann"]


def test_page_refreshes_itself_and_keeps_what_is_being_typed(muster: Muster, enter: Enter) -> None:
    reference = muster.open_incident("Invoices arrive late")
    mia = enter(seed.MANAGER_LOGIN)
    mia.goto(muster.page_path(reference))
    mia.get_by_label("Note").press_sequentially("The queue is")

    muster.call(f"incidents/{reference}/timeline", text="Said by somebody else.")

    expect(newest_entry(mia)).to_contain_text("Said by somebody else.", timeout=REFRESHED)
    mia.keyboard.type(" growing")
    expect(mia.get_by_label("Note")).to_have_value("The queue is growing")


def test_open_form_survives_the_refresh_behind_it(muster: Muster, enter: Enter) -> None:
    reference = muster.open_incident("Labels print twice")
    mia = enter(seed.MANAGER_LOGIN)
    mia.goto(muster.page_path(reference))
    request = open_form(mia, "Ask for help…")
    request.get_by_label("Person").fill("lou")

    muster.call(f"incidents/{reference}/timeline", text="Said by somebody else.")

    expect(newest_entry(mia)).to_contain_text("Said by somebody else.", timeout=REFRESHED)
    expect(request.get_by_label("Person")).to_have_value("lou")


def test_double_click_does_it_once(muster: Muster, enter: Enter) -> None:
    reference = muster.open_incident("Stock is counted wrong")
    mia = enter(seed.MANAGER_LOGIN)
    mia.goto(muster.page_path(reference))

    mia.get_by_label("Note").fill("Counted twice.")
    mia.get_by_role("button", name="Add note").dblclick()
    expect(newest_entry(mia)).to_contain_text("Counted twice.")
    mia.get_by_role("button", name="Start diagnosing").dblclick()
    expect(newest_entry(mia)).to_contain_text("Diagnosing")
    mia.reload()

    assert len(muster.entries(reference, "note_added")) == 1
    assert len(muster.entries(reference, "phase_changed")) == 1
    expect(mia.locator("[aria-current=step]")).to_have_text("Diagnosing")


def test_manager_declares_and_updates_on_a_phone_that_never_scrolls_sideways(
    muster: Muster, enter: Enter, shoot: Shoot
) -> None:
    mia = enter(seed.MANAGER_LOGIN, width=PHONE)

    def fits(name: str) -> None:
        shoot(mia, name)
        assert mia.evaluate("document.documentElement.scrollWidth") <= PHONE, name

    fits("20-dashboard")
    mia.get_by_role("link", name="Declare an incident").tap()
    mia.get_by_label("Title").fill("Nobody can log in to the portal since the certificate expired")
    answer_questions(mia)
    fits("21-declaration")
    mia.get_by_role("button", name="Declare").tap()
    expect(mia.locator("[aria-current=step]")).to_have_text("Mobilizing")
    fits("22-incident")

    update = open_form(mia, "Internal update…")
    update.get_by_label("Text").fill("We are renewing the certificate.")
    fits("23-update")
    update.get_by_role("button", name="Send update").tap()
    expect(mia.locator("#panel-updates")).to_contain_text("Mia Mann")
    fits("24-updated")
