"""Every page in every state, on a desktop and on a phone, in light and in dark: no barrier, no complaint, no burden."""

from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState

from tests.browser.inspection import LOOKS, keep_picture, looked_at
from tests.browser.shared_system import Sections
from tests.browser.states import API_DOCS, states_of
from tests.emulator.server import Emulator
from tests.running_system import RunningSystem

pytestmark = [pytest.mark.browser, pytest.mark.thorough]


def test_no_page_has_a_barrier_whatever_its_state(
    chromium: Browser,
    system: RunningSystem,
    emulated: Emulator,
    sections: Sections,
    signed_in: StorageState,
    screenshots: Path,
) -> None:
    problems = []
    # Closed at once where a look fails: the worker may be frozen.
    with closing(states_of(system, emulated, sections)) as states:
        for number, state in enumerate(states):
            look = LOOKS[number % 2]
            name = f"{state.name}-{look.language}-{look.device}"
            show = partial(keep_picture, screenshots / f"{name}.png")
            with looked_at(state, look, chromium, system.url, signed_in, show) as (_, found):
                problems += [f"{name}: {each}" for each in found.problems]
    assert not problems, "\n".join(problems)


def test_the_description_of_the_api_has_no_barrier(
    chromium: Browser, system: RunningSystem, signed_in: StorageState, screenshots: Path
) -> None:
    show = partial(keep_picture, screenshots / "api-docs.png")
    with looked_at(API_DOCS, LOOKS[1], chromium, system.url, signed_in, show) as (_, found):
        assert not found.problems
