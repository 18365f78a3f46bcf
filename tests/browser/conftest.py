"""One Chromium and one running product for all tests of the folder."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from tests.browser.chromium import find_chromium, listen, open_chromium, open_context, sign_in
from tests.browser.inspection import DESKTOP
from tests.browser.shared_system import Sections, system_env
from tests.emulator.server import Emulator
from tests.running_system import ROOT, RunningSystem

SCREENSHOTS = ROOT / "var" / "screenshots"


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
    """The product as processes, on SQLite. What another test has left in it is still there."""
    folder = tmp_path_factory.mktemp("system")
    with RunningSystem(folder, f"sqlite:///{folder / 'quatrain.db'}", system_env(emulated)) as running:
        yield running


@pytest.fixture(scope="package")
def sections(system: RunningSystem) -> Sections:
    """The sections of the running product, for a test to set as it needs them."""
    return Sections(system.browser())


@pytest.fixture(scope="package")
def signed_in(chromium: Browser, system: RunningSystem) -> StorageState:
    """The cookies of an administrator who has signed in."""
    return sign_in(chromium, system)


@pytest.fixture(scope="package")
def screenshots() -> Path:
    """An empty folder for pictures, which are kept for whoever wants to see what the tests saw."""
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    SCREENSHOTS.mkdir(parents=True)
    return SCREENSHOTS


@pytest.fixture
def context(chromium: Browser, system: RunningSystem, signed_in: StorageState) -> Iterator[BrowserContext]:
    """A fresh browser profile of a signed-in administrator, with the product as its base."""
    with open_context(chromium, system.url, viewport=DESKTOP, storage_state=signed_in) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext, system: RunningSystem) -> Iterator[Page]:
    """The administrator's tab; whatever the browser complains of, or loads from elsewhere, fails the test."""
    page = context.new_page()
    complaints = listen(page, system.url)
    yield page
    assert complaints == []


@pytest.fixture
def still_page(page: Page) -> Page:
    """The administrator's tab, out of sight: what it shows stays as it was loaded, as it never asks what is new."""
    page.add_init_script("Object.defineProperty(document, 'hidden', {get: () => true})")
    return page
