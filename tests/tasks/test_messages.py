"""A message finds its way past a connection that broke, and nobody waits twice for a Redis that does not answer."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from celery import Celery, current_app
from flask import Flask

from domain.orders.models import Ready
from launch.embedded_redis import EmbeddedRedis
from providers.kinds import StageType
from tasks import broker_connection, messages
from tests.database_kinds import on_one_database
from tests.running_system import free_port, wait_until

pytestmark = pytest.mark.processes


@pytest.fixture(params=[{"socket_timeout": 60, "socket_connect_timeout": 60}], ids=["patient"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis of our own, and a Celery application that publishes to it and waits as long as it takes."""
    before = current_app._get_current_object()
    with EmbeddedRedis(tmp_path) as server:
        app = Celery()
        app.config_from_object("celeryconfig")
        app.conf.broker_url = server.url
        app.conf.broker_transport_options = app.conf.broker_transport_options | request.param
        yield server
        app.pool.force_close_all()
        app.close()
    before.set_current()


def waiting(broker: EmbeddedRedis) -> int:
    with redis.Redis.from_url(broker.url) as client:
        return int(client.llen("control"))


def test_a_message_after_a_restart_of_redis_arrives(broker: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "AT_ONCE_SECONDS", 60)
    assert messages.send_sweep()
    broker.kill()
    broker.start()

    assert messages.send_sweep()
    assert waiting(broker) == 1


def test_messages_about_stages_are_counted_as_long_as_no_worker_takes_them(broker: EmbeddedRedis) -> None:
    assert messages.waiting_stages() == 0

    messages.send_stages([Ready(1, StageType.POEM), Ready(2, StageType.CLIP)])
    messages.send_sweep()

    assert messages.waiting_stages() == 2


def test_a_broker_that_went_away_holds_no_messages_until_it_is_back(broker: EmbeddedRedis) -> None:
    messages.send_stages([Ready(1, StageType.POEM)])
    assert messages.waiting_stages() == 1
    broker.kill()

    assert messages.waiting_stages() == 0

    broker.start()
    messages.send_stages([Ready(1, StageType.POEM), Ready(2, StageType.CLIP)])
    assert messages.waiting_stages() >= 2


@pytest.mark.usefixtures("broker")
def test_counting_waits_for_a_connection_while_others_publish_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    app = current_app._get_current_object()
    monkeypatch.setattr(messages, "celery_app", app)  # another thread has another current one
    busy = [app.pool.acquire(block=True) for _ in range(app.pool.limit)]

    with ThreadPoolExecutor(1) as thread:
        counted = thread.submit(messages.waiting_stages)
        for connection in busy:
            connection.release()

        assert counted.result(60) == 0


@pytest.mark.parametrize("broker", [{}], ids=["as configured"], indirect=True)
def test_a_redis_that_is_away_or_frozen_is_told_and_tried_once(
    broker: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []
    really = Celery.send_task

    def counted(app: Celery, *args: object, **kwargs: object) -> object:
        tries.append(1)
        return really(app, *args, **kwargs)

    wait_until(messages.send_sweep, "a message is sent")
    monkeypatch.setattr(Celery, "send_task", counted)
    os.kill(broker.pid, signal.SIGSTOP)
    # Until it has stopped it may answer once more.
    os.waitpid(broker.pid, os.WUNTRACED)

    assert not messages.send_sweep()
    assert len(tries) == 1

    os.kill(broker.pid, signal.SIGCONT)
    broker.kill()

    assert not messages.send_sweep()


def test_a_message_that_is_refused_at_once_is_sent_once_more_and_then_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refuse(*_: object, **__: object) -> None:
        tries.append(1)
        raise ConnectionResetError

    app = Celery(broker="redis://nobody-asks-it", set_as_current=False)
    monkeypatch.setattr(app, "send_task", refuse)
    monkeypatch.setattr(messages, "celery_app", app)
    monkeypatch.setattr(messages, "AT_ONCE_SECONDS", 60)

    assert not messages.send_sweep()
    assert len(tries) == 2


@on_one_database
def test_a_broker_that_is_away_is_tried_again_soon_however_long_it_was_away(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_connection, "RETRY_SECONDS", 0.01)

    class Enough(Exception):
        pass

    pauses = []

    def note(_error: Exception, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise Enough

    celery = app.extensions["celery"]
    with celery.connection(f"redis://127.0.0.1:{free_port()}/0") as connection, pytest.raises(Enough):
        connection.ensure_connection(note)

    assert pauses == [0.01, 0.01]
