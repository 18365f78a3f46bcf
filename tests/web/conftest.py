"""Fixtures for whatever talks to the web application or types a command."""

from collections.abc import Callable

import pytest
from celery import Celery
from click.testing import Result
from flask import Flask

from tests.database_kinds import ONE_DATABASE


@pytest.fixture(params=ONE_DATABASE)
def migrated_app(request: pytest.FixtureRequest, apps: Callable[[str], Flask]) -> Flask:
    """The application on SQLite: what the databases do differently is told by the tests of the domain, on both."""
    return apps(request.param)


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
