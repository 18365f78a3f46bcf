"""Whether the clock of this machine was set, as one process sees it."""

import time
from datetime import timedelta

#: Below it a lease still has time for two renewals; what the network's time corrects bit by bit is never as much.
SMALLEST_STEP = timedelta(seconds=5)


class StepDetector:
    """Compares the clock with the one that nobody can set, for one process. Safe for threads."""

    def __init__(self) -> None:
        self._noted = _difference()

    def step(self) -> timedelta:
        """By how much the clock was set since ``note`` was called last; zero for less than ``SMALLEST_STEP``."""
        step = timedelta(seconds=_difference() - self._noted)
        return step if abs(step) >= SMALLEST_STEP else timedelta(0)

    def note(self) -> None:
        """What has happened so far has been dealt with."""
        self._noted = _difference()


def _difference() -> float:
    return time.time() - time.monotonic()
