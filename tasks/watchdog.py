"""A worker that hears nothing although there is something to hear ends itself.

Celery's consumer has been seen to come back from a lost broker alive and deaf. Nobody notices: the process is there,
and its queues grow. A new process hears again, so the old one ends, whoever supervises it starts the next, and the
rows repair the rest. Beat's sweep, every few seconds, is what a worker that listens hears at the least.

Where other workers empty the queues nothing waits, and a deaf worker stays until there is more than they can do.
"""

import os
import threading
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.worker import state

from tasks.messages import queue_length

log = structlog.get_logger(__name__)

#: Looks in the time after which a worker counts as deaf; it must have seemed so at each of them.
LOOKS = 6
#: EX_SOFTWARE of sysexits.h: not zero, so that a supervisor sees a failure.
EXIT_CODE = 70


class Watchdog(bootsteps.StartStopStep):
    """The step of a worker's start that begins to watch it."""

    # Its consumer is started last and runs until the worker ends: a step that comes after it would never be started.
    requires = ("celery.worker.components:Pool",)  # type: ignore[assignment]  # typed by its value: no step at all

    def create(self, worker: Any) -> "_Watch":
        """Called by Celery, which then starts and stops what is returned."""
        return _Watch(worker.app, worker.app.conf.watchdog_seconds)


class _Watch:
    """A thread of its own: the worker's event loop may be what stands still."""

    def __init__(self, app: Celery, patience_seconds: float) -> None:
        self._app = app
        # By name and now: Celery forgets a queue that it no longer listens to.
        self._queues = tuple(app.amqp.queues.consume_from)
        self._patience_seconds = patience_seconds
        self._begun = 0
        self._ended = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def _watch(self) -> None:
        deaf_looks = 0
        while not self._ended.wait(self._patience_seconds / LOOKS):
            deaf_looks = deaf_looks + 1 if self._seems_deaf() else 0
            if deaf_looks > LOOKS:
                log.critical("messages wait and none is heard, this worker ends", seconds=self._patience_seconds)
                os._exit(EXIT_CODE)  # the event loop that would end it in good order does not run any more

    def _seems_deaf(self) -> bool:
        """Nothing has begun since the last look, nothing runs that could keep it from listening, and something waits.

        A worker with a call at a provider is never deaf: the call would be cut off, and may be paid for.
        """
        begun_before, self._begun = self._begun, state.all_total_count[0]
        return self._begun == begun_before and not state.active_requests and self._message_waits()

    def _message_waits(self) -> bool:
        """False also while the broker does not answer: then there is nothing to hear."""
        try:
            with self._app.connection_for_read() as connection:
                return any(queue_length(connection, queue) for queue in self._queues)
        except Exception as error:  # noqa: BLE001  # a watch that a fault of the broker's client ends watches no more
            log.warning("watchdog cannot ask the broker", error=type(error).__name__)
            return False
