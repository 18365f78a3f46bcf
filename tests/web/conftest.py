"""Fixtures for whatever talks to the web application or types a command."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
import redis
import time_machine
from celery import Celery
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from domain.accounts.administrators import Administrator
from domain.db import db
from tests.database_kinds import ONE_DATABASE
from tests.stopped_clock import NOON
from web import health, redis_client
from web.auth import rate_limit_storage, sessions

PATIENCE_SECONDS = 60
Answer = TypeVar("Answer")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """It is noon until the clock is moved, so that a page says the same of a while however long a test takes.

    Whoever signs in has to do so when it stands: ask for it with ``usefixtures``, which comes before all arguments.
    """
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture(params=ONE_DATABASE)
def migrated_app(request: pytest.FixtureRequest, apps: Callable[[str], Flask]) -> Flask:
    """The application on SQLite: what the databases do differently is told by the tests of the domain, on both."""
    return apps(request.param)


def signed_in(app: Flask, client: FlaskClient) -> FlaskClient:
    """``client`` with a session of the administrator ``admin``.

    It is written as signing in writes it, which ``auth/test_login.py`` tests: hashing takes a tenth of a second.
    """
    with app.app_context():
        account = db.session.scalars(select(Administrator).where(Administrator.username == "admin")).one()
        contents = sessions.contents(account.id, account.epoch)
    with client.session_transaction() as session:
        session.update(contents)
    return client


@pytest.fixture
def admin(app: Flask, client: FlaskClient, administrator: str, messages: list[tuple[str, int | str]]) -> FlaskClient:
    """A browser that is signed in; messages to the workers are noted, not sent."""
    return signed_in(app, client)


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    """``run("orders", "list")``; ``typed`` comes by standard input."""

    def call(*arguments: str, typed: str = "") -> Result:
        result = app.test_cli_runner().invoke(args=list(arguments), input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return call


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Redis and database have a minute to answer those who give them a second or two otherwise."""
    for module in (redis_client, rate_limit_storage, health):
        monkeypatch.setattr(module, "TIMEOUT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(health, "DATABASE_TIMEOUT_SECONDS", PATIENCE_SECONDS)
    health._engine.cache_clear()
    yield
    health._engine.cache_clear()


@pytest.fixture
def endless_locks(app: Flask) -> Iterator[None]:
    """Who waits for a lock of the database here waits longer than the test does."""

    with app.app_context():
        engine = db.engine

    def wait_long(connection: Any, _record: object, _proxy: object) -> None:
        if engine.dialect.name == "sqlite":
            connection.execute(f"PRAGMA busy_timeout={10 * PATIENCE_SECONDS * 1000}")

    event.listen(engine, "checkout", wait_long)
    yield
    event.remove(engine, "checkout", wait_long)
    engine.dispose()


def json_of(answer: TestResponse) -> dict[str, Any]:
    """The object that an answer is; fails the test if it is none."""
    assert isinstance(answer.json, dict), answer.text
    return answer.json


def seconds_given(client: redis.Redis) -> set[object]:
    """How long a Redis may take, to be connected to and to answer."""
    given = client.connection_pool.connection_kwargs
    return {given.get("socket_timeout"), given.get("socket_connect_timeout")}


def answer_of(ask: Callable[[], Answer]) -> Answer:
    """What ``ask`` returns; fails a test in which it waits for what it should not wait for."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(ask).result(PATIENCE_SECONDS)
    finally:
        pool.shutdown(wait=False)


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that refuses connections, as a Redis that is down does."""
    away = Celery("away", set_as_current=False)
    away.config_from_object("celeryconfig")
    away.conf.broker_url = "redis://127.0.0.1:1/0"
    monkeypatch.setattr("tasks.messages.celery_app", away)
