"""A worker that hears no beat sends beat's messages itself; while one is heard it sends nothing."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from domain import heartbeats
from domain.db import db, utc_now
from tasks.messages import ALERTS_TASK, POLL_TASK, REFRESH_TASK, SWEEP_TASK
from tasks.pulse import SILENCE, stand_in_for_beat
from tests.database_kinds import on_one_database
from tests.stopped_clock import StoppedClock, stopped_clock

pytestmark = on_one_database

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[StoppedClock]:
    """No time passes between what a test does and what it looks at."""
    with stopped_clock() as clock:
        yield clock


@pytest.fixture
def sent(clock: StoppedClock, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, float]]:
    """The tasks that would have been asked for, and in which spans of seconds they count once."""
    asked: dict[str, float] = {}

    def note(task: str, *, every: float) -> bool:
        asked[task] = every
        return True

    monkeypatch.setattr("tasks.messages._send", note)
    with app.app_context():
        yield asked


def hear_beat(ago: timedelta) -> None:
    assert heartbeats.claim_interval(SWEEP_TASK, SECOND, utc_now() - ago)
    db.session.commit()


def test_what_a_silent_beat_would_have_sent_is_sent(sent: dict[str, float], app: Flask) -> None:
    schedule = app.extensions["celery"].conf.beat_schedule
    hear_beat(SILENCE + SECOND)

    assert stand_in_for_beat()
    assert sent == {entry["task"]: entry["kwargs"]["every"] for entry in schedule.values()}
    assert sent.keys() == {ALERTS_TASK, SWEEP_TASK, POLL_TASK, REFRESH_TASK}


def test_a_beat_that_was_never_heard_is_silent(sent: dict[str, float]) -> None:
    assert stand_in_for_beat()
    assert SWEEP_TASK in sent


def test_while_a_beat_is_heard_nobody_stands_in(sent: dict[str, float]) -> None:
    hear_beat(SILENCE - 2 * SECOND)

    assert not stand_in_for_beat()
    assert sent == {}


def test_a_beat_that_was_heard_at_a_time_to_come_was_heard_by_another_clock(sent: dict[str, float]) -> None:
    hear_beat(-SILENCE - SECOND)

    assert stand_in_for_beat()


def test_without_a_database_nobody_stands_in(sent: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_task: str) -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    monkeypatch.setattr("tasks.pulse.last_seen", away)

    assert not stand_in_for_beat()
    assert sent == {}
