"""Where no script runs: settings are saved and works are made, as the pages reload themselves."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from providers.kinds import StageType
from tests.browser.chromium import open_context
from tests.browser.shared_system import Sections, frozen_worker
from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(chromium: Browser, system: RunningSystem, signed_in: StorageState) -> Iterator[Page]:
    """The tab of an administrator whose browser runs no scripts."""
    with open_context(chromium, system.url, java_script_enabled=False, storage_state=signed_in) as context:
        yield context.new_page()


def test_the_pages_work_without_javascript(plain: Page, system: RunningSystem, sections: Sections) -> None:
    sections.clear(StageType.VOICE)
    plain.goto("/admin/providers")
    plain.select_option("#voice-provider-kind", "DUMMY")
    with frozen_worker(system):
        plain.click("#voice-save")
        expect(plain.locator("#voice[data-live]")).to_be_attached()

    # The page reloads itself while the check runs.
    expect(plain.locator("#voice-status .text-bg-success")).to_be_visible()
    plain.goto("/admin/orders/new")
    plain.fill("#recipient", "Мария")
    plain.fill("#occasion", "юбилей")
    plain.fill("#poem", "Мария говорит, и море молчит.")
    plain.uncheck("#stages-0")
    plain.check("#stages-1")
    with frozen_worker(system):
        plain.click("main form .btn-primary")
        expect(plain.locator("#voice .badge")).to_have_text("в очереди")
    # And while a work is made.
    expect(plain.locator("#voice audio")).to_be_attached()
    # The menu needs none either.
    plain.click("header summary")
    plain.click("header >> text=English")
    expect(plain.locator("html")).to_have_attribute("lang", "en")


def test_an_order_is_erased_without_javascript(plain: Page, system: RunningSystem, sections: Sections) -> None:
    order_id = system.api().place(StageType.SONG, poem="Мария говорит, и море молчит.", recipient="Мария").json()["id"]
    plain.goto(f"/admin/orders/{order_id}?lang=ru")
    plain.click("#erase")
    expect(plain.locator("h1")).to_have_text(f"Удалить заказ № {order_id}?")

    plain.click("#erase")

    expect(plain.locator("main")).to_contain_text(f"Заказ № {order_id} удалён.")
    expect(plain.locator("main")).not_to_contain_text("Мария")
