"""A clock that only the test moves: what is due, held or too old does not depend on how busy the machine is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine

from domain import clock as steps
from domain.generation import generate, poll, reconcile
from domain.orders import leases

#: Neither midnight nor the end of a month is near.
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
#: Those that also look at the clock that nobody can set.
LOOK_AT_BOTH = (steps, generate, leases, reconcile, poll)


class StoppedClock:
    """The time of day and the clock that nobody can set, as the domain sees them."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self._set_by = timedelta()

    @property
    def now(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)

    def shift(self, by: timedelta | float) -> None:
        """Let time pass."""
        self._traveller.shift(by)

    def move_to(self, moment: datetime) -> None:
        """Let time pass until ``moment``."""
        self._traveller.move_to(moment)

    def set(self, by: timedelta) -> None:
        """Somebody sets the clock: no time passes."""
        self._traveller.shift(by)
        self._set_by += by

    def begin_anew(self, moment: datetime) -> None:
        """It is ``moment``, and nobody has ever set the clock."""
        self._traveller.move_to(moment)
        self._set_by = timedelta()

    def seconds(self) -> float:
        """The clock that nobody can set."""
        return (self.now - self._set_by).timestamp()


@contextmanager
def stopped_clock(moment: datetime = NOON) -> Iterator[StoppedClock]:
    """It is ``moment`` until the test says otherwise. Whoever waits, for a thread or a provider, waits in real time."""
    with time_machine.travel(moment, tick=False) as traveller, pytest.MonkeyPatch.context() as patch:
        clock = StoppedClock(traveller)
        for module in LOOK_AT_BOTH:
            patch.setattr(module, "time", SimpleNamespace(monotonic=clock.seconds, time=time.time))
        yield clock
