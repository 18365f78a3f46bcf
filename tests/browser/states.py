"""The product in every state that has a look of its own, one after the other."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect
from sqlalchemy import Integer, NullPool, String, column, create_engine, select, table, update

from domain.db import prepare_sqlite
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
#: Somebody at another address than the administrator.
ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}
#: The rows as they lie there: what is read through the product's own types could not be made unreadable.
ORDERS = table("orders", column("id", Integer), column("created_at", String))
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
    yield State("api-docs", "/api/docs")
    yield from error_pages(system)


def error_pages(system: RunningSystem) -> Iterator[State]:
    """The pages of what goes wrong; POEM must work. While the crash is looked at, one order cannot be read."""
    yield State("not-found", "/admin/no-such-page")
    yield State("outdated-form", "/admin/orders/new", _send_an_outdated_form)
    yield State("too-much", "/admin/orders/new", _send_too_much)
    yield State("too-many-tries", "/admin/login", _guess_passwords, signed_in=False, headers=ELSEWHERE)
    shop = system.api("shop")
    order_id = shop.place(POEM).json()["id"]
    wait_until(lambda: shop.order(order_id)["state"] == "done", "nobody writes that order any more")
    with _unreadable(system, order_id):
        yield State("crash", f"/admin/orders/{order_id}")


@contextmanager
def _unreadable(system: RunningSystem, order_id: int) -> Iterator[None]:
    engine = create_engine(system.database_url, poolclass=NullPool)
    prepare_sqlite(engine)
    placed, is_it = ORDERS.c.created_at, ORDERS.c.id == order_id
    with engine.begin() as connection:
        moment = connection.execute(select(placed).where(is_it)).scalar_one()
        connection.execute(update(ORDERS).where(is_it).values({placed: "long ago"}))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(update(ORDERS).where(is_it).values({placed: moment}))


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


def _send_an_outdated_form(page: Page) -> None:
    fill_in(page)
    page.evaluate("document.querySelector('main form [name=csrf_token]').value = 'of another session'")
    page.click("main form .btn-primary")


def _send_too_much(page: Page) -> None:
    fill_in(page)
    page.evaluate("document.querySelector('#details').value = 'м'.repeat(70_000)")
    page.click("main form .btn-primary")


def fill_in(page: Page) -> None:
    """Type what an order needs at the least."""
    page.fill("#recipient", "Анна")
    page.fill("#occasion", "60 лет")


def _guess_passwords(page: Page) -> None:
    while page.locator("[name=password]").count():
        page.fill("[name=username]", "nobody")
        page.fill("[name=password]", "not the password")
        with page.expect_navigation():
            page.click("main form .btn-primary")


def _send_an_empty_order(page: Page) -> None:
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.click("main form button")
    expect(page.locator("#recipient-error")).to_be_visible()
