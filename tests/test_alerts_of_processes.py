"""Who tells of whom: workers of a beat that is gone, and beat of workers that are."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from domain import heartbeats
from domain.alerts import Alert, Trouble
from domain.db import db, utc_now
from tasks import alerts
from tests.database_kinds import on_one_database
from tests.stopped_clock import StoppedClock, stopped_clock

pytestmark = on_one_database

LONG_AGO = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def clock() -> Iterator[StoppedClock]:
    """No time passes between what a test does and what it looks at."""
    with stopped_clock() as clock:
        yield clock


@pytest.fixture(autouse=True)
def began_long_ago(clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has watched for long enough to miss somebody."""
    monkeypatch.setattr(alerts, "_began_at", utc_now() - LONG_AGO)


def told() -> list[tuple[Trouble, bool]]:
    return [(alert.trouble, alert.over) for alert in db.session.query(Alert).order_by(Alert.id)]


def test_a_worker_tells_of_a_beat_that_is_gone_and_of_no_worker(app: Flask) -> None:
    with app.app_context():
        heartbeats.beat(heartbeats.BEAT, utc_now() - LONG_AGO)

        alerts.notice()

        assert told() == [(Trouble.NO_BEAT, False)]


def test_a_beat_shows_itself_and_tells_of_workers_that_are_gone(app: Flask) -> None:
    with app.app_context():
        heartbeats.beat(heartbeats.WORKER, utc_now() - LONG_AGO)

        alerts._look()

        assert heartbeats.last_seen(heartbeats.BEAT) == utc_now()
        assert told() == [(Trouble.NO_WORKER, False)]


def test_what_a_beat_tells_while_nobody_works_is_delivered_by_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries: list[object] = []
    monkeypatch.setattr("domain.alert_delivery.deliver", deliveries.append)
    with app.app_context():
        heartbeats.beat(heartbeats.WORKER, utc_now())
        alerts._look()
        assert deliveries == []
        heartbeats.beat(heartbeats.WORKER, utc_now() - LONG_AGO)
        db.session.query(heartbeats.Heartbeat).filter_by(name="alerts.no_worker").delete()
        db.session.commit()

        alerts._look()
        alerts._look()

    assert len(deliveries) == 2
