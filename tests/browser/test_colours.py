"""Light and dark: as the system has it, until the switch says otherwise."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_the_switch_is_remembered_and_choosing_what_the_system_has_follows_it_again(page: Page) -> None:
    html, menu = page.locator("html"), page.locator("header summary")
    switch = page.get_by_role("button", name="Тёмные цвета")
    page.emulate_media(color_scheme="light")
    page.goto("/admin")
    menu.click()
    expect(switch).to_have_attribute("aria-pressed", "false")

    switch.click()
    page.goto("/admin/orders")
    menu.click()
    expect(html).to_have_attribute("data-bs-theme", "dark")
    expect(switch).to_have_attribute("aria-pressed", "true")

    switch.click()
    expect(html).to_have_attribute("data-bs-theme", "light")
    page.emulate_media(color_scheme="dark")
    expect(html).to_have_attribute("data-bs-theme", "dark")
