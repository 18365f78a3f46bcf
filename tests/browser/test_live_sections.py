"""A page that was left open: what has happened meanwhile is there when somebody looks again."""

import pytest
from playwright.sync_api import Page, expect

from providers.kinds import StageType
from tests.browser.shared_system import Sections

pytestmark = pytest.mark.browser


def test_what_another_administrator_has_saved_is_seen_without_a_reload(page: Page, sections: Sections) -> None:
    sections.use_samples(StageType.VOICE, model="dummy-voice-low")
    page.goto("/admin/providers")
    expect(page.locator("#voice-status")).to_contain_text("dummy-voice-low")
    expect(page.locator("#voice-status .text-bg-success")).to_be_visible()

    sections.use_samples(StageType.VOICE, model="dummy-voice-high")
    _look_again(page)

    expect(page.locator("#voice-status")).to_contain_text("dummy-voice-high")
    # The form is the new one as well, so that saving it is not refused as outdated.
    expect(page.locator("#voice-model")).to_have_value("dummy-voice-high")
    # And it looks on, as often as somebody does.
    sections.use_samples(StageType.VOICE, model="dummy-voice-low")
    _look_again(page)
    expect(page.locator("#voice-model")).to_have_value("dummy-voice-low")


def _look_again(page: Page) -> None:
    """Come back to the page once it asks nothing any more; what it has asked before could not answer it."""
    expect(page.locator("#voice[data-idle]")).to_be_attached()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
