"""The sweep at Celery's door: what it says of the broker to the domain."""

from datetime import timedelta

import pytest
from flask import Flask

from domain.db import db, utc_now
from tasks import recovery
from tests.builders import place_order, stage_of
from tests.database_kinds import on_one_database

pytestmark = on_one_database


def test_a_sweep_sends_nothing_again_that_still_waits_in_the_broker(
    app: Flask, monkeypatch: pytest.MonkeyPatch, messages: list[tuple[int | str, ...]]
) -> None:
    with app.app_context():
        stage = stage_of(place_order())
        stage.published_at = stage.due_at = utc_now() - timedelta(minutes=1)
        db.session.commit()
        stage_id = stage.id
        for waiting, sent in ((1, []), (0, [("tasks.generation.generate_poem", stage_id)])):
            monkeypatch.setattr(recovery, "waiting_stages", lambda waiting=waiting: waiting)
            recovery.sweep()
            assert [message for message in messages if "generate" in str(message[0])] == sent
