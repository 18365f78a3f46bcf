"""Redis is killed, emptied and frozen under a worker: it stays, and it hears the next message.

The few kills that fit into every run become more with, say,
``REDIS_KILLS=100 make test ARGS="-n 0 -k redis_is_killed --log-cli-level=INFO"``, which also prints the figures.
"""

import logging
import os
import signal
import time
from functools import partial
from itertools import cycle, islice

import pytest
import redis

from tests.faults.shop import WITHIN_SECONDS, Shop
from tests.running_system import wait_until

pytestmark = pytest.mark.processes

log = logging.getLogger(__name__)

KILLS = int(os.environ.get("REDIS_KILLS", "3"))
#: Longer than it takes to see that a worker is at it.
SLOW = "!slow 0.5"
LOST = "Connection to broker lost"


def nobody_has_noticed(shop: Shop, begun: list[int], lost_before: int) -> bool:
    return True


def the_worker_has_lost_it(shop: Shop, begun: list[int], lost_before: int) -> bool:
    return shop.times_logged(LOST) > lost_before


def calls_have_ended_meanwhile(shop: Shop, begun: list[int], lost_before: int) -> bool:
    return all(map(shop.is_done, begun))


#: How long Redis is away, each until something is true: of the orders begun, or of how often its loss was logged.
OUTAGES = (nobody_has_noticed, the_worker_has_lost_it, calls_have_ended_meanwhile)


def orders_at_work(shop: Shop) -> list[int]:
    """Three orders that the worker has begun."""
    order_ids = [shop.order(SLOW) for _ in range(3)]
    shop.wait_until_begun(*order_ids)
    return order_ids


def assert_each_was_made_once(shop: Shop, order_ids: list[int]) -> None:
    assert all(shop.is_done(order_id) for order_id in order_ids)
    assert shop.calls(*order_ids) == len(order_ids)


@pytest.mark.thorough  # killed once it is among the faults of the short storm
def test_a_worker_whose_redis_is_killed_again_and_again_stays_and_hears_the_next_message(shop: Shop) -> None:
    broker = shop.nodes.broker
    order_ids, seconds, lost = [], [], 0
    for is_over in islice(cycle(OUTAGES), KILLS):
        begun, sent = orders_at_work(shop), [shop.order() for _ in range(10)]
        lost_before = shop.times_logged(LOST)

        broker.kill(signal.SIGKILL)
        wait_until(partial(is_over, shop, begun, lost_before), is_over.__name__, WITHIN_SECONDS)
        since = time.monotonic()
        broker.restart()

        afterwards = shop.order()
        shop.wait_until_done(afterwards)
        seconds.append(round(time.monotonic() - since, 2))
        shop.wait_until_done(*begun)
        lost += sum(not shop.is_done(order_id) for order_id in sent)
        shop.sweep()
        shop.wait_until_done(*sent)
        assert shop.runs(), shop.nodes.worker.logs()
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
