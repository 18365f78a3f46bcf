"""A clock that a test can set: Python imports this by its name into every process that finds it in PYTHONPATH.

The file that CLOCK_FILE names holds by how many seconds the clock is ahead, and may change at any time. Only the time
of day moves, for all processes at once; the monotonic clock does not: as when somebody sets the clock of a machine.
"""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

LOOK_SECONDS = 0.1


class SettableClock:
    """Follows the file, in this process and in those that it forks."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ahead = 0.0
        self._traveller: time_machine.Traveller | None = None

    def follow(self) -> None:
        """Set the clock now, and again whenever the file changes."""
        self._set()
        threading.Thread(target=self._follow, name="clock", daemon=True).start()

    def _follow(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self._set()

    def _set(self) -> None:
        ahead = float(self._file.read_text())
        by = timedelta(seconds=ahead - self._ahead)
        if not by:
            return
        self._ahead = ahead
        if self._traveller is None:
            self._traveller = time_machine.travel(datetime.now(UTC) + by, tick=True).start()
        else:
            self._traveller.shift(by)


if "CLOCK_FILE" in os.environ:
    _clock = SettableClock(Path(os.environ["CLOCK_FILE"]))
    _clock.follow()
    os.register_at_fork(after_in_child=_clock.follow)  # threads do not outlive a fork
