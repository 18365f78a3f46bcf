"""Redis is killed, emptied and frozen under a worker: it stays, and it hears the next message.

The few kills that fit into every run become more with, say,
``REDIS_KILLS=100 make test ARGS="-n 0 -k redis_is_killed --log-cli-level=INFO"``, which also prints the figures.
"""

import logging
import os
import signal
import time
from itertools import cycle, islice

import pytest
import redis

from tests.faults.shop import Shop

pytestmark = pytest.mark.processes

log = logging.getLogger(__name__)

KILLS = int(os.environ.get("REDIS_KILLS", "6"))
OUTAGES_SECONDS = (0, 0.1, 0.3, 1)
#: Longer than it takes to see that a worker is at it, shorter than the longest outage.
SLOW = "!slow 0.5"


def orders_at_work(shop: Shop) -> list[int]:
    """Three orders that the worker has begun."""
    order_ids = [shop.order(SLOW) for _ in range(3)]
    shop.wait_until_begun(*order_ids)
    return order_ids


def assert_each_was_made_once(shop: Shop, order_ids: list[int]) -> None:
    assert all(shop.is_done(order_id) for order_id in order_ids)
    assert shop.calls() == len(order_ids)


def test_a_worker_whose_redis_is_killed_again_and_again_stays_and_hears_the_next_message(shop: Shop) -> None:
    worker, broker = shop.nodes.worker, shop.nodes.broker
    order_ids, seconds, lost = [], [], 0
    for outage in islice(cycle(OUTAGES_SECONDS), KILLS):
        begun, sent = orders_at_work(shop), [shop.order() for _ in range(10)]

        broker.kill(signal.SIGKILL)
        time.sleep(outage)
        since = time.monotonic()
        broker.restart()

        afterwards = shop.order()
        shop.wait_until_done(afterwards)
        seconds.append(round(time.monotonic() - since, 2))
        shop.wait_until_done(*begun)
        lost += sum(not shop.is_done(order_id) for order_id in sent)
        shop.sweep()
        shop.wait_until_done(*sent)
        assert worker.container.status == "running", worker.logs()
        order_ids += [*begun, *sent, afterwards]

    log.info("%d kills, %d messages lost; seconds from Redis's start to a new poem: %s", KILLS, lost, sorted(seconds))
    assert_each_was_made_once(shop, order_ids)


def test_a_worker_whose_redis_is_emptied_hears_the_next_message(shop: Shop) -> None:
    at_work = orders_at_work(shop)

    with redis.Redis.from_url(shop.nodes.app.conf.broker_url) as client:
        client.flushall()

    afterwards = shop.order()
    shop.wait_until_done(*at_work, afterwards)
    assert_each_was_made_once(shop, [*at_work, afterwards])


def test_a_worker_whose_redis_is_frozen_for_a_while_hears_the_next_message(shop: Shop) -> None:
    at_work = orders_at_work(shop)

    shop.nodes.broker.kill(signal.SIGSTOP)
    shop.wait_until_done(*at_work)
    shop.nodes.broker.kill(signal.SIGCONT)

    afterwards = shop.order()
    shop.wait_until_done(afterwards)
    assert_each_was_made_once(shop, [*at_work, afterwards])
