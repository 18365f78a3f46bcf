"""A worker that has become deaf ends itself; one that is idle, busy or without its broker does not.

All of it in the life of one worker, whose last test is that it ends.
"""

import signal

import pytest
import redis

from tasks.watchdog import EXIT_CODE, LOOKS
from tests.faults.shop import WITHIN_SECONDS, Shop
from tests.running_system import wait_until

pytestmark = pytest.mark.processes

PATIENCE_SECONDS = 1.0
QUEUES = ("control", "generation")
#: What a look asks Redis at the least: whether a queue is there, for each of both and of kombu's four priorities.
QUESTIONS = 2 * 4
#: More than it takes to be sure.
MANY_LOOKS = 2 * LOOKS


@pytest.fixture(scope="module")
def worker_settings() -> dict[str, str]:
    """One thread, so that one call keeps a worker busy."""
    return {"WATCHDOG_SECONDS": str(PATIENCE_SECONDS), "WORKER_THREADS": "1"}


def deafen(shop: Shop) -> None:
    """Take both queues from the worker, which stays as it is otherwise: connected, and with an answer to a ping."""
    for queue in QUEUES:
        assert "no longer consuming" in shop.tell_worker("cancel_consumer", queue=queue)


def let_it_hear(shop: Shop) -> None:
    """Give both queues back."""
    for queue in QUEUES:
        assert "add consumer" in shop.tell_worker("add_consumer", queue=queue)


def wait_for_many_looks(shop: Shop) -> None:
    """Until the watchdog of a worker that has nothing to do has asked Redis often enough to end it."""
    with redis.Redis.from_url(shop.nodes.app.conf.broker_url) as client:

        def questions() -> int:
            return int(client.info("commandstats")["cmdstat_exists"]["calls"])

        enough = questions() + MANY_LOOKS * QUESTIONS
        wait_until(lambda: questions() >= enough, "many looks", WITHIN_SECONDS)


def test_an_idle_worker_stays_also_when_its_redis_goes(shop: Shop) -> None:
    wait_for_many_looks(shop)
    assert shop.runs()

    shop.nodes.broker.kill(signal.SIGKILL)
    in_vain = "watchdog cannot ask the broker"
    wait_until(lambda: shop.times_logged(in_vain) >= MANY_LOOKS, "many looks in vain", WITHIN_SECONDS)

    assert shop.runs()
    shop.nodes.broker.restart()
    shop.wait_until_done(shop.order())


def test_a_worker_that_is_kept_from_hearing_by_a_long_call_stays_and_goes_on(shop: Shop) -> None:
    long, next_one = shop.order(f"!slow {3 * PATIENCE_SECONDS}"), shop.order()

    shop.wait_until_done(long, next_one)

    assert shop.runs()


def test_a_deaf_worker_stays_while_nothing_waits(shop: Shop) -> None:
    deafen(shop)

    wait_for_many_looks(shop)

    assert shop.runs(), "nothing waits, so nothing shows that it is deaf"
    let_it_hear(shop)
    shop.wait_until_done(shop.order())


def test_a_deaf_worker_for_which_a_message_waits_finishes_the_call_that_it_makes_and_ends(shop: Shop) -> None:
    order_id = shop.order(f"!slow {3 * PATIENCE_SECONDS}")
    shop.wait_until_begun(order_id)
    deafen(shop)
    shop.order()

    shop.wait_until_done(order_id)

    wait_until(lambda: not shop.runs(), "the worker has ended", WITHIN_SECONDS)
    assert shop.nodes.worker.container.attrs["State"]["ExitCode"] == EXIT_CODE
    assert "messages wait and none is heard, this worker ends" in shop.nodes.worker.logs()
