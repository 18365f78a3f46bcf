"""Where no script runs: settings are saved and works are made, as the pages reload themselves."""

import pytest
from playwright.sync_api import Browser, StorageState, expect

from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser


def test_the_pages_work_without_javascript(chromium: Browser, system: RunningSystem, signed_in: StorageState) -> None:
    context = chromium.new_context(base_url=system.url, java_script_enabled=False, storage_state=signed_in)
    plain = context.new_page()
    plain.goto("/admin/providers")
    plain.select_option("#song-provider-kind", "DUMMY")
    plain.click("#song-save")

    # The page reloads itself while the check runs.
    expect(plain.locator("#song-status .text-bg-success")).to_be_visible()
    plain.goto("/admin/orders/new")
    plain.fill("#recipient", "Мария")
    plain.fill("#occasion", "юбилей")
    plain.fill("#poem", "Мария поёт, и море молчит.")
    plain.uncheck("#stages-0")
    plain.check("#stages-2")
    plain.click("main form .btn-primary")
    plain.wait_for_selector("#song audio")
    # The menu needs none either.
    plain.click("header summary")
    plain.click("header >> text=English")
    expect(plain.locator("html")).to_have_attribute("lang", "en")
    context.close()
