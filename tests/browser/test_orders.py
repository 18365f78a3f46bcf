"""What only a browser can show of the pages of orders: copying, what is remembered, and when a page asks."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from providers.kinds import StageType
from tests.browser.chromium import arrive
from tests.browser.shared_system import Sections, frozen_worker
from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser

ORDER = re.compile(r"/admin/orders/\d+$")
LIVE = "**/admin/orders/*part=stages"
#: From now on the page counts how often it asks.
COUNT = """() => {
  const ask = fetch;
  window.asked = 0;
  window.fetch = (...all) => { asked += 1; return ask(...all); };
}"""
HIDE = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s})"


def set_hidden(page: Page, hidden: str) -> None:
    """Let the page believe that its tab is out of sight, or in sight again."""
    page.evaluate(HIDE % hidden + "; document.dispatchEvent(new Event('visibilitychange'))")


def place(system: RunningSystem, *stages: StageType, **brief: str) -> str:
    """Order works with a program; returns where the page of the order is."""
    return f"/admin/orders/{system.api().place(*stages, **brief).json()['id']}"


@pytest.fixture
def poem(page: Page, context: BrowserContext, system: RunningSystem, sections: Sections) -> str:
    """A poem that stands on the page; nothing is in the clipboard, which the page may use."""
    sections.use_samples(StageType.POEM)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(place(system, StageType.POEM))
    page.evaluate("navigator.clipboard.writeText('')")
    return page.inner_text("#poem-text")


def test_a_poem_is_copied_with_the_keyboard(page: Page, poem: str) -> None:
    button = page.locator("#poem-copy")

    button.press("Enter")

    expect(page.locator("#live-news")).to_have_text("Скопировано.")
    expect(button).to_be_focused()
    assert page.evaluate("navigator.clipboard.readText()") == poem


def test_without_a_clipboard_for_scripts_a_poem_is_copied_all_the_same(page: Page, poem: str) -> None:
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")

    page.click("#poem-copy")

    expect(page.locator("#live-news")).to_have_text("Скопировано.")
    assert page.evaluate("navigator.clipboard.readText()") == poem


def test_a_page_stops_asking_when_all_is_final(page: Page, system: RunningSystem, sections: Sections) -> None:
    sections.use_samples(StageType.POEM)
    page.clock.install()
    with frozen_worker(system):
        page.goto(place(system, StageType.POEM))
        expect(page.locator("#stages[data-live]")).to_be_attached()
    expect(page.locator("#poem-text")).to_be_visible()
    page.evaluate(COUNT)

    page.clock.run_for(60_000)

    assert page.evaluate("asked") == 0


def test_a_hidden_tab_asks_nothing_and_asks_at_once_when_it_is_seen_again(
    page: Page, system: RunningSystem, sections: Sections
) -> None:
    sections.clear(StageType.VOICE)
    page.clock.install()
    page.add_init_script(HIDE % "true")
    page.goto(place(system, StageType.VOICE, poem="Море шумит."))
    expect(page.locator("#stages[data-live]")).to_be_attached()
    page.evaluate(COUNT)

    # It was opened out of sight.
    page.clock.run_for(120_000)
    assert page.evaluate("asked") == 0
    with page.expect_response(LIVE):
        set_hidden(page, "false")

    # It is left again.
    set_hidden(page, "true")
    before = page.evaluate("asked")
    page.clock.run_for(120_000)
    assert page.evaluate("asked") == before
    with page.expect_request(LIVE):
        set_hidden(page, "false")


def test_what_was_typed_survives_an_ended_session_and_is_gone_once_placed(
    context: BrowserContext, system: RunningSystem
) -> None:
    # Not the watched tab: this one is told 400.
    page = context.new_page()
    cookies = context.cookies()
    page.goto("/admin/orders/new")
    page.fill("#recipient", "Дина")
    page.fill("#details", "любит\nгоры")
    page.check("#stages-1")
    page.fill("#occasion", "новоселье")
    context.clear_cookies()
    with page.expect_navigation():
        page.click("main form button")
    expect(page.locator("#recipient")).to_have_count(0)
    context.add_cookies([{"name": each["name"], "value": each["value"], "url": system.url} for each in cookies])

    page.goto("/admin/orders/new")
    expect(page.locator("[data-draft-note]")).to_be_visible()
    expect(page.locator("#recipient")).to_have_value("Дина")
    expect(page.locator("#details")).to_have_value("любит\nгоры")
    expect(page.locator("#stages-1")).to_be_checked()
    page.click("main form button")
    arrive(page, ORDER)

    page.goto("/admin/orders/new")
    expect(page.locator("#recipient")).to_have_value("")
    expect(page.locator("[data-draft-note]")).to_be_hidden()


def test_what_was_typed_can_be_dropped(page: Page) -> None:
    page.goto("/admin/orders/new")
    page.fill("#recipient", "Ева")
    page.reload()

    page.click("[data-draft-note] button")

    expect(page.locator("#recipient")).to_have_value("")
    expect(page.locator("#recipient")).to_be_focused()
    page.reload()
    expect(page.locator("#recipient")).to_have_value("")


def test_an_order_is_found_with_the_keyboard(page: Page, system: RunningSystem) -> None:
    place(system, StageType.POEM, recipient="Евгения Тонкопряд")
    page.goto("/admin/orders")

    page.focus("#q")
    page.keyboard.type("ТОНКО")
    page.keyboard.press("Enter")
    arrive(page, re.compile(r"/admin/orders\?q=.*$"))

    links = page.locator("#order-list tbody a")
    expect(links).to_have_count(1)
    links.press("Enter")
    # The address remembers the search, for the way back.
    arrive(page, re.compile(r"/admin/orders/\d+\?q="))
    expect(page.locator("main")).to_contain_text("Евгения Тонкопряд")
