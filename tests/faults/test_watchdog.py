"""A worker that has become deaf ends itself; one that is idle, busy or without its broker does not."""

import signal
import time

import pytest

from tasks.watchdog import EXIT_CODE
from tests.faults.shop import Shop
from tests.running_system import wait_until

pytestmark = pytest.mark.processes

PATIENCE_SECONDS = 1.0


@pytest.fixture
def worker_settings() -> dict[str, str]:
    """One thread, so that one call keeps a worker busy."""
    return {"WATCHDOG_SECONDS": str(PATIENCE_SECONDS), "WORKER_THREADS": "1"}


def deafen(shop: Shop) -> None:
    """Take both queues from the worker, which stays as it is otherwise: connected, and with an answer to a ping."""
    for queue in ("control", "generation"):
        (answer,) = shop.nodes.app.control.cancel_consumer(queue, reply=True, timeout=5, limit=1)
        assert "no longer consuming" in str(answer)


def wait_twice_the_patience() -> None:
    time.sleep(2 * PATIENCE_SECONDS)


def runs(shop: Shop) -> bool:
    return bool(shop.nodes.worker.container.status == "running")


def assert_it_ends_itself(shop: Shop) -> None:
    wait_until(lambda: not runs(shop), "the worker has ended", 10 * PATIENCE_SECONDS)
    assert shop.nodes.worker.container.attrs["State"]["ExitCode"] == EXIT_CODE
    assert "messages wait and none is heard, this worker ends" in shop.nodes.worker.logs()


def test_a_deaf_worker_ends_as_soon_as_messages_wait_for_long(shop: Shop) -> None:
    deafen(shop)
    wait_twice_the_patience()
    assert runs(shop), "nothing waits, so nothing shows that it is deaf"

    shop.order()

    assert_it_ends_itself(shop)


def test_a_deaf_worker_finishes_the_call_that_it_makes_before_it_ends(shop: Shop) -> None:
    order_id = shop.order(f"!slow {3 * PATIENCE_SECONDS}")
    shop.wait_until_begun(order_id)
    deafen(shop)
    shop.order()

    shop.wait_until_done(order_id)

    assert_it_ends_itself(shop)


def test_a_worker_that_is_kept_from_hearing_by_a_long_call_stays_and_goes_on(shop: Shop) -> None:
    long, next_one = shop.order(f"!slow {3 * PATIENCE_SECONDS}"), shop.order()

    shop.wait_until_done(long, next_one)

    assert runs(shop)


def test_an_idle_worker_stays_also_when_its_redis_goes(shop: Shop) -> None:
    wait_twice_the_patience()
    assert runs(shop)

    shop.nodes.broker.kill(signal.SIGKILL)
    wait_twice_the_patience()

    assert runs(shop)
