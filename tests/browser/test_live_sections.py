"""A page that was left open: what has happened meanwhile is there when somebody looks again."""

import pytest
from playwright.sync_api import Page, expect

from providers.kinds import ProviderKind, StageType
from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser

LOOK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"


def test_what_another_administrator_has_saved_is_seen_without_a_reload(page: Page, system: RunningSystem) -> None:
    colleague = system.browser()
    colleague.save_section(StageType.VOICE, ProviderKind.DUMMY, model="dummy-voice-low")
    page.goto("/admin/providers")
    expect(page.locator("#voice-status")).to_contain_text("dummy-voice-low")
    expect(page.locator("#voice-status .text-bg-success")).to_be_visible()

    colleague.save_section(StageType.VOICE, ProviderKind.DUMMY, model="dummy-voice-high")
    page.evaluate(LOOK_AGAIN)

    expect(page.locator("#voice-status")).to_contain_text("dummy-voice-high")
    # The form is the new one as well, so that saving it is not refused as outdated.
    expect(page.locator("#voice-model")).to_have_value("dummy-voice-high")
    # And it looks on, as often as somebody does.
    colleague.save_section(StageType.VOICE, ProviderKind.DUMMY, model="dummy-voice-low")
    page.evaluate(LOOK_AGAIN)
    expect(page.locator("#voice-model")).to_have_value("dummy-voice-low")
