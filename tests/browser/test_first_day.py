"""The administrator's first day: DUMMY, an order of four works, then a real key and its models."""

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.emulator.server import Emulator
from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser

KEY = "sk-fake-browser-0123456789-a1b2"
SECTIONS = {"poem": "Стих", "voice": "Озвучка", "song": "Песня", "clip": "Видео"}


def save(page: Page, section: str) -> None:
    """Save the section, and wait until the page is there again: it scrolls, away from under the next click."""
    with page.expect_navigation():
        page.click(f"#{section} >> text=Сохранить")


def works(page: Page, section: str) -> None:
    """Wait until the section says that it works, with no reload of ours."""
    expect(page.locator(f"#{section}-status .text-bg-success")).to_be_visible()


def plays(page: Page, player: str) -> float:
    """Seconds of what the player has loaded; waits until it knows."""
    page.wait_for_function("selector => document.querySelector(selector)?.readyState >= 1", arg=player)
    return float(page.evaluate("selector => document.querySelector(selector).duration", player))


def test_from_the_built_in_provider_to_a_key_of_ones_own(page: Page, emulated: Emulator) -> None:
    emulated.openai.add_key("browser", KEY)
    page.goto("/admin/providers")
    assert page.locator("section h2").all_inner_texts() == list(SECTIONS.values())
    for section in SECTIONS:
        page.select_option(f"#{section}-provider-kind", "DUMMY")
        save(page, section)
        works(page, section)

    # An order of all four, watched until they are there.
    page.goto("/admin/orders/new")
    page.fill("#recipient", "Анна")
    page.fill("#occasion", "60 лет")
    page.fill("#details", "любит море")
    for number in range(4):
        page.check(f"#stages-{number}")
    page.click("main form button")
    page.wait_for_selector("#clip video", timeout=60_000)
    page.wait_for_selector("#song audio")
    page.wait_for_selector("#voice audio")
    assert "Анна" in page.inner_text("#poem")
    assert plays(page, "#voice audio") > 1
    assert plays(page, "#song audio") > 1
    assert plays(page, "#clip video") > 1
    assert page.evaluate("document.querySelector('#clip video').videoWidth") > 0
    with page.expect_download() as download:
        page.click("#clip >> text=Скачать")
    assert download.value.suggested_filename.endswith(".mp4")

    # A key of one's own: its models appear by themselves, and the next poem is made by the chosen one.
    page.goto("/admin/providers")
    page.select_option("#poem-provider-kind", "OPENAI")
    page.fill("#poem-api-key", KEY)
    save(page, "poem")
    expect(page.locator("#poem-model option", has_text="gpt-5.4").first).to_be_attached()
    works(page, "poem")
    assert KEY not in page.content()
    page.select_option("#poem-model", "gpt-5.4")
    save(page, "poem")
    expect(page.locator("#poem-status")).to_contain_text("gpt-5.4")
    page.goto("/admin/orders/new")
    page.fill("#recipient", "Борис")
    page.fill("#occasion", "новоселье")
    page.click("main form button")
    expect(page.locator("#poem")).to_contain_text("gpt-5.4")
    expect(page.locator("#poem .poem")).to_contain_text("Борис")
    assert [charge.model for charge in emulated.ledger if charge.key == "browser"] == ["gpt-5.4"]


def test_a_wrong_key_is_said_so_and_changes_nothing(page: Page) -> None:
    page.goto("/admin/providers")
    page.select_option("#voice-provider-kind", "DUMMY")
    save(page, "voice")
    works(page, "voice")
    page.select_option("#poem-provider-kind", "OPENAI")
    page.fill("#poem-api-key", "sk-fake-nobody-0123456789-e5f6")
    save(page, "poem")

    expect(page.locator("#poem")).to_contain_text("Провайдер не принимает ключ")
    assert page.input_value("#poem-api-key") == ""


def test_the_pages_work_without_javascript(chromium: Browser, system: RunningSystem, signed_in: StorageState) -> None:
    context = chromium.new_context(base_url=system.url, java_script_enabled=False, storage_state=signed_in)
    plain = context.new_page()
    plain.goto("/admin/providers")
    plain.select_option("#song-provider-kind", "DUMMY")
    plain.click("#song >> text=Сохранить")

    # The page reloads itself while the check runs.
    expect(plain.locator("#song-status .text-bg-success")).to_be_visible()
    plain.goto("/admin/orders/new")
    plain.fill("#recipient", "Мария")
    plain.fill("#occasion", "юбилей")
    plain.fill("#poem", "Мария поёт, и море молчит.")
    plain.uncheck("#stages-0")
    plain.check("#stages-2")
    plain.click("main form button")
    plain.wait_for_selector("#song audio")
    context.close()
