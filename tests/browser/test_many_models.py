"""A section with hundreds of models: typing a few letters is enough to find one."""

import pytest
from playwright.sync_api import Page, expect

from providers.kinds import StageType
from tests.browser.shared_system import Sections
from tests.emulator.openai_answers import Model
from tests.emulator.server import Emulator

pytestmark = pytest.mark.browser

KEY = "sk-fake-many-models-0123456789-m3n4"


def test_a_model_among_hundreds_is_found_by_typing_and_saved(
    page: Page, sections: Sections, emulated: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulated.openai.add_key("many", KEY)
    models = tuple(Model(f"gpt-5.{number}", 1772600000 - number) for number in range(300))
    monkeypatch.setattr(emulated.openai, "catalogue", models)
    sections.clear(StageType.POEM)
    page.goto("/admin/providers")
    page.select_option("#poem-provider-kind", "OPENAI")
    page.fill("#poem-api-key", KEY)
    page.click("#poem-save")
    expect(page.locator("#poem-model option")).to_have_count(301)

    search, found = page.locator("#poem [data-search]"), page.locator("#poem [role=option]")
    search.fill("5.29")

    expect(found).to_have_text(["gpt-5.29", *(f"gpt-5.29{number}" for number in range(10))])
    found.get_by_text("gpt-5.293").click()
    page.click("#poem-save")
    expect(page.locator("#poem-status")).to_contain_text("gpt-5.293")
    expect(search).to_have_value("gpt-5.293")
    search.click()
    expect(found).to_have_count(300)
