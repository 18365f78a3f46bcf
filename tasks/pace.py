"""Letting held stages go at the moment that their provider takes more, not at the next sweep.

A timer in each process that has held a stage: no worker's thread sleeps, and a process that ends takes nothing with
it, as the sweep looks as well.
"""

import threading
from datetime import datetime

import structlog
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from domain import quotas
from domain.db import db, utc_now
from tasks.messages import send_stages

log = structlog.get_logger(__name__)

#: However many stages are held at once, their providers' rows are looked at no more often.
SHORTEST_SECONDS = 0.1
#: What is further away, the sweep finds in time.
LONGEST_SECONDS = 15.0
_EXTENSION = "pace"


def release_at(moment: datetime) -> None:
    """Look for held stages at ``moment``, and send the messages of those that may go.

    One look is planned at a time, the earliest: it plans the next one itself.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # the timer needs the application itself
    app.extensions.setdefault(_EXTENSION, _Pace(app)).look_at(moment)


class _Pace:
    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._moment: datetime | None = None

    def look_at(self, moment: datetime) -> None:
        seconds = (moment - utc_now()).total_seconds()
        if seconds > LONGEST_SECONDS:
            return
        with self._lock:
            if self._moment is not None and self._moment <= moment:
                return
            if self._timer is not None:
                self._timer.cancel()
            self._moment = moment
            self._timer = threading.Timer(max(seconds, SHORTEST_SECONDS), self._look)
            self._timer.daemon = True
            self._timer.start()

    def _look(self) -> None:
        with self._lock:
            self._timer = self._moment = None
        with self._app.app_context():
            try:
                released = quotas.release_held(utc_now())
            except SQLAlchemyError as error:
                db.session.rollback()
                log.warning("held stages not looked for", error=type(error).__name__)
                return
            send_stages(released.ready)
        if released.again_at is not None:
            self.look_at(released.again_at)
