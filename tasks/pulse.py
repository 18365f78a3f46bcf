"""What a worker does when no beat is heard: it sends beat's messages itself, so that everything goes on."""

import threading
from datetime import timedelta
from typing import Any

import structlog
from celery import bootsteps
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from domain.db import db, utc_now
from domain.heartbeats import last_seen
from settings import current_settings
from tasks.messages import SWEEP_TASK, send_what_beat_sends

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
#: Longer than a beat needs to be started again.
SILENCE = timedelta(seconds=10)


def pulse_of(app: Flask) -> type[bootsteps.StartStopStep]:
    """The part of a worker of ``app`` that listens for beat, in a thread of its own."""

    class Pulse(bootsteps.StartStopStep):
        def __init__(self, parent: Any, **options: Any) -> None:
            super().__init__(parent, **options)  # type: ignore[no-untyped-call]  # Celery has no types
            self._stopped = threading.Event()

        def start(self, _parent: Any) -> None:
            threading.Thread(target=self._listen, name="pulse", daemon=True).start()

        def stop(self, _parent: Any) -> None:
            self._stopped.set()

        def _listen(self) -> None:
            while not self._stopped.wait(LOOK_SECONDS):
                with app.app_context():
                    stand_in_for_beat()

    return Pulse


def stand_in_for_beat() -> bool:
    """Send what beat would have sent, if none was heard for ``SILENCE``; whether it did.

    Several workers may: each tick is claimed by one.
    """
    silence = max(SILENCE, timedelta(seconds=3 * current_settings().sweep_interval_seconds))
    try:
        heard_at = last_seen(SWEEP_TASK)
        db.session.rollback()
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("database away, beat not checked", error=type(error).__name__)
        return False
    if heard_at is not None and abs(utc_now() - heard_at) < silence:
        return False
    log.warning("beat missing, its messages are sent by this worker", since=heard_at and heard_at.isoformat())
    return send_what_beat_sends()
