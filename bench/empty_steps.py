"""What orders are compared with: four steps that do nothing, as a chain of Celery's and as a workflow of DBOS.

``celery -A bench.empty_steps:celery_app`` starts a worker for the chains, and ``python -m bench.empty_steps URL`` one
for the workflows, which are kept in the PostgreSQL database at that URL.
"""

import itertools
import signal
import sys

from celery import Celery, chain
from dbos import DBOS, DBOSConfig
from redis import Redis

import tasks.thread_pool  # noqa: F401  # what celeryconfig names is only found once somebody has imported it

STEPS = 4
QUEUE = "empty"
WORKFLOW = "four_empty_steps"
#: How many workflows run at the same time: as many as a worker of the Procfile has threads.
CONCURRENCY = 64
#: Where a worker notes that all chains of a measurement have ended.
ENDED_KEY = "ended"

celery_app = Celery("empty_steps")
celery_app.config_from_object("celeryconfig")
_ended = itertools.count(1)


# The names bring both into the queue of the generations.
@celery_app.task(name="tasks.generation.do_nothing")  # type: ignore[untyped-decorator]  # Celery has no types
def do_nothing() -> None:
    """A step that does nothing."""


@celery_app.task(name="tasks.generation.end_chain")  # type: ignore[untyped-decorator]  # Celery has no types
def end_chain(chains: int) -> None:
    """The last step: does nothing either, but for the last one of so many ``chains``."""
    if next(_ended) % chains == 0:
        with Redis.from_url(celery_app.conf.broker_url) as redis:
            redis.incr(ENDED_KEY)


def send_chain(chains: int) -> None:
    """Send one chain of ``chains`` that are sent in all."""
    chain(*(do_nothing.si() for _ in range(STEPS - 1)), end_chain.si(chains)).apply_async()


@DBOS.step()
def _empty_step() -> None:
    pass


@DBOS.workflow(name=WORKFLOW)
def _four_empty_steps() -> None:
    for _ in range(STEPS):
        _empty_step()


def _work(database_url: str) -> None:
    """Run what is put into the queue, until this process is ended."""
    DBOS(config=DBOSConfig(name="empty-steps", system_database_url=database_url))
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=CONCURRENCY, polling_interval_sec=0.1)
    signal.pause()


if __name__ == "__main__":
    _work(sys.argv[1])
