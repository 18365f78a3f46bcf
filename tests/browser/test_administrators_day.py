"""The administrator's first day, on a phone: from signing in, with nothing set, to a clip in the hand."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import listen, open_context
from tests.browser.inspection import PHONE
from tests.browser.shared_system import empty, frozen_worker
from tests.emulator.server import Emulator
from tests.running_system import PASSWORD, RunningSystem

pytestmark = pytest.mark.browser

KEY = "sk-fake-browser-0123456789-a1b2"


@pytest.fixture
def phone(chromium: Browser, system: RunningSystem) -> Iterator[Page]:
    """A phone that has never been at this product, in which nobody has ever done anything."""
    empty(system)
    with open_context(chromium, system.url, viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        complaints = listen(page, system.url)
        yield page
    assert complaints == []


def test_from_signing_in_to_a_downloaded_clip(phone: Page, system: RunningSystem, emulated: Emulator) -> None:
    emulated.openai.add_key("day", KEY)
    _sign_in(phone)
    _first_poem(phone, system)
    for section in ("voice", "song", "clip"):
        _set_samples(phone, section)
    _own_key(phone)
    _order_of_four(phone)

    # The poem was written by the key of one's own, once, and by the model that was chosen.
    assert [charge.model for charge in emulated.ledger if charge.key == "day"] == ["gpt-5.4"]
    assert phone.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    _sign_out(phone)


def _sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Имя").fill("admin")
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_role("button", name="Войти").tap()
    expect(page.get_by_role("heading", name="Три шага до первого стиха")).to_be_visible()


def _first_poem(page: Page, system: RunningSystem) -> None:
    """The three steps of the start page, each by its own button."""
    page.get_by_role("link", name="Настроить стих").tap()
    _set_samples(page, "poem")
    page.get_by_role("link", name="Quatrain").tap()
    page.get_by_role("link", name="Заказать стих").tap()
    page.get_by_label("Для кого").fill("Вера")
    page.get_by_label("Повод").fill("новоселье")
    with frozen_worker(system):
        page.get_by_role("button", name="Разместить заказ").tap()
        expect(page.locator("#poem .badge")).to_have_text("в очереди")
    # With no reload of ours.
    expect(page.locator("#poem-text")).to_contain_text("Вера")
    page.get_by_role("link", name="Quatrain").tap()
    expect(page.get_by_role("heading", name="Готовность")).to_be_visible()
    expect(page.locator("#first-run")).to_have_count(0)
    page.get_by_role("link", name="Провайдеры").tap()


def _set_samples(page: Page, section: str) -> None:
    page.select_option(f"#{section}-provider-kind", label="Встроенные образцы")
    _save(page, section)


def _own_key(page: Page) -> None:
    """A key of one's own: its models appear by themselves, and one of them is chosen."""
    page.select_option("#poem-provider-kind", label="OpenAI")
    page.fill("#poem-api-key", KEY)
    _save(page, "poem")
    expect(page.locator("#poem-model option", has_text="gpt-5.4").first).to_be_attached()
    assert KEY not in page.content()
    page.select_option("#poem-model", "gpt-5.4")
    _save(page, "poem")
    expect(page.locator("#poem-status")).to_contain_text("gpt-5.4")


def _save(page: Page, section: str) -> None:
    with page.expect_navigation():
        page.locator(f"#{section}-save").tap()
    expect(page.locator(f"#{section}-status .text-bg-success")).to_be_visible()
    expect(page.locator(f"#{section}-candidate")).to_have_count(0)


def _order_of_four(page: Page) -> None:
    page.get_by_role("link", name="Заказы").tap()
    page.get_by_role("link", name="Новый заказ").tap()
    page.get_by_label("Для кого").fill("Анна")
    page.get_by_label("Повод").fill("60 лет")
    page.get_by_label("О чём рассказать").fill("любит море")
    for work in ("Озвучка", "Песня", "Видео"):
        page.get_by_role("checkbox", name=work).check()
    page.get_by_role("button", name="Разместить заказ").tap()
    expect(page.locator("#order-state")).to_have_text("готово")
    expect(page.locator("#poem-text")).to_contain_text("Анна")
    for player in ("#voice audio", "#song audio", "#clip video"):
        assert _seconds_of(page, player) > 1
    assert page.evaluate("document.querySelector('#clip video').videoWidth") > 0
    with page.expect_download() as download:
        page.locator("#clip").get_by_role("link", name="Скачать").tap()
    assert download.value.suggested_filename.endswith(".mp4")
    # An MP4 says what it is from its fifth byte on: ISO/IEC 14496-12, 4.3.
    assert download.value.path().read_bytes()[4:8] == b"ftyp"


def _seconds_of(page: Page, player: str) -> float:
    """How long that is which the player has loaded; waits until it knows."""
    page.wait_for_function("selector => document.querySelector(selector)?.readyState >= 1", arg=player)
    return float(page.evaluate("selector => document.querySelector(selector).duration", player))


def _sign_out(page: Page) -> None:
    page.locator("header summary").tap()
    page.get_by_role("button", name="Выйти", exact=True).tap()
    expect(page.get_by_role("button", name="Войти")).to_be_visible()
