"""What the form of a section does before anything is sent: the key, the provider, what would be lost."""

import re

import pytest
from playwright.sync_api import Dialog, Page, expect

from providers.kinds import StageType
from tests.browser.chromium import arrive
from tests.browser.shared_system import Sections

pytestmark = pytest.mark.browser

KEY = "sk-fake-typed-0123456789-t1t2"


def test_the_key_can_be_shown_while_it_is_typed_and_is_hidden_when_it_is_sent(still_page: Page) -> None:
    page = still_page
    page.goto("/admin/providers")
    key, button = page.locator("#voice-api-key"), page.locator("#voice [data-show-key]")
    expect(key).to_have_value("")
    page.select_option("#voice-provider-kind", "SPEECHKIT")
    key.fill(KEY)
    expect(key).to_have_attribute("type", "password")

    button.click()

    expect(key).to_have_attribute("type", "text")
    expect(button).to_have_accessible_name("Скрыть ключ")
    expect(page.locator("#live-news")).to_have_text("Ключ виден.")
    # Nothing is sent, so that the page is still there to be looked at.
    page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    page.click("#voice-save")
    expect(key).to_have_attribute("type", "password")
    expect(button).to_have_accessible_name("Показать ключ")


def test_another_provider_says_at_once_that_it_needs_its_own_key(still_page: Page, sections: Sections) -> None:
    page = still_page
    sections.clear(StageType.SONG)
    page.goto("/admin/providers")
    hint, news = page.locator("#song-api-key-hint"), page.locator("#live-news")

    page.select_option("#song-provider-kind", "SUNO")
    expect(hint).to_contain_text("нужен свой ключ")
    expect(news).to_contain_text("нужен свой ключ")

    page.select_option("#song-provider-kind", "DUMMY")
    expect(hint).to_contain_text("ключ не нужен")


def test_what_was_typed_is_not_lost_without_a_question(page: Page) -> None:
    page.goto("/admin/providers")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.click("header >> text=Заказы")
    arrive(page, re.compile(r"/admin/orders$"))
    assert asked == []

    page.goto("/admin/providers")
    page.fill("#voice-api-key", KEY)
    with page.expect_event("dialog"):
        page.click("header >> text=Заказы")
    expect(page.locator("#voice-api-key")).to_have_value(KEY)

    # Back as it was, there is nothing to lose.
    page.fill("#voice-api-key", "")
    page.click("header >> text=Заказы")
    arrive(page, re.compile(r"/admin/orders$"))
    assert asked == ["beforeunload"]
