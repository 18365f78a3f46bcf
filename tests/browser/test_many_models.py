"""A section with hundreds of models: typing a few letters is enough to find one."""

import re

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

    page.fill("#poem [data-search]", "5.29")

    expect(page.locator("#poem-model option")).to_have_text(
        # The chosen one stays, whichever it was before.
        [
            "первая строка списка",
            re.compile(r"^gpt-5\.\d+$"),
            "gpt-5.29",
            *(f"gpt-5.29{number}" for number in range(10)),
        ]
    )
    page.press("#poem [data-search]", "Enter")
    page.select_option("#poem-model", "gpt-5.293")
    page.click("#poem-save")
    expect(page.locator("#poem-status")).to_contain_text("gpt-5.293")
    page.fill("#poem [data-search]", "")
    expect(page.locator("#poem-model option")).to_have_count(301)
