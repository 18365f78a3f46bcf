"""Fixtures for whatever talks to the web application or types a command."""

from collections.abc import Callable, Iterator

import pytest
import time_machine
from celery import Celery
from click.testing import Result
from flask import Flask

from domain.db import utc_now


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The clock stands until it is moved, so that a page says the same of a while however long a test takes.

    Whoever signs in has to do so when it stands: ask for it with ``usefixtures``, which comes before all arguments.
    """
    with time_machine.travel(utc_now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    """``run("orders", "list")``; ``typed`` comes by standard input."""

    def call(*arguments: str, typed: str = "") -> Result:
        result = app.test_cli_runner().invoke(args=list(arguments), input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return call


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that refuses connections, as a Redis that is down does."""
    away = Celery("away", set_as_current=False)
    away.config_from_object("celeryconfig")
    away.conf.broker_url = "redis://127.0.0.1:1/0"
    monkeypatch.setattr("tasks.messages.celery_app", away)
