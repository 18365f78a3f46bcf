"""Every page of what went wrong has no barrier, says so in its language, and leads on."""

from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, StorageState, expect

from tests.browser.inspection import LOOKS, keep_picture, looked_at
from tests.browser.shared_system import Sections
from tests.browser.states import error_pages, send_an_outdated_form
from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser

#: What the page says in the language in which it is looked at, and where its first button leads.
EXPECTED = {
    "not-found": ("Такой страницы нет", "/admin"),
    "outdated-form": ("The page is out of date", "/admin/orders/new"),
    "too-much": ("Отправлено слишком много", "/admin/orders/new"),
    "too-many-tries": ("Too many tries", "/admin/login"),
    "crash": ("У нас что-то сломалось", "/admin"),
}


def test_each_error_page_has_no_barrier_and_leads_on(
    chromium: Browser, system: RunningSystem, sections: Sections, signed_in: StorageState, screenshots: Path
) -> None:
    met, problems = {}, []
    # Closed at once where a look fails: an order may be unreadable.
    with closing(error_pages(system, sections)) as states:
        for number, state in enumerate(states):
            look = LOOKS[number % 2]
            name = f"{state.name}-{look.language}-{look.device}"
            show = partial(keep_picture, screenshots / f"{name}.png")
            with looked_at(state, look, chromium, system.url, signed_in, show) as (page, found):
                problems += [f"{name}: {each}" for each in found.problems]
                heading = page.inner_text("h1")
                with page.expect_navigation():
                    page.click("main .btn-primary")
                met[state.name] = (heading, page.evaluate("location.pathname"))

    assert met == EXPECTED
    assert not problems, "\n".join(problems)


def test_what_was_typed_is_there_again_after_an_outdated_form(context: BrowserContext) -> None:
    # Not the watched tab: this one is told 400.
    page = context.new_page()
    page.goto("/admin/orders/new")
    page.fill("#details", "любит море")
    send_an_outdated_form(page)

    page.click("main .btn-primary")

    expect(page.locator("#details")).to_have_value("любит море")
