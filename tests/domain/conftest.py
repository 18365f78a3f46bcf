"""Domain tests run inside the application's context, as a task does, and no time passes unless they let it."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.stopped_clock import StoppedClock, stopped_clock


@pytest.fixture
def clock() -> Iterator[StoppedClock]:
    """The clock, which stands still until the test moves it."""
    with stopped_clock() as clock:
        yield clock


@pytest.fixture(autouse=True)
def in_app(clock: StoppedClock, app: Flask) -> Iterator[None]:
    """One database session for the test."""
    with app.app_context():
        yield
