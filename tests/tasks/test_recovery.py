"""The sweep at Celery's door: what it says of the broker to the domain."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from domain.db import db, utc_now
from domain.orders import erasure
from domain.orders.models import Order, StageState
from providers.kinds import StageType
from tasks import recovery
from tests.builders import place_order, set_state, stage_of
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


@pytest.mark.usefixtures("messages")
def test_a_sweep_erases_what_is_old_and_goes_on_with_what_is_being_erased(
    app: Flask, change_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(retention_days=30)
    monkeypatch.setattr(recovery, "waiting_stages", lambda: 0)
    with app.app_context():
        old, asked, young = (place_order().id for _ in range(3))
        for order_id in (old, young):
            set_state(order_id, StageType.POEM, StageState.DONE)
        db.session.get_one(Order, old).updated_at = utc_now() - timedelta(days=31)
        db.session.commit()
        erasure.request(asked, "admin", utc_now())

        recovery.sweep()

        orders = {order_id: db.session.get_one(Order, order_id) for order_id in (old, asked, young)}
        assert {order_id: order.erased_at is not None for order_id, order in orders.items()} == {
            old: True,
            asked: True,
            young: False,
        }
