"""Whether the process is up, and whether it could work."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.db import db, utc_now
from domain.heartbeats import WORKER, beat
from launch.embedded_redis import EmbeddedRedis
from tests.web.conftest import answer_of, json_of, seconds_given
from web import health, redis_client

#: How long each may take; none of the two, where it is to answer.
REDIS_SECONDS, DATABASE_SECONDS = redis_client.TIMEOUT_SECONDS, health.DATABASE_TIMEOUT_SECONDS

pytestmark = pytest.mark.usefixtures("clock", "patient")

ChangeSettings = Callable[..., None]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def ready(app: Flask, redis_server: EmbeddedRedis, change_settings: ChangeSettings) -> None:
    """Everything is there, and a worker was at work just now."""
    change_settings(redis_url=redis_server.start())
    with app.app_context():
        beat(WORKER, utc_now())


def checks(client: FlaskClient) -> tuple[int, dict[str, str]]:
    response = client.get("/readyz")
    assert response.headers["Cache-Control"] == "no-store"
    assert set(json_of(response)) == {"status", "checks"}
    assert (json_of(response)["status"] == "ok") == (response.status_code == 200)
    return response.status_code, json_of(response)["checks"]


def test_the_process_says_that_it_is_up_whatever_else_is_away(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        monkeypatch.delitem(db.engines, None)

    response = client.get("/healthz")

    assert (response.status_code, response.json) == (200, {"status": "ok"})
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("ready")
def test_ready_when_database_broker_and_a_worker_are_there(client: FlaskClient) -> None:
    assert checks(client) == (200, {"database": "ok", "broker": "ok", "worker": "ok"})


@pytest.mark.usefixtures("ready")
def test_not_ready_when_no_worker_was_seen_for_a_minute(client: FlaskClient, app: Flask) -> None:
    with app.app_context():
        beat(WORKER, utc_now() - timedelta(seconds=61))

    assert checks(client) == (503, {"database": "ok", "broker": "ok", "worker": "failed"})


@pytest.mark.usefixtures("ready")
def test_ready_while_the_worker_restarts(client: FlaskClient, app: Flask) -> None:
    with app.app_context():
        beat(WORKER, utc_now() - timedelta(seconds=50))

    assert checks(client)[0] == 200


def test_not_ready_before_any_worker_was_seen(
    client: FlaskClient, redis_server: EmbeddedRedis, change_settings: ChangeSettings
) -> None:
    change_settings(redis_url=redis_server.start())

    assert checks(client) == (503, {"database": "ok", "broker": "ok", "worker": "failed"})


@pytest.mark.usefixtures("ready")
def test_not_ready_while_the_broker_is_down(client: FlaskClient, redis_server: EmbeddedRedis) -> None:
    redis_server.stop()

    assert checks(client) == (503, {"database": "ok", "broker": "failed", "worker": "ok"})


@pytest.mark.usefixtures("ready")
def test_a_frozen_broker_holds_the_answer_up_for_about_a_second(
    client: FlaskClient, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "TIMEOUT_SECONDS", REDIS_SECONDS)
    with redis_client.open_redis(redis_server.url) as quick:
        assert seconds_given(quick) == {1}
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        found = answer_of(lambda: checks(client))
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)

    assert found == (503, {"database": "ok", "broker": "failed", "worker": "ok"})


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("url", ["", "nonsense://", "redis://:wrong-password@{redis}", "redis+socket:///nowhere.sock"])
def test_not_ready_with_a_broker_that_cannot_be_used(
    client: FlaskClient, redis_server: EmbeddedRedis, change_settings: ChangeSettings, url: str
) -> None:
    change_settings(redis_url=url.format(redis=f"127.0.0.1:{redis_server.port}/0"))

    assert checks(client)[1]["broker"] == "failed"


@pytest.mark.usefixtures("ready")
def test_ready_with_a_broker_that_is_no_redis(client: FlaskClient, change_settings: ChangeSettings) -> None:
    change_settings(broker_url="memory://")

    assert checks(client) == (200, {"database": "ok", "broker": "ok", "worker": "ok"})


@pytest.mark.usefixtures("ready")
def test_not_ready_without_a_database_or_without_its_tables(
    client: FlaskClient, change_settings: ChangeSettings, tmp_path: Path
) -> None:
    for url in (
        f"sqlite:///{tmp_path / 'not' / 'there.db'}",
        f"sqlite:///{tmp_path / 'empty.db'}",
        "postgresql+psycopg://nobody@127.0.0.1:1/none",
    ):
        change_settings(database_url=url)

        assert checks(client) == (503, {"database": "failed", "broker": "ok", "worker": "failed"})


@pytest.mark.usefixtures("ready")
def test_a_frozen_database_holds_the_answer_up_for_a_few_seconds(
    client: FlaskClient, change_settings: ChangeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DATABASE_SECONDS == 2
    monkeypatch.setattr(health, "DATABASE_TIMEOUT_SECONDS", DATABASE_SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        change_settings(database_url=f"postgresql+psycopg://nobody@127.0.0.1:{silent.getsockname()[1]}/none")

        assert answer_of(lambda: checks(client))[1]["database"] == "failed"
