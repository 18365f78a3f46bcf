"""What only a browser can show of the pages of orders: copying, what is remembered, and when a page asks."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser

ORDER = re.compile(r"/admin/orders/\d+$")
LIVE = "**/admin/orders/*part=stages"
HIDE = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s})"


def place(page: Page, recipient: str, occasion: str = "60 лет") -> None:
    """Type an order of a poem and send it."""
    page.goto("/admin/orders/new")
    page.fill("#recipient", recipient)
    page.fill("#occasion", occasion)
    page.click("main form button")
    page.wait_for_url(ORDER)


def set_hidden(page: Page, hidden: str) -> None:
    """Let the page believe that its tab is out of sight, or in sight again."""
    page.evaluate(HIDE % hidden + "; document.dispatchEvent(new Event('visibilitychange'))")


@pytest.fixture
def poems(page: Page) -> None:
    """The built-in provider writes the poems."""
    page.goto("/admin/providers")
    page.select_option("#poem-provider-kind", "DUMMY")
    page.click("#poem-save")
    expect(page.locator("#poem-status .text-bg-success")).to_be_visible()


def test_a_poem_is_copied_with_the_keyboard(page: Page, context: BrowserContext, poems: None) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    place(page, "Анна")
    button = page.locator("#poem-copy")

    button.press("Enter")

    expect(page.locator("#live-news")).to_have_text("Скопировано.")
    expect(button).to_be_focused()
    assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#poem-text")


def test_without_a_clipboard_for_scripts_a_poem_is_copied_all_the_same(
    page: Page, context: BrowserContext, poems: None
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    place(page, "Борис")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")

    page.click("#poem-copy")

    expect(page.locator("#live-news")).to_have_text("Скопировано.")
    assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#poem-text")


def test_a_page_stops_asking_when_all_is_final(page: Page, poems: None) -> None:
    page.clock.install()
    place(page, "Вера", "юбилей !slow 3")
    expect(page.locator("#stages[data-live]")).to_be_attached()
    expect(page.locator("#poem-text")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.clock.run_for(60_000)

    assert asked == []


def test_a_hidden_tab_asks_nothing_and_asks_at_once_when_it_is_seen_again(page: Page) -> None:
    page.clock.install()
    page.goto("/admin/orders/new")
    page.fill("#recipient", "Галина")
    page.fill("#occasion", "юбилей")
    page.uncheck("#stages-0")
    page.check("#stages-2")
    page.fill("#poem", "Море шумит.")
    page.click("main form button")
    page.wait_for_url(ORDER)
    set_hidden(page, "true")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.clock.run_for(120_000)
    assert asked == []
    with page.expect_request(LIVE):
        set_hidden(page, "false")


def test_what_was_typed_survives_an_ended_session_and_is_gone_once_placed(context: BrowserContext) -> None:
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
    context.add_cookies(cookies)

    page.goto("/admin/orders/new")
    expect(page.locator("[data-draft-note]")).to_be_visible()
    assert page.input_value("#recipient") == "Дина"
    assert page.input_value("#details") == "любит\nгоры"
    assert page.is_checked("#stages-1")
    page.click("main form button")
    page.wait_for_url(ORDER)

    page.goto("/admin/orders/new")
    assert page.input_value("#recipient") == ""
    expect(page.locator("[data-draft-note]")).to_be_hidden()


def test_what_was_typed_can_be_dropped(page: Page) -> None:
    page.goto("/admin/orders/new")
    page.fill("#recipient", "Ева")
    page.reload()

    page.click("[data-draft-note] button")

    assert page.input_value("#recipient") == ""
    expect(page.locator("#recipient")).to_be_focused()
    page.reload()
    assert page.input_value("#recipient") == ""


def test_an_order_is_found_with_the_keyboard(page: Page, system: RunningSystem) -> None:
    place(page, "Евгения Тонкопряд")
    page.goto("/admin/orders")

    page.focus("#q")
    page.keyboard.type("ТОНКО")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/orders?q=*")

    links = page.locator("#order-list tbody a")
    expect(links).to_have_count(1)
    links.press("Enter")
    page.wait_for_url(ORDER)
    assert "Евгения Тонкопряд" in page.inner_text("main")
