"""Celery's threads, with the worker told at once when one of them is free again.

With ``worker_disable_prefetch`` a worker whose threads are all busy stops asking Redis. As of Celery 5.7.0 and kombu
5.7.0 nothing makes it ask again when a task ends but the next turn of its event loop, which may be a second away: four
threads made 0.7 orders a second instead of 8.
"""

from typing import Any

from celery.concurrency.thread import ApplyResult, TaskPool
from kombu.asynchronous import Hub


class EagerThreadPool(TaskPool):
    """What ``worker_pool`` names."""

    _hub: Hub | None = None

    def register_with_event_loop(self, hub: Hub) -> None:
        """Called by Celery each time that its event loop begins: again after a broker was lost."""
        self._hub = hub

    def on_apply(self, *args: Any, **kwargs: Any) -> ApplyResult:
        """Run a task in a thread, and turn the event loop when it has ended; ends with the task no longer counted."""
        result = super().on_apply(*args, **kwargs)
        result.f.add_done_callback(self._turn_loop)
        return result

    def _turn_loop(self, _ended: object) -> None:
        if self._hub is not None:
            self._hub.call_soon(_nothing)


def _nothing() -> None:
    """That the loop turns is enough: it then looks whether it may ask Redis again."""
