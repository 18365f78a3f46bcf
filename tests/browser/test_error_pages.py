"""Every page of what went wrong says so in its language, and leads on."""

import pytest
from playwright.sync_api import Browser, BrowserContext, StorageState, expect

from providers.kinds import ProviderKind, StageType
from tests.browser.states import error_pages, fill_in
from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser

#: What the page says, and where its first button leads.
EXPECTED = {
    "not-found": ("Такой страницы нет", "/admin"),
    "outdated-form": ("Страница устарела", "/admin/orders/new"),
    "too-much": ("Отправлено слишком много", "/admin/orders/new"),
    "too-many-tries": ("Слишком много попыток", "/admin/login"),
    "crash": ("У нас что-то сломалось", "/admin"),
}


def test_each_error_page_leads_on(chromium: Browser, system: RunningSystem, signed_in: StorageState) -> None:
    system.browser().save_section(StageType.POEM, ProviderKind.DUMMY)
    met = {}
    for state in error_pages(system):
        context = chromium.new_context(
            base_url=system.url,
            storage_state=signed_in if state.signed_in else None,
            extra_http_headers=dict(state.headers),
        )
        page = context.new_page()
        page.goto(state.path)
        if state.do is not None:
            state.do(page)
        heading = page.inner_text("h1")
        with page.expect_navigation():
            page.click("main .btn-primary")
        met[state.name] = (heading, page.evaluate("location.pathname"))
        context.close()
    assert met == EXPECTED


def test_what_was_typed_is_there_again_after_an_outdated_form(context: BrowserContext) -> None:
    # Not the watched tab: this one is told 400.
    page = context.new_page()
    page.goto("/admin/orders/new")
    fill_in(page)
    page.fill("#details", "любит море")
    page.evaluate("document.querySelector('main form [name=csrf_token]').value = 'of another session'")
    page.click("main form .btn-primary")

    page.click("main .btn-primary")

    expect(page.locator("#details")).to_have_value("любит море")
