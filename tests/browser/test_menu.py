"""The menu at the top: one line on the narrowest phone, and gone as soon as somebody is elsewhere."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.inspection import PHONE, barriers

pytestmark = pytest.mark.browser

IS_ONE_LINE = """() => {
  const boxOf = (each) => each.getBoundingClientRect();
  const [first, ...others] = [...document.querySelectorAll("header nav > *")].map(boxOf);
  return others.length && others.every((each) => each.top < first.bottom && each.bottom > first.top);
}"""


def test_the_header_takes_one_line_of_a_phone_and_its_open_menu_fits_without_a_barrier(still_page: Page) -> None:
    page = still_page
    page.set_viewport_size(PHONE)
    for language in ("en", "ru"):
        page.goto(f"/admin?lang={language}")
        assert page.evaluate(IS_ONE_LINE), language

    page.click("header summary")

    expect(page.get_by_role("button", name="Выйти везде")).to_be_in_viewport(ratio=1)
    assert barriers(page) == []


def test_escape_closes_the_menu_and_goes_back_to_its_button(page: Page) -> None:
    page.goto("/admin")
    menu, leave = page.locator("header summary"), page.get_by_role("button", name="Выйти", exact=True)
    menu.press("Enter")
    expect(leave).to_be_visible()
    leave.focus()

    leave.press("Escape")

    expect(leave).to_be_hidden()
    expect(menu).to_be_focused()


def test_who_is_elsewhere_has_no_menu_in_the_way(page: Page) -> None:
    page.goto("/admin")
    menu, leave = page.locator("header summary"), page.get_by_role("button", name="Выйти", exact=True)

    menu.click()
    expect(leave).to_be_visible()
    page.click("h1")
    expect(leave).to_be_hidden()

    menu.click()
    expect(leave).to_be_visible()
    page.get_by_role("link", name="Новый заказ").focus()
    expect(leave).to_be_hidden()
