"""Who never stops asking while the system is deployed: clients that send requests, and who watches leases."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import requests
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from domain.orders.models import Stage
from tests.http_session import Api
from tests.running_system import wait_until

#: Leaves the processors of the machine to those that are measured.
PAUSE_SECONDS = 0.2


class Asker(threading.Thread):
    """Does one thing again and again, in a thread of its own, until it is told to stop."""

    def __init__(self, name: str) -> None:
        super().__init__(daemon=True, name=name)
        self._enough = threading.Event()

    def run(self) -> None:
        while not self._enough.wait(PAUSE_SECONDS):
            self.ask()

    def ask(self) -> None:
        """The one thing."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask no more; returns when the last answer is there."""
        self._enough.set()
        self.join()


class Caller(Asker):
    """A program that sends one request again and again, on one connection or, ``hangs_up``, on a new one each time.

    ``failures`` says of each that had no answer, or another than ``expected``, what became of it.
    """

    def __init__(
        self, api: Api, send: Callable[[Api], requests.Response], *, expected: int, hangs_up: bool = False
    ) -> None:
        super().__init__("caller")
        self._api, self._send, self._expected, self._hangs_up = api, send, expected, hangs_up
        self.answered = 0
        self.failures: list[str] = []
        self.longest_seconds = 0.0

    def ask(self) -> None:
        began = time.monotonic()
        try:
            answer = self._send(self._api)
        except requests.RequestException as error:
            self.failures.append(repr(error))
        else:
            if answer.status_code == self._expected:
                self.answered += 1
            else:
                self.failures.append(f"{answer.status_code} {answer.text[:200]}")
        self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
        if self._hangs_up:
            self._api.hang_up()


class LeaseWatcher(Asker):
    """Notes until when each stage was held, from its start on."""

    def __init__(self, engine: Engine) -> None:
        super().__init__("lease watcher")
        self._engine = engine
        self._held_until: dict[tuple[int, int], set[str]] = defaultdict(set)

    def ask(self) -> None:
        held = select(Stage.id, Stage.claim, Stage.lease_until).where(Stage.lease_until.is_not(None))
        with Session(self._engine) as session:
            for stage_id, claim, held_until in session.execute(held):
                self._held_until[stage_id, claim].add(str(held_until))

    @property
    def most_renewals(self) -> int:
        """How often the lease was renewed that was renewed most."""
        return max((len(times) for times in list(self._held_until.values())), default=1) - 1


def wait_for_answers(callers: Sequence[Caller]) -> None:
    """Wait until each of them has been answered once more; how soon is a question of the machine."""
    before = [caller.answered for caller in callers]
    wait_until(
        lambda: all(caller.answered > count for caller, count in zip(callers, before, strict=True)),
        "every caller is answered",
    )


@contextmanager
def asking(*askers: Asker) -> Iterator[None]:
    """Let them ask as long as the block lasts."""
    for asker in askers:
        asker.start()
    try:
        yield
    finally:
        for asker in askers:
            asker.stop()
