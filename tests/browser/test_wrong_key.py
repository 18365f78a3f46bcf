"""A key that its provider refuses: said so in words, with no reload, and what works goes on working."""

import pytest
from playwright.sync_api import Page, expect

from providers.kinds import StageType
from tests.browser.shared_system import Sections

pytestmark = pytest.mark.browser


def test_a_wrong_key_is_said_so_and_what_works_stays_in_use(page: Page, sections: Sections) -> None:
    sections.use_samples(StageType.POEM)
    page.goto("/admin/providers")
    status = page.locator("#poem-status")
    expect(status.locator(".text-bg-success")).to_be_visible()
    expect(status).to_contain_text("ключ не нужен")
    expect(page.locator("#poem-candidate")).to_have_count(0)

    page.select_option("#poem-provider-kind", "OPENAI")
    page.fill("#poem-api-key", "sk-fake-nobody-0123456789-e5f6")
    page.click("#poem-save")

    expect(page.locator("#poem-candidate")).to_contain_text("Провайдер не принимает ключ")
    expect(status.locator(".text-bg-success")).to_be_visible()
    expect(status).to_contain_text("Встроенные образцы")
    expect(page.locator("#poem-api-key")).to_have_value("")
