"""A page that keeps itself up to date when its session ends."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.chromium import PATIENCE, arrive
from tests.running_system import wait_until

pytestmark = pytest.mark.browser

FRAGMENT, LOGIN = "**/admin/providers/POEM", "**/admin/login"


@pytest.fixture
def asking(page: Page, context: BrowserContext) -> Route:
    """The page of the sections, which watches the first of them as it does while a check runs, asks for it.

    The session is over meanwhile; the question goes on its way with ``continue_``.
    """
    asked: list[Route] = []

    def watch(route: Route) -> None:
        answer = route.fetch()
        watching = answer.text().replace('id="poem"', 'id="poem" data-live="/admin/providers/POEM"', 1)
        route.fulfill(response=answer, body=watching)

    def hold(route: Route) -> None:
        asked.append(route)

    page.route("**/admin/providers", watch, times=1)
    page.route(FRAGMENT, hold, times=1)
    page.goto("/admin/providers")
    # The browser is heard while something is asked of it.
    wait_until(lambda: page.evaluate("true") and asked, "the page asks what is new", PATIENCE / 1000)
    context.clear_cookies()
    return asked[0]


def test_it_leads_to_the_login_page(page: Page, asking: Route) -> None:
    asking.continue_()

    arrive(page, re.compile(r"/admin/login$"))


def test_it_takes_nothing_from_who_is_typing(page: Page, asking: Route) -> None:
    page.fill("#poem-api-key", "sk-fake-typed-0123456789")

    # It asks again and again, and is sent to the login page each time.
    for ask in (asking.continue_, lambda: None):
        with page.expect_response(LOGIN):
            ask()

    expect(page.locator("#poem-api-key")).to_have_value("sk-fake-typed-0123456789")
