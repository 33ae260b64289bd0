"""The roster's calendars in Chromium: twelve schedules, sixty people, by mouse, keys and thumb."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser import roster_seed
from tests.browser.conftest import PHONE, Enter, Muster
from tests.e2e import seed

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

expect = pytest.importorskip(
    "playwright.sync_api", reason="needs Playwright (`uv run --group e2e`)"
).expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.smtp]

ON_CALL = "/admin/roster/schedule/on-call/"
type Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def roster(muster: Muster) -> dict[str, int]:
    """Give the ids of the schedules that the tests look at, by what is on them."""
    return roster_seed.fill_roster(muster.stack, seed.PASSWORD)


def calendar_of(pk: int, query: str = "") -> str:
    return f"/admin/roster/schedule/{pk}/calendar/{query}"


def spans(page: Page) -> Locator:
    return page.locator(".rc-span")


def test_all_schedules_stand_in_one_timeline_and_can_be_filtered(
    enter: Enter, roster: dict[str, int], shoot: Shoot
) -> None:
    pia = enter(roster_seed.MEMBER_LOGIN)
    pia.goto(ON_CALL)

    rows = pia.locator(".ec-row-head")
    expect(rows.filter(has_text="Rota")).to_have_count(roster_seed.SCHEDULES)
    expect(pia.get_by_role("heading", name="My next shifts")).to_be_visible()
    shoot(pia, "40-on-call")

    pia.get_by_label("Schedule or person").fill("Quin Abel")
    expect(rows).to_have_count(1)
    expect(pia.locator(".rc-card:visible")).to_have_count(1)
    pia.get_by_label("Schedule or person").fill("")
    pia.get_by_label("Team").select_option("Depot")
    expect(rows).to_have_count(4)
    pia.get_by_label("Team").select_option("")
    pia.get_by_label("Only mine").check()
    expect(rows).to_have_text(["Rota 04Storefront"])
    pia.reload()
    expect(rows).to_have_text(["Rota 04Storefront"])


def test_views_change_by_click_and_by_key(
    enter: Enter, roster: dict[str, int], shoot: Shoot
) -> None:
    quin = enter(roster_seed.EDITOR_LOGIN)
    quin.goto(calendar_of(roster["with_layers"]))
    days = quin.locator(".ec-header .ec-col-head")
    title = quin.locator("#roster-title")
    expect(days).to_have_count(14)
    shoot(quin, "41-two-weeks")

    quin.get_by_role("link", name="Month", exact=True).click()
    expect(days.nth(27)).to_be_visible()
    shoot(quin, "42-month")
    quin.keyboard.press("d")
    expect(days).to_have_count(1)
    today = title.inner_text()
    quin.keyboard.press("ArrowRight")
    expect(title).not_to_have_text(today)
    quin.keyboard.press("t")
    expect(title).to_have_text(today)
    quin.keyboard.press("w")
    expect(days).to_have_count(14)
    quin.keyboard.press("+")
    assert quin.locator(".ec-main").evaluate("main => main.scrollWidth > main.clientWidth")
    quin.reload()
    expect(days).to_have_count(14)


def test_rows_are_the_result_the_changes_and_the_layers(
    enter: Enter, roster: dict[str, int]
) -> None:
    quin = enter(roster_seed.EDITOR_LOGIN)
    quin.goto(calendar_of(roster["with_layers"]))

    expect(quin.locator(".rc-row strong")).to_have_text(
        ["On call", "Overrides and swaps", "Office hours", "Around the clock"]
    )


def test_span_opened_by_key_says_why_and_leads_to_the_override(
    enter: Enter, roster: dict[str, int], shoot: Shoot
) -> None:
    quin = enter(roster_seed.EDITOR_LOGIN)
    quin.goto(calendar_of(roster["rota"]))
    dentist = quin.get_by_role("button", name="Dentist").first

    dentist.focus()
    quin.keyboard.press("Enter")
    dialog = quin.get_by_role("dialog")
    expect(dialog).to_contain_text("Override: only Rosa Abel is on call. Entered by Quin Abel.")
    shoot(quin, "43-span")
    quin.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(dentist).to_be_focused()

    quin.keyboard.press("Space")
    dialog.get_by_role("link", name="Override", exact=True).click()
    expect(quin.get_by_label("Schedule")).to_have_value(str(roster["rota"]))
    quin.get_by_role("link", name="Cancel").click()
    expect(quin.locator(".ec-header .ec-col-head")).to_have_count(14)


def test_gap_is_red_and_can_be_filled(enter: Enter, roster: dict[str, int]) -> None:
    quin = enter(roster_seed.EDITOR_LOGIN)
    quin.goto(calendar_of(roster["with_gap"]))

    quin.locator(".rc-gap").click()

    dialog = quin.get_by_role("dialog")
    expect(dialog).to_contain_text("Nobody")
    expect(dialog.get_by_role("link", name="Override")).to_be_visible()


def test_click_beside_the_spans_leads_to_an_override_from_there(
    enter: Enter, roster: dict[str, int]
) -> None:
    quin = enter(roster_seed.EDITOR_LOGIN)
    quin.goto(calendar_of(roster["with_layers"], "?from=2027-03-01"))
    day = quin.locator(".ec-body .ec-day").nth(14 + 3)  # of the row of changes
    expect(quin.locator("#roster-title")).to_have_text("1 Mar to 14 Mar 2027")
    expect(spans(quin).first).to_be_visible()

    day.click(position={"x": 2, "y": 10})

    expect(quin.get_by_label("Schedule")).to_have_value(str(roster["with_layers"]))
    expect(quin.locator("[name=starts_at_0]")).to_have_value("04/03/2027")
    expect(quin.locator("[name=starts_at_1]")).to_have_value("00:00:00")


def test_member_sees_offers_and_may_not_override(enter: Enter, roster: dict[str, int]) -> None:
    pia = enter(roster_seed.MEMBER_LOGIN)
    pia.goto(calendar_of(roster["rota"]))

    expect(pia.locator(".rc-swap").first).to_be_visible()
    expect(pia.get_by_role("link", name="Override", exact=True)).to_have_count(0)
    pia.get_by_role("button", name="Dentist").first.click()
    expect(pia.get_by_role("dialog").get_by_role("link", name="Override")).to_have_count(0)


def test_calendar_is_a_list_on_a_phone_and_never_scrolls_sideways(
    enter: Enter, roster: dict[str, int], shoot: Shoot
) -> None:
    pia = enter(roster_seed.MEMBER_LOGIN, width=PHONE)
    for path, name in ((calendar_of(roster["rota"]), "44-phone"), (ON_CALL, "45-phone-all")):
        pia.goto(path)
        expect(pia.locator(".ec-list")).to_be_visible()
        expect(spans(pia).first).to_be_visible()
        expect(pia.locator(".ec-list .is-past")).to_have_count(0)
        shoot(pia, name)
        assert pia.evaluate("document.documentElement.scrollWidth") <= PHONE, name

    expect(pia.locator("#roster-board [aria-current]")).to_have_text("Day")
    spans(pia).first.tap()
    expect(pia.get_by_role("dialog")).to_be_visible()


def test_dark_calendar_keeps_names_legible(
    enter: Enter, roster: dict[str, int], shoot: Shoot
) -> None:
    quin = enter(roster_seed.EDITOR_LOGIN)
    quin.emulate_media(color_scheme="dark")
    quin.goto(calendar_of(roster["rota"]))
    expect(spans(quin).first).to_be_visible()

    shoot(quin, "46-dark")
    ink = quin.locator(".rc-turn").first.evaluate("span => getComputedStyle(span).color")
    paper = quin.locator(".rc-turn").first.evaluate(
        "span => getComputedStyle(span).backgroundColor"
    )
    assert brightness(ink) - brightness(paper) > 100


def brightness(color: str) -> float:
    red, green, blue = (float(part) for part in color.strip("rgba()").split(",")[:3])
    return 0.3 * red + 0.6 * green + 0.1 * blue


def test_calendar_without_its_script_is_a_list(enter: Enter, roster: dict[str, int]) -> None:
    quin = enter(roster_seed.EDITOR_LOGIN)
    quin.route(
        "**/roster/calendar*.js",
        lambda route: route.fulfill(body="", content_type="text/javascript"),
    )
    quin.goto(calendar_of(roster["rota"]))

    expect(quin.get_by_role("table")).to_contain_text("Rosa Abel")
    quin.get_by_role("link", name="Later").click()
    expect(quin.get_by_role("table")).not_to_contain_text("Dentist")
