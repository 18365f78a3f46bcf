"""Who tells of whom: workers of a beat that is gone, and beat of workers that are."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from domain import heartbeats
from domain.db import db, utc_now
from domain.monitoring.alerts import Alert, Trouble
from domain.orders.models import StageState
from providers.kinds import StageType
from settings import Settings
from tasks import alerts, pulse
from tasks.messages import ALERTS_TASK, SWEEP_TASK
from tests import builders
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
    monkeypatch.setattr("domain.monitoring.alert_delivery.deliver", deliveries.append)
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


@pytest.mark.parametrize("beat_dies_after", [None, 1, 3, 5, 10, 14])
def test_a_trouble_is_told_of_in_less_than_twenty_seconds_even_if_beat_dies_meanwhile(
    app: Flask, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch, beat_dies_after: int | None
) -> None:
    every = Settings.model_fields["alerts_interval_seconds"].default

    def send(task: str, **_: float) -> bool:
        if task == ALERTS_TASK:
            alerts.notice()
        elif task == SWEEP_TASK:
            heartbeats.claim_interval(SWEEP_TASK, timedelta(seconds=1), utc_now())
            db.session.commit()
        return True

    monkeypatch.setattr("tasks.messages._send", send)
    with app.app_context():
        send(SWEEP_TASK)
        send(ALERTS_TASK)
        # The worst moment: just after somebody has looked.
        order = builders.place_order()
        builders.set_state(order.id, StageType.POEM, StageState.FAILED, reason="rejected", finished_at=utc_now())
        for second in range(1, 60):
            clock.shift(timedelta(seconds=1))
            if beat_dies_after is None or second < beat_dies_after:
                for task in (each for each, due in ((SWEEP_TASK, 2), (ALERTS_TASK, every)) if second % due == 0):
                    send(task)
            if second % pulse.LOOK_SECONDS == 0:
                pulse.stand_in_for_beat()
            if (Trouble.FAILED, False) in told():
                break

    # A target that is well takes what is left.
    assert second <= 17


def test_a_beat_without_a_database_looks_for_nobody_and_goes_on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("server closed the connection"))

    with app.app_context():
        with monkeypatch.context() as patch:
            patch.setattr(heartbeats, "beat", away)
            alerts._look()
        assert heartbeats.last_seen(heartbeats.BEAT) is None

        alerts._look()

        assert heartbeats.last_seen(heartbeats.BEAT) == utc_now()
