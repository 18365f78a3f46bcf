"""Orders are accepted once and for all."""

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, OperationalError

from domain.db import db, utc_now
from domain.orders import placing, queries
from domain.orders.models import Order, OrderState, Ready, StageState
from domain.orders.placing import IdempotencyKey, KeyUsedForAnother, NewOrder, place_once
from providers.base import Brief
from providers.kinds import StageType
from tests.builders import ALL_STAGES, place_order, stage_of
from tests.stopped_clock import StoppedClock

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


def test_a_key_counts_for_24_hours(clock: StoppedClock) -> None:
    first = place_once(NEW, "key-1").id
    clock.shift(timedelta(hours=24))
    assert place_once(NEW, "key-1").id == first

    clock.shift(1)
    second = place_once(NEW, "key-1").id

    assert second != first
    assert place_once(NEW, "key-1").id == second


def test_old_keys_are_forgotten(clock: StoppedClock) -> None:
    place_once(NEW, "key-1")

    clock.shift(timedelta(hours=24))
    placing.forget_old_keys(utc_now())
    assert db.session.scalars(select(IdempotencyKey.key)).all() == ["key-1"]
    clock.shift(1)
    placing.forget_old_keys(utc_now())

    assert db.session.scalars(select(IdempotencyKey.key)).all() == []


@pytest.mark.parametrize(
    "other",
    [
        replace(NEW, brief=replace(BRIEF, tone="строго")),
        replace(NEW, stages=frozenset({StageType.POEM, StageType.VOICE})),
        replace(NEW, poem="Море"),
    ],
)
def test_a_key_stands_for_all_that_was_asked_for(other: NewOrder) -> None:
    place_once(NEW, "key-1")

    with pytest.raises(KeyUsedForAnother):
        place_once(other, "key-1")


def test_a_key_that_was_used_before_an_update_stands_for_the_same_order_after_it() -> None:
    place_once(NEW, "key-1")

    brief = '{"details": "любит море", "language": "ru", "occasion": "60 лет", "recipient": "Анна", "tone": "тепло"}'
    asked = json.loads(f'{{"brief": {brief}, "poem": null, "stages": ["CLIP", "POEM", "SONG", "VOICE"]}}')
    expected = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    assert db.session.scalars(select(IdempotencyKey.request_hash)).all() == [expected]


def test_whoever_finds_that_another_was_faster_gets_the_others_order(monkeypatch: pytest.MonkeyPatch) -> None:
    add, others = placing.add, []

    def add_after_another(new: NewOrder) -> Order:
        monkeypatch.setattr(placing, "add", add)
        others.append(place_once(new, "key-1").id)
        raise IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))

    monkeypatch.setattr(placing, "add", add_after_another)

    assert [place_once(NEW, "key-1").id] == others


def test_a_stage_is_due_when_its_message_is_sent_and_so_not_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = utc_now() - timedelta(seconds=1)
    monkeypatch.setattr(placing, "utc_now", lambda: moment)

    stage = stage_of(place_order())

    assert (stage.due_at, stage.published_at) == (moment, moment)


def test_an_order_holds_what_was_asked_for(clock: StoppedClock) -> None:
    stages = frozenset({StageType.POEM, StageType.SONG})
    brief = Brief("Анна", "60 лет", "любит море", "тепло", "en")
    order = placing.place(NewOrder(brief, stages, "Море", "token:shop"))

    assert (order.brief, order.poem, order.placed_by, order.created_at) == (brief, "Море", "token:shop", utc_now())
    poem, song = stage_of(order), stage_of(order, StageType.SONG)
    assert placing.ready_stages(order) == [Ready(poem.id, StageType.POEM)]
    assert [(each.due_at, each.published_at) for each in (poem, song)] == [(utc_now(), utc_now()), (utc_now(), None)]


def test_a_refusal_of_the_database_that_is_not_about_room_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def lock(_new: NewOrder) -> Order:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    monkeypatch.setattr(placing, "add", lock)

    with pytest.raises(OperationalError):
        placing.place(NEW)


def test_a_key_that_nobody_else_has_cannot_be_why_an_order_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_new: NewOrder) -> Order:
        raise IntegrityError("INSERT", {}, Exception("NOT NULL constraint failed"))

    monkeypatch.setattr(placing, "add", refuse)

    with pytest.raises(IntegrityError):
        place_once(NEW, "key-1")


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
    page = queries.list_page(size=2)
    seen += [order.id for order in page.orders]
    while page.older_than:
        page = queries.list_page(before_id=page.older_than, size=2)
        seen += [order.id for order in page.orders]

    assert seen == sorted(placed, reverse=True)


def test_orders_can_be_listed_by_state() -> None:
    order = place_order()
    stage_of(order)

    assert [found.id for found in queries.list_page(OrderState.RUNNING).orders] == [order.id]
    assert queries.list_page(OrderState.DONE).orders == []
    assert queries.count_by_state() == {OrderState.RUNNING: 1}
