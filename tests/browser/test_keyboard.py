"""The keyboard alone: everything can be reached, what is reached can be seen, and a section can be saved."""

import re

import pytest
from playwright.sync_api import Page, expect

from providers.kinds import StageType
from tests.browser.chromium import arrive
from tests.browser.shared_system import Sections

pytestmark = pytest.mark.browser

PATHS = ("/admin", "/admin/providers", "/admin/orders", "/admin/orders/new")
#: What the keyboard must reach, and what it is on. Native players have stops of their own.
STOPS = """[...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((each) => each.type !== "hidden" && each.checkVisibility())"""
STOP = f"""() => {{
  const which = document.activeElement, style = getComputedStyle(which), box = which.getBoundingClientRect();
  const marked = style.outlineStyle !== "none" || style.boxShadow !== "none";
  const isSeen = which === document.body || (marked && box.bottom > 0 && box.top < innerHeight);
  return [{STOPS}.indexOf(which), isSeen, which.outerHTML.slice(0, 120)];
}}"""


def test_everything_is_reached_and_seen(still_page: Page) -> None:
    # Else the page is still on its way to what has the focus.
    still_page.emulate_media(reduced_motion="reduce")

    missed = {path: _tab_through(still_page, path) for path in PATHS}
    # Who has signed in would be led away from there.
    still_page.context.clear_cookies()
    missed["/admin/login"] = _tab_through(still_page, "/admin/login")

    assert not any(missed.values()), missed


def _tab_through(page: Page, path: str) -> list[str]:
    """What the keyboard does not reach on that page, or nobody would see there."""
    page.goto(path)
    stops = page.evaluate(f"{STOPS}.map((each) => each.outerHTML.slice(0, 120))")
    assert len(stops) > 2
    # A page may have begun with one of them; then it is left at its end and entered again.
    reached, unseen = {page.evaluate(STOP)[0]}, []
    for _ in range(len(stops) + 1):
        page.keyboard.press("Tab")
        number, is_seen, stop = page.evaluate(STOP)
        reached.add(number)
        if not is_seen:
            unseen.append(f"not seen: {stop}")
    return unseen + [f"not reached: {stop}" for number, stop in enumerate(stops) if number not in reached]


def test_the_first_stop_leads_to_the_content(page: Page) -> None:
    page.goto("/admin/orders")

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("К содержанию")
    page.keyboard.press("Enter")
    arrive(page, re.compile(r"/admin/orders#main$"))
    page.keyboard.press("Tab")

    expect(page.locator(":focus")).to_have_text("Новый заказ")


def test_a_section_is_saved_without_a_mouse(page: Page, sections: Sections) -> None:
    sections.clear(StageType.VOICE)
    page.goto("/admin/providers")
    page.locator("#voice-provider-kind").focus()
    # The built-in provider is the last one.
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    for _ in range(page.evaluate(f"{STOPS}.length")):
        if page.evaluate("document.activeElement.id === 'voice-save'"):
            break
        page.keyboard.press("Tab")

    with page.expect_navigation():
        page.keyboard.press("Enter")

    expect(page.locator("#voice-status .text-bg-success")).to_be_visible()
