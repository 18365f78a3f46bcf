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


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_header_takes_one_line_of_a_phone(page: Page, language: str) -> None:
    page.set_viewport_size(PHONE)

    page.goto(f"/admin?lang={language}")

    assert page.evaluate(IS_ONE_LINE)


def test_the_open_menu_has_no_barrier_and_fits_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.goto("/admin")

    page.click("header summary")

    expect(page.get_by_role("button", name="Выйти везде")).to_be_in_viewport(ratio=1)
    assert barriers(page) == []


def test_escape_closes_the_menu_and_goes_back_to_its_button(page: Page) -> None:
    page.goto("/admin")
    menu, leave = page.locator("header summary"), page.get_by_role("button", name="Выйти", exact=True)
    menu.press("Enter")
    leave.focus()

    leave.press("Escape")

    expect(leave).to_be_hidden()
    expect(menu).to_be_focused()


def test_who_is_elsewhere_has_no_menu_in_the_way(page: Page) -> None:
    page.goto("/admin")
    menu, leave = page.locator("header summary"), page.get_by_role("button", name="Выйти", exact=True)

    menu.click()
    page.click("h1")
    expect(leave).to_be_hidden()

    menu.click()
    page.get_by_role("link", name="Новый заказ").focus()
    expect(leave).to_be_hidden()
