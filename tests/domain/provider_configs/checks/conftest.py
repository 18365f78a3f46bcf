"""Keys that work, and checks that do not sleep."""

from types import SimpleNamespace

import pytest

from tests.domain.provider_configs.checks.openai_section import KEY, OTHER_KEY
from tests.emulator.server import Emulator

#: Far more than all checks of a test take together.
MAX_NAPS = 100


@pytest.fixture(autouse=True)
def keys(emulator: Emulator) -> None:
    emulator.openai.add_key("first", KEY)
    emulator.openai.add_key("other", OTHER_KEY)


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that a check would have slept between its attempts."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert len(slept) < MAX_NAPS, "this check does not end"

    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=sleep))
    return slept
