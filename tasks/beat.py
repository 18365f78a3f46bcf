"""Beat: Celery's own, which a clock that is set does not stop, and SIGTERM always does."""

import signal
from typing import Any

import celery.beat
from celery.signals import beat_init

from domain.clock import StepDetector


class SteadyScheduler(celery.beat.Scheduler):
    """Keeps the schedule in memory, as a kill -9 may break a file; begins it anew when the clock was set.

    Celery's scheduler notes by the clock when it last sent what. Set back by an hour it would send nothing for an hour.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._clock = StepDetector()
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]  # Celery has no types

    def tick(self, *args: Any, **options: Any) -> float:
        """Send what is due; returns the seconds until something is."""
        if self._clock.step():
            for entry in self.schedule.values():  # type: ignore[union-attr]  # none only in the class, never in a scheduler
                entry.last_run_at = entry.default_now()
            self._heap = None
        self._clock.note()
        return float(super().tick(*args, **options))  # type: ignore[no-untyped-call]  # Celery has no types


def end_at_once(**_: object) -> None:
    """Let SIGTERM simply end a beat: it has nothing to save.

    Celery's own handler closes the connection under the message that is being sent. What then fails there takes the
    place of its SystemExit and is logged, and the beat goes on until it is killed.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


beat_init.connect(end_at_once)
