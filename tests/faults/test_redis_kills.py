"""Redis is killed, emptied and frozen under a worker: it stays, and it hears the next message.

The few kills that fit into every run become more with, say,
``REDIS_KILLS=100 make test ARGS="-n 0 -k redis_is_killed --log-cli-level=INFO"``, which also prints the figures.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice

import pytest
import redis
from flask import Flask
from pytest_celery import CeleryTestSetup
from sqlalchemy import func, select, update

from domain.db import db
from domain.orders import Attempt, Stage, StageState
from providers.kinds import StageType
from tasks.messages import GENERATION_TASKS, SWEEP_TASK
from tests import builders
from tests.running_system import wait_until

pytestmark = pytest.mark.processes

log = logging.getLogger(__name__)

KILLS = int(os.environ.get("REDIS_KILLS", "10"))
OUTAGES_SECONDS = (0, 0.1, 0.3, 1)
#: Longer than it takes to see that a worker is at it, shorter than the longest outage.
SLOW = "!slow 0.5"
HEARD_WITHIN_SECONDS = 10


class Shop:
    """Orders poems as the web server does, on the worker and the Redis of one test. There is no beat, hence no sweep
    but its own: a poem is made because its message was heard.
    """

    def __init__(self, nodes: CeleryTestSetup) -> None:
        self.nodes = nodes

    def order(self, details: str = "") -> int:
        """Place an order and send its message; returns the order's id."""
        order_id = builders.place_order(details=details).id
        self.nodes.app.send_task(GENERATION_TASKS[StageType.POEM], args=[builders.stage_of(order_id).id])
        return order_id

    def orders_at_work(self) -> list[int]:
        """Three orders that the worker has begun."""
        order_ids = [self.order(SLOW) for _ in range(3)]
        for order_id in order_ids:
            wait_until(lambda order_id=order_id: _state_of(order_id) is not StageState.QUEUED, "begun")
        return order_ids

    def sweep(self) -> None:
        """Sweep as beat does, after the time in which a message may still be heard."""
        db.session.execute(update(Stage).values(published_at=None))
        db.session.commit()
        self.nodes.app.send_task(SWEEP_TASK)


def _state_of(order_id: int) -> StageState:
    state = builders.stage_of(order_id).state
    db.session.rollback()  # an open transaction would keep showing the same rows
    return state


def wait_until_done(*order_ids: int) -> None:
    for order_id in order_ids:
        wait_until(lambda order_id=order_id: _state_of(order_id) is StageState.DONE, "done", HEARD_WITHIN_SECONDS)


@pytest.fixture
def migrated_app(apps: Callable[[str], Flask]) -> Flask:
    """The application on one kind of database: this is about the broker."""
    return apps("sqlite")


@pytest.fixture
def shop(app: Flask, celery_setup: CeleryTestSetup) -> Iterator[Shop]:
    with app.app_context():
        builders.working_section(StageType.POEM)
        yield Shop(celery_setup)


def assert_each_was_made_once(order_ids: list[int]) -> None:
    """One attempt is one call to the provider."""
    assert db.session.scalar(select(func.count()).select_from(Attempt)) == len(order_ids)
    assert {_state_of(order_id) for order_id in order_ids} == {StageState.DONE}


def test_a_worker_whose_redis_is_killed_again_and_again_stays_and_hears_the_next_message(shop: Shop) -> None:
    worker, broker = shop.nodes.worker, shop.nodes.broker
    order_ids, seconds, lost = [], [], 0
    for outage in islice(cycle(OUTAGES_SECONDS), KILLS):
        begun, sent = shop.orders_at_work(), [shop.order() for _ in range(10)]

        broker.kill(signal.SIGKILL)
        time.sleep(outage)
        since = time.monotonic()
        broker.restart()

        afterwards = shop.order()
        wait_until_done(afterwards)
        seconds.append(round(time.monotonic() - since, 2))
        wait_until_done(*begun)
        lost += sum(_state_of(order_id) is not StageState.DONE for order_id in sent)
        shop.sweep()
        wait_until_done(*sent)
        assert worker.container.status == "running", worker.logs()
        order_ids += [*begun, *sent, afterwards]

    log.info("%d kills, %d messages lost; seconds from Redis's start to a new poem: %s", KILLS, lost, sorted(seconds))
    assert_each_was_made_once(order_ids)


def test_a_worker_whose_redis_is_emptied_hears_the_next_message(shop: Shop) -> None:
    at_work = shop.orders_at_work()

    with redis.Redis.from_url(shop.nodes.app.conf.broker_url) as client:
        client.flushall()

    afterwards = shop.order()
    wait_until_done(*at_work, afterwards)
    assert_each_was_made_once([*at_work, afterwards])


def test_a_worker_whose_redis_is_frozen_for_a_while_hears_the_next_message(shop: Shop) -> None:
    at_work = shop.orders_at_work()

    shop.nodes.broker.kill(signal.SIGSTOP)
    wait_until_done(*at_work)
    shop.nodes.broker.kill(signal.SIGCONT)

    afterwards = shop.order()
    wait_until_done(afterwards)
    assert_each_was_made_once([*at_work, afterwards])
