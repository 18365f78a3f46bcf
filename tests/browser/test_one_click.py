"""One click, one order and one saved setting: on a slow line, whoever is impatient or goes back."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, StorageState, expect

from providers.kinds import StageType
from tests.browser.chromium import arrive, open_context
from tests.browser.shared_system import Sections, frozen_worker
from tests.browser.slow_line import LATENCIES, click_thrice, make_slow
from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser

ORDER = re.compile(r"/admin/orders/\d+$")
BUTTON = "#order-form .btn-primary"


def fill_in(page: Page, recipient: str) -> None:
    page.goto("/admin/orders/new")
    page.fill("#recipient", recipient)
    page.fill("#occasion", "60 лет")


def orders_of(page: Page, recipient: str) -> int:
    page.goto(f"/admin/orders?q={recipient}")
    return page.locator("#order-list tbody tr").count()


@pytest.mark.parametrize("latency", LATENCIES)
def test_three_clicks_on_a_slow_line_place_one_order(page: Page, latency: int) -> None:
    recipient = f"Трижды{latency}"
    fill_in(page, recipient)
    make_slow(page, latency)

    click_thrice(page.locator(BUTTON))

    arrive(page, ORDER)
    make_slow(page, 0)
    assert orders_of(page, recipient) == 1


@pytest.mark.parametrize("latency", LATENCIES)
def test_three_clicks_without_a_script_place_one_order(
    chromium: Browser, system: RunningSystem, signed_in: StorageState, latency: int
) -> None:
    recipient = f"Безскрипта{latency}"
    with open_context(chromium, system.url, java_script_enabled=False, storage_state=signed_in) as context:
        page = context.new_page()
        fill_in(page, recipient)
        make_slow(page, latency)

        click_thrice(page.locator(BUTTON))

        arrive(page, ORDER)
        make_slow(page, 0)
        assert orders_of(page, recipient) == 1


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_back_and_submit_places_no_second_order(
    chromium: Browser, system: RunningSystem, signed_in: StorageState, scripts: bool
) -> None:
    recipient = f"Назад{scripts}"
    with open_context(chromium, system.url, java_script_enabled=scripts, storage_state=signed_in) as context:
        page = context.new_page()
        fill_in(page, recipient)
        page.click(BUTTON)
        arrive(page, ORDER)

        page.go_back()
        # The browser has filled it in again.
        expect(page.locator("#recipient")).to_have_value(recipient)
        page.click(BUTTON)

        expect(page.locator("main .alert-warning")).to_contain_text("точно такой же заказ вы уже разместили")
        expect(page.locator("#recipient")).to_have_value(recipient)
        assert orders_of(page, recipient) == 1


def test_back_and_other_words_place_another_order(page: Page) -> None:
    fill_in(page, "Другая")
    page.click(BUTTON)
    arrive(page, ORDER)
    first = page.url

    page.go_back()
    page.fill("#occasion", "61 год")
    page.click(BUTTON)

    arrive(page, ORDER)
    assert page.url != first
    assert orders_of(page, "Другая") == 2


def test_what_was_typed_before_comes_back_without_its_old_key(page: Page) -> None:
    fill_in(page, "Черновик")
    key = page.input_value("[name=form_key]")

    page.reload()

    expect(page.locator("#recipient")).to_have_value("Черновик")
    assert page.input_value("[name=form_key]") != key


def answer_nothing(page: Page) -> list[str]:
    """Let the page stay as it is when an order is sent; returns what was sent, as it comes."""
    sent: list[str] = []

    def swallow(route: Route) -> None:
        sent.append(route.request.post_data or "")
        route.fulfill(status=204)

    page.route("**/admin/orders/new", swallow)
    return sent


def test_the_button_is_off_while_the_order_is_sent_and_says_so(page: Page) -> None:
    fill_in(page, "Медленная")
    sent, button = answer_nothing(page), page.locator(BUTTON)

    with page.expect_request("**/admin/orders/new"):
        click_thrice(button)

    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_be_focused()
    expect(page.locator("#live-news")).to_have_text("Отправляется.")
    assert len(sent) == 1


def test_the_button_is_on_again_when_the_browser_brings_the_page_back(page: Page) -> None:
    fill_in(page, "Сохранённая")
    answer_nothing(page)
    button = page.locator(BUTTON)
    with page.expect_request("**/admin/orders/new"):
        click_thrice(button)
    expect(button).to_be_disabled()

    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")

    expect(button).to_be_enabled()
    expect(page.locator("#live-news")).to_have_text("")
    page.unroute("**/admin/orders/new")
    click_thrice(button)
    arrive(page, ORDER)


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_three_clicks_on_save_save_once_and_say_so(
    chromium: Browser,
    system: RunningSystem,
    signed_in: StorageState,
    sections: Sections,
    scripts: bool,
    latency: int,
) -> None:
    sections.clear(StageType.SONG)
    with open_context(chromium, system.url, java_script_enabled=scripts, storage_state=signed_in) as context:
        page = context.new_page()
        before = _savings(page)
        page.goto("/admin/providers")
        page.select_option("#song-provider-kind", "DUMMY")
        make_slow(page, latency)

        # The news of a check that has ended would take the answer's place.
        with frozen_worker(system):
            click_thrice(page.locator("#song-save"))

            expect(page.locator("#song > .card-body > .alert")).to_contain_text("Сохранено.")
        make_slow(page, 0)
        assert _savings(page) == before + 1


def _savings(page: Page) -> int:
    """How often somebody has saved the section of songs."""
    page.goto("/admin/providers/SONG/history")
    return page.locator("main li, main tr").filter(has_text="Сохранены настройки").count()
