"""Noticing what somebody has to be told of, and telling it."""

import threading
from typing import Any

import structlog
from celery.signals import beat_init
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from domain import heartbeats
from domain.db import db, utc_now
from domain.monitoring import alert_delivery, alerts
from domain.monitoring.alerts import Trouble
from tasks.messages import ALERTS_TASK
from tasks.registration import task

log = structlog.get_logger(__name__)

#: Seconds between two looks of a beat for workers.
LOOK_SECONDS = 15.0
_began_at = utc_now()


@task(name=ALERTS_TASK)
def notice(every: float | None = None) -> None:  # noqa: ARG001  # the domain tells of each trouble once, however many ask
    """Notice what began and what is over in sections and orders, and whether a beat is there; post what is due."""
    alerts.notice_sections(utc_now())
    alerts.notice_orders(utc_now())
    alerts.notice_silence(Trouble.NO_BEAT, _began_at, utc_now())
    alert_delivery.deliver(utc_now())


def watch_from_beat(app: Flask) -> None:
    """Let each beat of ``app`` show that it is there, and notice when no worker is: nobody else could tell of that."""

    def begin(**_: Any) -> None:
        threading.Thread(target=_watch, args=(app,), name="watch", daemon=True).start()

    # Celery holds receivers weakly unless it is told otherwise.
    beat_init.connect(begin, weak=False)


def _watch(app: Flask) -> None:
    wait = threading.Event().wait
    while True:
        with app.app_context():
            _look()
        wait(LOOK_SECONDS)


def _look() -> None:
    """A thread of beat's own, as a database that is away must not hold up its messages."""
    now = utc_now()
    try:
        heartbeats.beat(heartbeats.BEAT, now)
        if alerts.notice_silence(Trouble.NO_WORKER, _began_at, now) or alerts.nobody_works(now):
            alert_delivery.deliver(now)
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("database away, workers not checked", error=type(error).__name__)
