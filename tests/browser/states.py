"""The product in every state that has a look of its own, one after the other."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace

from playwright.sync_api import Page, expect
from requests import Response
from sqlalchemy import Integer, String, column, select, table, update

from providers.kinds import ProviderKind, StageType
from tests.browser.inspection import State
from tests.browser.shared_system import PATIENCE_SECONDS, Sections, empty, frozen_worker, open_database
from tests.emulator.openai_answers import Model
from tests.emulator.server import Emulator
from tests.http_session import Api
from tests.running_system import PASSWORD, RunningSystem, wait_until

POEM, VOICE, SONG, CLIP = StageType
KEY, WRONG_KEY = "sk-fake-states-0123456789-s5t6", "sk-fake-nobody-0123456789-w0w0"
#: Somebody at another address than the administrator.
ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}
#: In an hour; in a minute it is less.
MORE_TRIES_THAN_ALLOWED = 25
#: The rows as they lie there: what is read through the product's own types could not be made unreadable.
ORDERS = table("orders", column("id", Integer), column("created_at", String))
OWN_POEM = "Море шумит, и Анна поёт."
#: The longest page by far, and the same in any state.
API_DOCS = State("api-docs", "/api/docs")


def states_of(system: RunningSystem, emulated: Emulator, sections: Sections) -> Generator[State]:
    """Each state of our pages, until the next one is asked for; ``system`` is emptied first."""
    empty(system)
    yield State("sign-in", "/admin/login", signed_in=False)
    yield State("start-empty", "/admin")
    yield State("sections-empty", "/admin/providers")
    yield from _a_check_runs(system, sections)
    yield from _orders(system, sections)
    yield from _erased_order(system)
    yield from _troubled_sections(emulated, sections)
    yield State("orders", "/admin/orders")
    yield State("orders-none", "/admin/orders?state=attention")
    yield State("start", "/admin")
    yield State("new-order", "/admin/orders/new")
    yield State("new-order-refused", "/admin/orders/new", _send_an_empty_order)
    yield State("help", "/admin/help")
    system.browser()  # signs in, so that there is another session to look at
    yield State("account", "/admin/account")
    yield State("account-refused", "/admin/account", _choose_a_common_password)
    # What does not work is checked again and again, at whatever other pages somebody looks meanwhile.
    sections.clear(SONG, CLIP)


def error_pages(system: RunningSystem, sections: Sections) -> Generator[State]:
    """The pages of what goes wrong. While the crash is looked at, one order cannot be read."""
    yield State("not-found", "/admin/no-such-page")
    yield State("outdated-form", "/admin/orders/new", send_an_outdated_form)
    yield State("too-much", "/admin/orders/new", _send_too_much)
    yield State("too-many-tries", "/admin/login", _guess_passwords, signed_in=False, headers=ELSEWHERE)
    sections.use_samples(POEM)
    shop = system.api()
    order = _order_that_is("done", shop, shop.place(POEM))
    with _unreadable(system, int(order.path.rpartition("/")[2])):
        yield replace(order, name="crash")


@contextmanager
def _unreadable(system: RunningSystem, order_id: int) -> Iterator[None]:
    engine = open_database(system)
    placed, is_it = ORDERS.c.created_at, ORDERS.c.id == order_id
    with engine.begin() as connection:
        moment = connection.execute(select(placed).where(is_it)).scalar_one()
        connection.execute(update(ORDERS).where(is_it).values({placed: "long ago"}))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(update(ORDERS).where(is_it).values({placed: moment}))


def _a_check_runs(system: RunningSystem, sections: Sections) -> Iterator[State]:
    with frozen_worker(system):
        sections.save(SONG, ProviderKind.SUNO, api_key=WRONG_KEY)
        yield State("sections-checking", "/admin/providers")


def _orders(system: RunningSystem, sections: Sections) -> Iterator[State]:
    sections.use_samples(POEM, VOICE, CLIP)
    shop = system.api()
    yield _order_that_is("done", shop, shop.place(POEM, VOICE, CLIP))
    yield _order_that_is("failed", shop, shop.place(POEM, recipient="Вера", occasion="свадьба !blocked"))
    slow = shop.place(VOICE, recipient="Глеб", occasion="юбилей !slow 40", poem=OWN_POEM).json()["id"]
    wait_until(lambda: shop.order(slow)["stages"][VOICE]["state"] == "running", "a worker has it in its hands", 40)
    with frozen_worker(system):
        yield State("order-running", f"/admin/orders/{slow}")
    yield _order_that_is("waiting", shop, shop.place(POEM, SONG, recipient="Борис", occasion="новоселье"))


def _erased_order(system: RunningSystem) -> Iterator[State]:
    shop, admin = system.api(), system.browser()
    order_id = shop.place(POEM, VOICE, CLIP, recipient="Зоя", occasion="выпускной").json()["id"]
    wait_until(lambda: shop.is_done(order_id), "the order is done", PATIENCE_SECONDS)
    page = f"/admin/orders/{order_id}"
    yield State("order-erase", f"{page}/erase")
    assert admin.post(f"{page}/erase", f"{page}/erase").status_code == 303
    yield State("order-erased", page)


def _order_that_is(state: str, shop: Api, accepted: Response) -> State:
    order_id = accepted.json()["id"]
    wait_until(lambda: shop.order(order_id)["state"] == state, f"the order is {state}", PATIENCE_SECONDS)
    return State(f"order-{state}", f"/admin/orders/{order_id}")


def _troubled_sections(emulated: Emulator, sections: Sections) -> Iterator[State]:
    emulated.openai.add_key("states", KEY)
    usual = emulated.openai.catalogue
    emulated.openai.catalogue = tuple(
        Model(f"gpt-5.{number}", 1772600000 - number, shutdown_date="2026-12-10" if number == 3 else None)
        for number in range(40)
    )
    try:
        sections.save(POEM, ProviderKind.OPENAI, api_key=KEY, model="gpt-5.3")
        sections.save(SONG, ProviderKind.SUNO, api_key=WRONG_KEY)
        sections.save(CLIP, ProviderKind.PIKA, api_key=WRONG_KEY)
        sections.settle()
        yield State("sections", "/admin/providers")
        yield State("sections-refused", "/admin/providers", _save_without_a_key)
        yield State("sections-touched", "/admin/providers", _touch)
        sections.save(POEM, ProviderKind.OPENAI, api_key=WRONG_KEY)
        sections.settle()
        yield State("sections-another-key", "/admin/providers?another_key_for=POEM", _look_for_keys)
        yield State("history", "/admin/providers/POEM/history")
    finally:
        emulated.openai.catalogue = usual


def _save_without_a_key(page: Page) -> None:
    page.select_option("#voice-provider-kind", "SPEECHKIT")
    page.click("#voice-save")
    expect(page.locator("#voice-api-key-error")).to_be_visible()


def _touch(page: Page) -> None:
    page.fill("#voice-api-key", "sk-fake-typed-0123456789")
    page.select_option("#voice-provider-kind", "SPEECHKIT")
    page.click("#voice [data-show-key]")
    page.click("#poem-remove")


def _look_for_keys(page: Page) -> None:
    page.click("#poem-form summary")


def send_an_outdated_form(page: Page) -> None:
    """Order with a form of a session that is over."""
    fill_in(page)
    page.evaluate("document.querySelector('main form [name=csrf_token]').value = 'of another session'")
    _send(page)


def _send_too_much(page: Page) -> None:
    fill_in(page)
    # Not in a field that can be seen: to lay out so long a word takes a second.
    page.evaluate("document.querySelector('main form [name=csrf_token]').value += 'м'.repeat(70_000)")
    _send(page)


def fill_in(page: Page) -> None:
    """Type what an order needs at the least."""
    page.fill("#recipient", "Анна")
    page.fill("#occasion", "60 лет")


def _send(page: Page) -> None:
    """Send the form. What the answer is to be read from is there when this returns."""
    with page.expect_navigation():
        page.click("main form .btn-primary")


def _guess_passwords(page: Page) -> None:
    token = page.input_value("[name=csrf_token]")
    guess: dict[str, str | float | bool] = {"csrf_token": token, "username": "nobody", "password": "not the password"}
    for _ in range(MORE_TRIES_THAN_ALLOWED):
        if page.request.post("/admin/login", form=guess).status == 429:
            page.fill("[name=username]", "nobody")
            page.fill("[name=password]", "not the password")
            _send(page)
        # The minute may have ended before the page has met its limit.
        if not page.locator("[name=password]").count():
            return


def _choose_a_common_password(page: Page) -> None:
    for field, typed in (("present", PASSWORD), ("new", "password"), ("again", "password")):
        page.fill(f"#{field}", typed)
    page.click("main form .btn-primary")
    expect(page.locator("#new-error")).to_be_visible()


def _send_an_empty_order(page: Page) -> None:
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.click("main form button")
    expect(page.locator("#recipient-error")).to_be_visible()
