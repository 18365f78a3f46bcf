"""What stays in a browser after signing out: language and colours, and nothing of what somebody has typed or seen."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.chromium import arrive, open_context
from tests.browser.inspection import DESKTOP
from tests.http_session import Browser
from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser

FORM, LOGIN = "/admin/orders/new", re.compile(r"/admin/login$")
ANNA, OLGA, HER_PASSWORD = "anna", "olga", "four-words-about-nothing"
RECIPIENT = "Зинаида"


@pytest.fixture(scope="module", autouse=True)
def administrators(system: RunningSystem) -> None:
    """Two of their own, as one of them ends all of her sessions."""
    for name in (ANNA, OLGA):
        system.command(f"flask --app wsgi admin create {name}", HER_PASSWORD)


@pytest.fixture
def shared(chromium: Chromium, system: RunningSystem) -> Iterator[BrowserContext]:
    """A browser that several people use; nobody has signed in."""
    with open_context(chromium, system.url, viewport=DESKTOP) as context:
        yield context


@pytest.fixture(params=[pytest.param("heard", marks=pytest.mark.thorough), "not heard"])
def header(request: pytest.FixtureRequest, shared: BrowserContext) -> str:
    """Whether the browser listens to Clear-Site-Data, as none does over plain HTTP."""

    def take_off(route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        kept = {name: value for name, value in answer.headers.items() if name != "clear-site-data"}
        route.fulfill(response=answer, headers=kept)

    if request.param == "not heard":
        shared.route("**/admin/logout*", take_off)
    return str(request.param)


def sign_in(page: Page, name: str = ANNA) -> None:
    page.goto("/admin/login")
    page.fill("[name=username]", name)
    page.fill("[name=password]", HER_PASSWORD)
    page.click("main form button")
    arrive(page, re.compile(r"/admin$"))


def sign_out(page: Page, button: str = "Выйти") -> None:
    page.click("header summary")
    page.get_by_role("button", name=button, exact=True).click()
    arrive(page, LOGIN)


def begin_an_order(page: Page) -> None:
    page.goto(FORM)
    page.fill("#recipient", RECIPIENT)


def is_empty(page: Page) -> bool:
    page.goto(FORM)
    expect(page.locator("[data-draft-note]")).to_be_hidden()
    return page.input_value("#recipient") == ""


def let_the_session_end(context: BrowserContext, system: RunningSystem) -> None:
    """It was used an hour ago for the last time."""
    app = Flask(__name__)
    app.secret_key = system.secret_key
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    [cookie] = [each["value"] for each in context.cookies() if each["name"] == "session"]
    contents = serializer.loads(cookie)
    contents["seen_at"] -= 3600
    context.add_cookies([{"name": "session", "value": str(serializer.dumps(contents)), "url": system.url}])


def kept_drafts(page: Page) -> str:
    return str(page.evaluate("JSON.stringify({...sessionStorage})"))


@pytest.mark.usefixtures("header")
@pytest.mark.parametrize("button", ["Выйти", pytest.param("Выйти везде", marks=pytest.mark.thorough)])
def test_a_draft_is_gone_after_signing_out_for_whoever_signs_in_next(shared: BrowserContext, button: str) -> None:
    page = shared.new_page()
    sign_in(page)
    begin_an_order(page)
    assert RECIPIENT in kept_drafts(page)

    sign_out(page, button)

    assert RECIPIENT not in kept_drafts(page)
    sign_in(page, OLGA)
    assert is_empty(page)
    sign_out(page)
    sign_in(page)
    assert is_empty(page)


@pytest.mark.usefixtures("header")
def test_another_tab_shows_nothing_of_who_has_signed_out_and_keeps_none_of_their_drafts(shared: BrowserContext) -> None:
    page, other = shared.new_page(), shared.new_page()
    sign_in(page)
    begin_an_order(other)

    page.goto("/admin")
    sign_out(page)

    arrive(other, LOGIN)
    assert RECIPIENT not in kept_drafts(other)
    sign_in(page, OLGA)
    assert is_empty(other)


def test_a_session_that_ended_by_its_time_keeps_a_draft_for_the_same_person_and_nobody_else(
    shared: BrowserContext, system: RunningSystem
) -> None:
    page = shared.new_page()
    sign_in(page)
    begin_an_order(page)
    let_the_session_end(shared, system)
    page.goto("/admin")
    arrive(page, LOGIN)

    sign_in(page)
    page.goto(FORM)
    expect(page.locator("#recipient")).to_have_value(RECIPIENT)
    let_the_session_end(shared, system)
    sign_in(page, OLGA)

    assert is_empty(page)
    assert RECIPIENT not in kept_drafts(page)


def test_a_session_that_was_ended_elsewhere_takes_the_draft_along(
    shared: BrowserContext, system: RunningSystem
) -> None:
    page = shared.new_page()
    sign_in(page)
    begin_an_order(page)
    phone = Browser(system.url)
    phone.sign_in(ANNA, HER_PASSWORD)
    phone.post("/admin/logout-everywhere", "/admin")

    page.goto("/admin")

    arrive(page, LOGIN)
    assert RECIPIENT not in kept_drafts(page)


def test_language_and_colours_stay(shared: BrowserContext) -> None:
    page = shared.new_page()
    page.emulate_media(color_scheme="light")
    sign_in(page)
    page.goto("/admin?lang=en")
    page.click("header summary")
    page.get_by_role("button", name="Dark colours").click()

    page.get_by_role("button", name="Sign out", exact=True).click()

    arrive(page, LOGIN)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_back_after_signing_out_shows_no_page_again(shared: BrowserContext) -> None:
    page = shared.new_page()
    sign_in(page)
    page.goto("/admin/orders")
    sign_out(page)

    page.go_back()

    arrive(page, LOGIN)


def test_a_page_that_the_browser_has_kept_as_it_was_is_asked_for_anew(shared: BrowserContext) -> None:
    page = shared.new_page()
    sign_in(page)
    page.goto("/admin/help")  # which asks for nothing by itself
    shared.clear_cookies()

    # As in a browser that keeps pages whatever we say, and in which somebody has signed out since.
    page.evaluate("""setTimeout(() => {
      localStorage.setItem("signed-out", Date.now());
      dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    })""")

    arrive(page, LOGIN)
