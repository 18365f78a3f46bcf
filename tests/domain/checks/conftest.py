"""Keys that work, and checks that do not sleep."""

from types import SimpleNamespace

import pytest

from tests.domain.checks.openai_section import KEY, OTHER_KEY
from tests.emulator.server import Emulator


@pytest.fixture(autouse=True)
def keys(emulator: Emulator) -> None:
    emulator.openai.add_key("first", KEY)
    emulator.openai.add_key("other", OTHER_KEY)


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that a check would have slept between its attempts."""
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=slept.append))
    return slept
