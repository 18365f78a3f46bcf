"""A worker with all its threads busy goes on as soon as one of them is free."""

import threading
from collections.abc import Callable

from kombu.asynchronous import Hub

from tasks.thread_pool import EagerThreadPool


class Loop(Hub):
    """An event loop that only notes that it was asked to turn, and what had ended by then."""

    def __init__(self, ended: list[str]) -> None:
        self.ended = ended
        self.seen_at_turn: list[str] = []
        self.turned = threading.Event()

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.seen_at_turn = list(self.ended)
        self.turned.set()


def test_the_loop_turns_once_a_task_has_ended_and_is_no_longer_counted() -> None:
    ended: list[str] = []
    loop = Loop(ended)
    pool = EagerThreadPool(1)
    pool.register_with_event_loop(loop)

    pool.on_apply(lambda: ended.append("task"), (), callback=lambda _result: ended.append("counted off"))

    assert loop.turned.wait(60)
    assert loop.seen_at_turn == ["task", "counted off"]
    pool.on_stop()


def test_a_task_that_ends_before_there_is_a_loop_or_fails_harms_nothing() -> None:
    pool = EagerThreadPool(1)
    failed = pool.on_apply(lambda: 1 / 0, ())
    failed.wait(60)
    ended: list[str] = []
    loop = Loop(ended)
    pool.register_with_event_loop(loop)

    pool.on_apply(lambda: ended.append("task"), (), callback=ended.append)

    assert loop.turned.wait(60)
    pool.on_stop()
