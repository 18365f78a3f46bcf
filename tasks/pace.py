"""Going on at the moment that a provider takes more, not at the next sweep or the next poll of beat's.

A timer in each process that had to let something wait: no worker's thread sleeps, and a process that ends takes
nothing with it, as sweep and poll come by all the same.
"""

import threading
from collections.abc import Callable
from datetime import datetime

import structlog
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from domain.db import db, utc_now
from domain.provider_configs import throttle_release
from tasks.messages import send_poll, send_stages

log = structlog.get_logger(__name__)

#: However much waits at once, the providers' rows are looked at no more often.
MIN_SECONDS = 0.1
#: What is further away, sweep and poll find in time.
MAX_SECONDS = 15.0
_EXTENSION = "pace"


def release_at(moment: datetime) -> None:
    """Look for held stages at ``moment``, and send the messages of those that may go; that plans the next look."""
    _timer("release", _release).ring_at(moment)


def poll_at(moment: datetime) -> None:
    """Send a message at ``moment`` to look at jobs that had to wait."""
    _timer("poll", _poll).ring_at(moment)


def _release() -> None:
    released = throttle_release.release_throttled(utc_now())
    send_stages(released.ready)
    if released.again_at is not None:
        release_at(released.again_at)


def _poll() -> None:
    send_poll()


def _timer(name: str, ring: Callable[[], None]) -> "_Timer":
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # the timer needs the application itself
    timers: dict[str, _Timer] = app.extensions.setdefault(_EXTENSION, {})
    return timers.setdefault(name, _Timer(app, ring))


class _Timer:
    """Rings once at the earliest of the moments that it was given."""

    def __init__(self, app: Flask, ring: Callable[[], None]) -> None:
        self._app = app
        self._ring = ring
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._moment: datetime | None = None

    def ring_at(self, moment: datetime) -> None:
        seconds = (moment - utc_now()).total_seconds()
        if seconds > MAX_SECONDS:
            return
        with self._lock:
            if self._moment is not None and self._moment <= moment:
                return
            if self._timer is not None:
                self._timer.cancel()
            self._moment = moment
            self._timer = threading.Timer(max(seconds, MIN_SECONDS), self._rings)
            self._timer.daemon = True
            self._timer.start()

    def _rings(self) -> None:
        with self._lock:
            self._timer = self._moment = None
        with self._app.app_context():
            try:
                self._ring()
            except SQLAlchemyError as error:
                db.session.rollback()
                log.warning("database away, release skipped", error=type(error).__name__)
