"""The poll at Celery's door: whom it sends messages, and when it comes again."""

from datetime import datetime, timedelta

import pytest
from flask import Flask

from domain.db import db, utc_now
from domain.generation import poll as generation_poll
from domain.generation.poll import Polled
from domain.orders.models import Ready
from providers.kinds import StageType
from tasks import generation
from tests.builders import place_order, stage_of
from tests.database_kinds import on_one_database

pytestmark = on_one_database


def test_what_a_poll_has_found_is_told_to_the_workers(
    app: Flask, monkeypatch: pytest.MonkeyPatch, messages: list[tuple[int | str, ...]]
) -> None:
    again_at = utc_now() + timedelta(seconds=7)
    planned: list[datetime] = []
    monkeypatch.setattr(generation, "poll_at", planned.append)
    with app.app_context():
        stage_id = stage_of(place_order()).id
        db.session.rollback()
        found = Polled([Ready(stage_id, StageType.POEM)], [StageType.SONG], again_at)
        monkeypatch.setattr(generation_poll, "poll_due", lambda _now: found)

        generation.poll_jobs()

    assert messages == [
        ("tasks.generation.generate_poem", stage_id),
        ("tasks.config.validate_and_fetch_models", "SONG"),
    ]
    assert planned == [again_at]


def test_of_all_beats_one_is_heard_in_each_span(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    polls: list[datetime] = []

    def poll(now: datetime) -> Polled:
        polls.append(now)
        return Polled([], [])

    monkeypatch.setattr(generation_poll, "poll_due", poll)

    with app.app_context():
        generation.poll_jobs(every=3600)
        generation.poll_jobs(every=3600)

    assert len(polls) == 1
