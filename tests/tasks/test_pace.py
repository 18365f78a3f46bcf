"""Stages that their provider's pace holds go on at the moment when it takes more."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy.exc import OperationalError

from domain.db import db, utc_now
from domain.orders.models import StageReason, StageState
from providers.base import Limits
from providers.kinds import ProviderKind, StageType
from tasks import pace
from tasks.messages import POLL_TASK
from tasks.pace import poll_at, release_at
from tests.builders import place_order, run, set_state, stage_of, working_section
from tests.database_kinds import on_one_database
from tests.running_system import wait_until

pytestmark = on_one_database


@pytest.fixture(autouse=True)
def timers(app: Flask) -> Iterator[None]:
    """None of them rings in the middle of another test."""
    yield
    for timer in app.extensions.pop("pace", {}).values():
        if timer._timer is not None:
            timer._timer.cancel()
            timer._timer.join()


def test_the_oldest_gets_its_message_and_the_next_one_its_own(
    app: Flask, messages: list[tuple[int | str, ...]], change_settings: Callable[..., None]
) -> None:
    with app.app_context():
        working_section()
        change_settings(provider_limits={ProviderKind.DUMMY: Limits(calls=1, seconds=0.3)})
        orders = [place_order() for _ in range(3)]
        with time_machine.travel(utc_now(), tick=False):
            again_at = [run(each).again_at for each in orders]
        first, second = (stage_of(each).id for each in orders[1:])
        db.session.rollback()
        assert again_at[1] is not None

        release_at(again_at[1])
        release_at(again_at[1] + timedelta(seconds=10))
        wait_until(lambda: messages, "a message")
        run(orders[1])
        db.session.rollback()

        wait_until(lambda: len(messages) == 2, "the next message")

    assert messages == [("tasks.generation.generate_poem", stage_id) for stage_id in (first, second)]


def test_jobs_that_had_to_wait_are_looked_at_once_at_the_earliest_moment(
    app: Flask, messages: list[tuple[int | str, ...]]
) -> None:
    with app.app_context():
        for seconds in (10, 0.2, 5):
            poll_at(utc_now() + timedelta(seconds=seconds))
        release_at(utc_now() + timedelta(seconds=0.1))

        wait_until(lambda: messages, "a message")

    assert messages == [(POLL_TASK,)]


def test_what_is_further_away_is_left_to_the_next_sweep(app: Flask) -> None:
    with app.app_context():
        release_at(utc_now() + timedelta(seconds=pace.MAX_SECONDS + 1))

        assert app.extensions["pace"]["release"]._timer is None


def test_a_timer_that_finds_no_database_can_be_set_again(
    app: Flask, messages: list[tuple[int | str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rang = threading.Event()

    def away(_now: datetime) -> None:
        rang.set()
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    with app.app_context():
        working_section()
        order = place_order()
        set_state(order.id, StageType.POEM, StageState.QUEUED, reason=StageReason.THROTTLED)
        stage_id = stage_of(order).id
        db.session.rollback()
        with monkeypatch.context() as patch:
            patch.setattr("tasks.pace.throttle_release.release_throttled", away)
            release_at(utc_now())
            assert rang.wait(60)
            assert messages == []

        release_at(utc_now())
        wait_until(lambda: messages, "a message")

    assert messages == [("tasks.generation.generate_poem", stage_id)]
