"""Every page in every state, on a desktop and on a phone, in light and in dark: no barrier, no complaint, no burden."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState

from tests.browser.inspection import Look, look_at
from tests.browser.states import states_of
from tests.emulator.server import Emulator
from tests.running_system import ROOT, RunningSystem

pytestmark = pytest.mark.browser

#: Each language and screen in turn, in both colours; ``report`` has them all.
LOOKS = (Look("ru", "phone"), Look("en", "desktop"))
SCREENSHOTS = ROOT / "var" / "screenshots"
HEAVIEST_KILOBYTES = 250


@pytest.fixture(scope="module")
def screenshots() -> Path:
    """An empty folder for pictures, which are kept for whoever wants to see what the tests saw."""
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    SCREENSHOTS.mkdir(parents=True)
    return SCREENSHOTS


def test_no_page_has_a_barrier_whatever_its_state(
    chromium: Browser, system: RunningSystem, emulated: Emulator, signed_in: StorageState, screenshots: Path
) -> None:
    problems = []
    for number, state in enumerate(states_of(system, emulated)):
        for look in (LOOKS[number % 2],):
            name = f"{state.name}-{look.language}-{look.device}"

            def keep(page: Page, scheme: str, name: str = name) -> None:
                page.screenshot(path=screenshots / f"{name}-{scheme}.png", full_page=True)

            found = look_at(state, look, chromium, system.url, signed_in, keep)
            problems += [f"{name}: {each}" for each in (*found.barriers, *found.complaints, *found.elsewhere)]
            if found.weight > HEAVIEST_KILOBYTES * 1000:
                problems.append(f"{name}: weighs {found.weight} bytes")
            if found.is_too_wide:
                problems.append(f"{name}: is wider than the screen")
    assert not problems, "\n".join(problems)
