"""Chromium, and the product that it looks at."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, ViewportSize, sync_playwright

from providers.kinds import ProviderKind
from tests.emulator.server import Emulator
from tests.running_system import PASSWORD, RunningSystem

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DESKTOP = ViewportSize(width=1280, height=900)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine; without one the test is skipped, or fails where REQUIRE_BROWSER is set."""
    executable = next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
    if executable is None:
        assert not os.environ.get("REQUIRE_BROWSER"), "REQUIRE_BROWSER is set and no Chromium was found"
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def emulated() -> Iterator[Emulator]:
    """The providers of the running product."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, emulated: Emulator) -> Iterator[RunningSystem]:
    """The product as processes, on SQLite."""
    folder = tmp_path_factory.mktemp("system")
    env = {"OPENAI_BASE_URL": emulated.base_url(ProviderKind.OPENAI)}
    with RunningSystem(folder, f"sqlite:///{folder / 'quatrain.db'}", env) as running:
        yield running


@pytest.fixture(scope="session")
def signed_in(chromium: Browser, system: RunningSystem) -> StorageState:
    """The cookies of an administrator who has signed in."""
    context = chromium.new_context(base_url=system.url)
    page = context.new_page()
    page.goto("/admin")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/admin")
    state = context.storage_state()
    context.close()
    return state


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
    complaints: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith(system.url) or complaints.append(request.url))
    yield page
    assert complaints == []


@pytest.fixture
def screenshots(system: RunningSystem) -> Path:
    """Where pictures of pages are kept."""
    folder = system.folder / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder
