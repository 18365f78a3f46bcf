"""What the tests of starts share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launch.starts import Begin, starts_in
from tests.launch.warm_python import WarmPython


@pytest.fixture(scope="session")
def warm_python() -> Iterator[WarmPython]:
    """One for the session."""
    with WarmPython() as python:
        yield python


@pytest.fixture
def start(tmp_path: Path, warm_python: WarmPython) -> Iterator[Begin]:
    """Starts `make run` in a folder of its own; afterwards nothing of it is left."""
    with starts_in(tmp_path, warm_python) as begin:
        yield begin
