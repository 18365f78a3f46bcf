"""Orders are accepted once and for all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from domain import order_lists, placing
from domain.db import db, utc_now
from domain.orders import Order, OrderState, StageState
from domain.placing import IdempotencyKey, KeyUsedForAnother, NewOrder, place_once
from providers.base import Brief
from providers.kinds import StageType
from tests.builders import ALL_STAGES, place_order, stage_of

BRIEF = Brief("Анна", "60 лет", "любит море", "тепло", "ru")
NEW = NewOrder(BRIEF, ALL_STAGES, None, "token:shop")


def test_the_poem_comes_first_and_the_others_are_blocked_until_it_is_there() -> None:
    order = place_order(ALL_STAGES)

    states = {stage.stage_type: stage.state for stage in order.stages}
    assert states == {
        StageType.POEM: StageState.QUEUED,
        StageType.VOICE: StageState.BLOCKED,
        StageType.SONG: StageState.BLOCKED,
        StageType.CLIP: StageState.BLOCKED,
    }
    assert order.state is OrderState.RUNNING


def test_a_poem_of_the_customers_own_lets_the_others_start_at_once() -> None:
    order = place_order(frozenset({StageType.VOICE, StageType.SONG}), poem="Море шумит")

    assert {stage.state for stage in order.stages} == {StageState.QUEUED}
    assert [ready.stage_type for ready in placing.ready_stages(order)] == [StageType.VOICE, StageType.SONG]


def test_the_same_idempotency_key_and_request_give_the_same_order() -> None:
    first, second = place_once(NEW, "key-1"), place_once(NEW, "key-1")

    assert first.id == second.id
    assert db.session.scalar(select(func.count()).select_from(Order)) == 1


def test_another_key_or_another_program_gives_another_order() -> None:
    ids = {
        place_once(NEW, "key-1").id,
        place_once(NEW, "key-2").id,
        place_once(NewOrder(BRIEF, ALL_STAGES, None, "token:bot"), "key-1").id,
    }

    assert len(ids) == 3


def test_the_same_key_for_another_request_is_refused_and_places_nothing() -> None:
    place_once(NEW, "key-1")

    with pytest.raises(KeyUsedForAnother):
        place_once(NewOrder(BRIEF, frozenset({StageType.POEM}), None, "token:shop"), "key-1")
    assert db.session.scalar(select(func.count()).select_from(Order)) == 1


def test_a_key_counts_for_24_hours() -> None:
    first = place_once(NEW, "key-1").id
    db.session.execute(update(IdempotencyKey).values(created_at=utc_now() - timedelta(hours=24, minutes=1)))
    db.session.commit()

    assert place_once(NEW, "key-1").id != first


def test_old_keys_are_forgotten() -> None:
    place_once(NEW, "key-1")

    placing.forget_old_keys(utc_now() + timedelta(hours=25))

    assert db.session.scalar(select(func.count()).select_from(IdempotencyKey)) == 0


def test_the_same_key_from_many_threads_gives_one_order(app: Flask) -> None:
    start = threading.Barrier(8)

    def place() -> int:
        with app.app_context():
            start.wait(60)
            return place_once(NEW, "key-1").id

    with ThreadPoolExecutor(8) as threads:
        ids = [placed.result() for placed in [threads.submit(place) for _ in range(8)]]

    assert len(set(ids)) == 1
    assert db.session.scalar(select(func.count()).select_from(Order)) == 1


def test_pages_of_orders_are_newest_first_and_complete() -> None:
    placed = [place_order().id for _ in range(5)]

    seen: list[int] = []
    page = order_lists.list_page(size=2)
    seen += [order.id for order in page.orders]
    while page.older_than:
        page = order_lists.list_page(before_id=page.older_than, size=2)
        seen += [order.id for order in page.orders]

    assert seen == sorted(placed, reverse=True)


def test_orders_can_be_listed_by_state() -> None:
    order = place_order()
    stage_of(order)

    assert [found.id for found in order_lists.list_page(OrderState.RUNNING).orders] == [order.id]
    assert order_lists.list_page(OrderState.DONE).orders == []
    assert order_lists.count_by_state() == {OrderState.RUNNING: 1}
