"""Workers that take turns: exactly one thread runs at any time, so that a run can be played again step by step.

A worker is a thread of its own with its own application context, hence its own database session. It hands the baton
back at every point: before a transaction begins, after one was committed, and around every call to a provider. No
transaction is open at a point, so whoever stands there for ever holds no lock. ``kill`` ends a worker where it
stands, as ``kill -9`` would: the rows that it has not committed are gone.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask import Flask

from domain.orders.leases import Lease

#: A worker that does not come to a point within this time hangs: that is a fault of the test.
PATIENCE_SECONDS = 60.0


class Point(StrEnum):
    """Where a worker can stand."""

    START = "start"
    BEGIN = "begin"
    COMMITTED = "committed"
    CALL = "call"
    SENT = "sent"
    ENDED = "ended"


class Killed(BaseException):
    """The worker's process is gone. Nothing may catch it."""


@dataclass(frozen=True, slots=True)
class Go:
    """What a worker is told as it is given the baton: how far to go, and what befalls it on the way.

    ``points`` counts the points that it passes; it stops at a call in any case, as somebody must say how that goes.
    """

    points: int = 1
    answer: Any = None
    #: It is killed at the next commit, before that takes effect.
    dies_committing: bool = False
    dies: bool = False


class Worker:
    """One message at work. ``what`` is what it does, for whoever reads the steps; ``action`` does it."""

    def __init__(self, app: Flask, what: str, action: Callable[[], Any], *, takes_stages: bool = True) -> None:
        self.what = what
        self.takes_stages = takes_stages
        self.point = Point.START
        #: What it is about to ask a provider, while it stands at a call.
        self.call: Any = None
        #: Stages that it has taken, with the claim that it has them by.
        self.holds: dict[int, int] = {}
        #: What its process renews, as long as it is not frozen.
        self.leases: list[Lease] = []
        self.result: Any = None
        self.fault: Exception | None = None
        self.was_killed = False
        self.steps = 0
        self._app, self._action = app, action
        self._go = Go()
        self._mine, self._theirs = threading.Lock(), threading.Lock()
        self._mine.acquire()
        self._theirs.acquire()
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<{self.what} at {self.point}>"

    @property
    def ended(self) -> bool:
        """Whether it is through, one way or the other."""
        return self.point is Point.ENDED

    def go_on(self, go: Go) -> None:
        """Give it the baton; returns when it has handed it back."""
        self._go = go
        self._mine.release()
        if not self._theirs.acquire(timeout=PATIENCE_SECONDS):
            raise RuntimeError(f"{self!r} does not come back")
        if self.ended:
            self._thread.join()

    def kill(self) -> None:
        """End it where it stands."""
        self.go_on(Go(dies=True))

    def stand(self, point: Point) -> Any:
        """Called in its own thread at each point; returns how a call goes, where it stood at one."""
        if self.was_killed:
            raise Killed
        self.steps += 1
        self._go = Go(self._go.points - 1, self._go.answer, self._go.dies_committing)
        if self._go.points <= 0 or point is Point.CALL:
            self.point = point
            self._theirs.release()
            self._mine.acquire()
        if self._go.dies:
            self._die()
        return self._go.answer

    def before_commit(self) -> None:
        """Called in its own thread before a commit takes effect."""
        if self._go.dies_committing:
            self._die()

    def _die(self) -> None:
        self.was_killed = True
        raise Killed

    def _run(self) -> None:
        _current.worker = self
        self._mine.acquire()
        try:
            if not self._go.dies:
                with self._app.app_context():
                    self.result = self._action()
        except Killed:
            pass
        except Exception as fault:  # noqa: BLE001  # whatever it is, the machine has to hear of it
            self.fault = fault
        self.point = Point.ENDED
        self._theirs.release()


class _Current(threading.local):
    worker: Worker | None = None


_current = _Current()


def current_worker() -> Worker | None:
    """The worker whose thread this is; None in the thread of the test, which stands nowhere."""
    return _current.worker
