"""The product in every state that has a look of its own, one after the other."""

from collections.abc import Iterator

from playwright.sync_api import Page, expect

from providers.kinds import ProviderKind, StageType
from tests.browser.inspection import State
from tests.emulator.openai_answers import Model
from tests.emulator.server import Emulator
from tests.http_session import Browser
from tests.running_system import RunningSystem, wait_until

POEM, VOICE, SONG, CLIP = StageType
KEY, WRONG_KEY = "sk-fake-states-0123456789-s5t6", "sk-fake-nobody-0123456789-w0w0"
#: Seconds for which a check stays under way; at least as long as it is looked at.
CHECK_TAKES = 12
OWN_POEM = "Море шумит, и Анна поёт."


def states_of(system: RunningSystem, emulated: Emulator) -> Iterator[State]:
    """Each state, which lasts until the next one is asked for. The sections and orders of ``system`` are changed."""
    admin = system.browser()
    yield State("sign-in", "/admin/login", signed_in=False)
    yield from _nothing_is_set(admin)
    yield from _a_check_runs(admin, emulated)
    yield from _orders(admin, system)
    yield from _troubled_sections(admin, emulated)
    yield State("orders", "/admin/orders")
    yield State("orders-none", "/admin/orders?state=attention")
    yield State("start", "/admin")
    yield State("new-order", "/admin/orders/new")
    yield State("new-order-refused", "/admin/orders/new", _send_an_empty_order)
    yield State("not-found", "/admin/no-such-page")
    yield State("api-docs", "/api/docs")


def _nothing_is_set(admin: Browser) -> Iterator[State]:
    for stage_type in StageType:
        admin.post(f"/admin/providers/{stage_type}/clear", "/admin/providers")
    yield State("start-empty", "/admin")
    yield State("sections-empty", "/admin/providers")


def _a_check_runs(admin: Browser, emulated: Emulator) -> Iterator[State]:
    emulated.suno.fail(delay=CHECK_TAKES)
    admin.save_section(SONG, ProviderKind.SUNO, api_key=WRONG_KEY)
    yield State("sections-checking", "/admin/providers")


def _orders(admin: Browser, system: RunningSystem) -> Iterator[State]:
    for stage_type in (POEM, VOICE, CLIP):
        admin.save_section(stage_type, ProviderKind.DUMMY)
    shop = system.api("shop")
    orders = {
        "order-done": shop.place(POEM, VOICE, CLIP),
        "order-waiting": shop.place(POEM, SONG, recipient="Борис", occasion="новоселье"),
        "order-failed": shop.place(POEM, recipient="Вера", occasion="свадьба !blocked"),
        "order-running": shop.place(VOICE, recipient="Глеб", occasion="юбилей !slow 90", poem=OWN_POEM),
    }
    ids = {name: answer.json()["id"] for name, answer in orders.items()}
    for name in sorted(ids):
        state = name.partition("-")[2]
        wait_until(lambda name=name, state=state: shop.order(ids[name])["state"] == state, name)  # type: ignore[misc]
        yield State(name, f"/admin/orders/{ids[name]}")


def _troubled_sections(admin: Browser, emulated: Emulator) -> Iterator[State]:
    emulated.openai.add_key("states", KEY)
    emulated.openai.catalogue = tuple(
        Model(f"gpt-5.{number}", 1772600000 - number, shutdown_date="2026-12-10" if number == 3 else None)
        for number in range(40)
    )
    admin.save_section(POEM, ProviderKind.OPENAI, api_key=KEY, model="gpt-5.3")
    admin.save_section(SONG, ProviderKind.SUNO, api_key=WRONG_KEY)
    admin.save_section(CLIP, ProviderKind.PIKA, api_key=WRONG_KEY)
    wait_until(lambda: "data-live" not in admin.get("/admin/providers").text, "all checks are over")
    yield State("sections", "/admin/providers")
    yield State("sections-refused", "/admin/providers", _save_without_a_key)
    yield State("sections-touched", "/admin/providers", _touch)
    yield State("history", "/admin/providers/POEM/history")


def _save_without_a_key(page: Page) -> None:
    page.select_option("#voice-provider-kind", "SPEECHKIT")
    page.click("#voice-save")
    expect(page.locator("#voice-api-key-error")).to_be_visible()


def _touch(page: Page) -> None:
    page.fill("#voice-api-key", "sk-fake-typed-0123456789")
    page.select_option("#voice-provider-kind", "SPEECHKIT")
    page.click("#voice [data-show-key]")
    page.click("#poem-remove")


def _send_an_empty_order(page: Page) -> None:
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.click("main form button")
    expect(page.locator("#recipient-error")).to_be_visible()
