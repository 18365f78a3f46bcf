"""The Chromium of this machine, and what is asked of it everywhere; with patience, as machines are busy."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    StorageState,
    expect,
    sync_playwright,
)

from tests.running_system import PASSWORD, RunningSystem

#: The one without windows first: it starts and loads a page with a third of the processor time.
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
#: Milliseconds. Playwright itself would have a page do within five seconds whatever is expected of it.
PATIENCE = 60_000

expect.set_options(timeout=PATIENCE)


def arrive(page: Page, address: re.Pattern[str]) -> None:
    """Wait until the page at ``address`` is there, with its scripts; of several that were asked for, the last one."""
    expect(page).to_have_url(address)
    page.wait_for_load_state()


def find_chromium() -> str | None:
    """Where the Chromium of this machine is."""
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """The Chromium of this machine, running."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS, timeout=PATIENCE)
        yield browser
        browser.close()


@contextmanager
def open_context(chromium: Browser, url: str, **options: Any) -> Iterator[BrowserContext]:
    """A browser profile in which nothing is kept yet, with ``url`` as its base."""
    context = chromium.new_context(base_url=url, **options)
    context.set_default_timeout(PATIENCE)
    try:
        yield context
    finally:
        context.close()


def sign_in(chromium: Browser, system: RunningSystem) -> StorageState:
    """The cookies of an administrator who has signed in."""
    with open_context(chromium, system.url) as context:
        page = context.new_page()
        page.goto("/admin")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", PASSWORD)
        page.click("main form button")
        arrive(page, re.compile(r"/admin$"))
        return context.storage_state()


def listen(page: Page, url: str) -> list[str]:
    """Whatever the browser is going to complain of, and whatever the page asks for that is not under ``url``."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def note(request: Request) -> None:
        if not request.url.startswith(url):
            complaints.append(request.url)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", note)
    return complaints
