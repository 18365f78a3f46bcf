"""The keyboard alone: everything can be reached, what is reached can be seen, and a section can be saved."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

#: What the keyboard must reach, and what it is on. Native players have stops of their own.
STOPS = """[...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((each) => each.type !== "hidden" && each.checkVisibility())"""
IS_SEEN = """() => {
  const style = getComputedStyle(document.activeElement), box = document.activeElement.getBoundingClientRect();
  const marked = style.outlineStyle !== "none" || style.boxShadow !== "none";
  return marked && box.bottom > 0 && box.top < innerHeight;
}"""
WHICH = "document.activeElement.outerHTML.slice(0, 120)"


@pytest.mark.parametrize("path", ["/admin", "/admin/providers", "/admin/orders", "/admin/orders/new", "/admin/login"])
def test_everything_is_reached_and_seen(page: Page, path: str) -> None:
    # Else the page is still on its way to what has the focus.
    page.emulate_media(reduced_motion="reduce")
    page.goto(path)
    stops = page.evaluate(f"{STOPS}.length")
    assert stops > 2

    reached, unseen = set(), []
    for _ in range(stops):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(f"{STOPS}.indexOf(document.activeElement)"))
        if not page.evaluate(IS_SEEN):
            unseen.append(page.evaluate(WHICH))

    assert reached == set(range(stops))
    assert unseen == []


def test_the_first_stop_leads_to_the_content(page: Page) -> None:
    page.goto("/admin/orders")

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("К содержанию")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    expect(page.locator(":focus")).to_have_text("Новый заказ")


def test_a_section_is_saved_without_a_mouse(page: Page) -> None:
    page.goto("/admin/providers")
    page.locator("#voice-provider-kind").focus()
    # The built-in provider is the last one.
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    while not page.evaluate("document.activeElement.id === 'voice-save'"):
        page.keyboard.press("Tab")

    with page.expect_navigation():
        page.keyboard.press("Enter")

    expect(page.locator("#voice-status .text-bg-success")).to_be_visible()
