"""Chromium, and the product that it looks at."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from tests.browser.inspection import DESKTOP
from tests.emulator.server import Emulator
from tests.running_system import PASSWORD, RunningSystem

#: The one without windows first: it starts and loads a page with a third of the processor time.
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def find_chromium() -> str | None:
    """Where the Chromium of this machine is."""
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """The Chromium of this machine, running."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


def system_env(emulated: Emulator) -> dict[str, str]:
    """What the product must know to find the emulated providers, and to believe who a request says it comes from."""
    return {f"{kind}_BASE_URL": emulated.base_url(kind) for kind in emulated.rooms} | {"TRUSTED_PROXIES": "1"}


def sign_in(chromium: Browser, system: RunningSystem) -> StorageState:
    """The cookies of an administrator who has signed in."""
    context = chromium.new_context(base_url=system.url)
    page = context.new_page()
    page.goto("/admin")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")
    page.wait_for_url("**/admin")
    state = context.storage_state()
    context.close()
    return state


def listen(page: Page, url: str) -> list[str]:
    """Whatever the browser is going to complain of, and whatever the page asks for that is not under ``url``."""
    complaints: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith(url) or complaints.append(request.url))
    return complaints


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine; without one the test is skipped, or fails where REQUIRE_BROWSER is set."""
    if find_chromium() is None:
        assert not os.environ.get("REQUIRE_BROWSER"), "REQUIRE_BROWSER is set and no Chromium was found"
        pytest.skip("no Chromium on this machine")
    with open_chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def emulated() -> Iterator[Emulator]:
    """The providers of the running product."""
    with Emulator() as emulator:
        yield emulator


# Of the package, not of the session: left alone, the product goes on sweeping until the last test of all.
@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory, emulated: Emulator) -> Iterator[RunningSystem]:
    """The product as processes, on SQLite."""
    folder = tmp_path_factory.mktemp("system")
    with RunningSystem(folder, f"sqlite:///{folder / 'quatrain.db'}", system_env(emulated)) as running:
        yield running


@pytest.fixture(scope="package")
def signed_in(chromium: Browser, system: RunningSystem) -> StorageState:
    """The cookies of an administrator who has signed in."""
    return sign_in(chromium, system)


@pytest.fixture
def context(chromium: Browser, system: RunningSystem, signed_in: StorageState) -> Iterator[BrowserContext]:
    """A fresh browser profile of a signed-in administrator, with the product as its base."""
    context = chromium.new_context(base_url=system.url, viewport=DESKTOP, storage_state=signed_in)
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, system: RunningSystem) -> Iterator[Page]:
    """The administrator's tab; whatever the browser complains of, or loads from elsewhere, fails the test."""
    page = context.new_page()
    complaints = listen(page, system.url)
    yield page
    assert complaints == []
