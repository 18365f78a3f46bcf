"""Domain tests run inside the application's context, as a task does."""

from collections.abc import Iterator

import pytest
from flask import Flask


@pytest.fixture(autouse=True)
def in_app(app: Flask) -> Iterator[None]:
    """One database session for the test."""
    with app.app_context():
        yield
