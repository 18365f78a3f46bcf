"""Alerts about orders: works that need a person or have failed, grouped, once as it begins and once as it is over."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from domain.db import db, utc_now
from domain.generation import manual_retry
from domain.monitoring import order_troubles
from domain.monitoring.alerts import Alert, notice_orders, sentence
from domain.orders.models import StageState
from providers.kinds import StageType
from tests.builders import ALL_STAGES, place_order, set_state, stage_of
from tests.database_kinds import on_one_database
from tests.stopped_clock import StoppedClock

POEM, VOICE, SONG, CLIP = StageType
ATTENTION, FAILED = StageState.ATTENTION, StageState.FAILED
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def trouble(state: StageState, works: int = 1, reason: str = "answer_lost", stage_type: StageType = SONG) -> list[int]:
    """Orders of which one work each is in ``state``."""
    orders = [place_order(frozenset({stage_type}), poem="Море шумит.").id for _ in range(works)]
    finished = {"finished_at": utc_now()} if state is FAILED else {}
    for order in orders:
        set_state(order, stage_type, state, reason=reason, updated_at=utc_now(), **finished)
    return orders


def retry(orders: list[int], stage_type: StageType = SONG) -> None:
    for order in orders:
        assert manual_retry.retry_by_hand(stage_of(order, stage_type), utc_now())
        db.session.commit()


def told(clock: StoppedClock, after: timedelta = MINUTE) -> list[str]:
    clock.shift(after)
    return sorted(sentence(alert) for alert in notice_orders(utc_now()))


def test_works_that_need_a_person_are_told_of_once_and_once_when_it_is_over(clock: StoppedClock) -> None:
    assert told(clock) == []
    orders = trouble(ATTENTION)

    assert told(clock) == ["SONG: 1 work needs a decision (answer lost) since 18 Nov 12:01 UTC"]
    assert told(clock) == []
    retry(orders)
    assert told(clock) == ["SONG: no work needs a decision any more"]
    assert told(clock) == []


def test_works_that_failed_are_told_of_once_and_once_when_each_was_retried(clock: StoppedClock) -> None:
    orders = trouble(FAILED, 2, "content_refused")

    assert told(clock) == ["SONG: 2 works have failed (mostly: content refused) since 18 Nov 12:00 UTC"]
    assert told(clock) == []
    retry(orders[:1])
    assert told(clock) == []
    retry(orders[1:])
    assert told(clock) == ["SONG: no work has failed for a day, or each that did was retried"]


def test_works_of_one_kind_are_one_alert_with_the_reason_of_most(clock: StoppedClock) -> None:
    trouble(ATTENTION, 1, "answer_lost")
    clock.shift(MINUTE)
    trouble(ATTENTION, 3, "took_too_long")
    trouble(FAILED, 2, "content_refused")
    trouble(ATTENTION, 1, "took_too_long", CLIP)

    assert told(clock) == [
        "CLIP: 1 work needs a decision (took too long) since 18 Nov 12:01 UTC",
        "SONG: 2 works have failed (mostly: content refused) since 18 Nov 12:01 UTC",
        "SONG: 4 works need a decision (mostly: took too long) since 18 Nov 12:00 UTC",
    ]


@on_one_database
def test_what_gets_worse_is_told_again_when_it_is_twice_as_many_and_not_for_another_reason(clock: StoppedClock) -> None:
    trouble(FAILED, 2)
    assert len(told(clock)) == 1
    trouble(FAILED, 1, "content_refused")
    assert told(clock) == []
    trouble(FAILED, 1, "content_refused")

    assert told(clock) == ["SONG: 4 works have failed (mostly: answer lost) since 18 Nov 12:00 UTC"]
    trouble(FAILED, 1, "content_refused")
    assert told(clock) == []


@on_one_database
def test_what_needs_a_person_is_told_again_after_a_day(clock: StoppedClock) -> None:
    trouble(ATTENTION)

    assert [len(told(clock, HOUR)) for _ in range(26)] == [1, *[0] * 23, 1, 0]


def test_what_failed_is_news_for_a_day_and_then_over_though_nobody_retried_it(clock: StoppedClock) -> None:
    trouble(FAILED)
    assert len(told(clock)) == 1

    assert told(clock, 23 * HOUR) == []
    assert told(clock, HOUR) == ["SONG: no work has failed for a day, or each that did was retried"]
    assert told(clock, HOUR) == []


@on_one_database
def test_what_failed_long_ago_is_not_told_of(clock: StoppedClock) -> None:
    trouble(FAILED)
    clock.shift(order_troubles.RECENT)

    assert told(clock) == []


@on_one_database
def test_works_whose_poem_failed_are_the_trouble_of_the_poem(clock: StoppedClock) -> None:
    order = place_order(ALL_STAGES)
    set_state(order.id, POEM, FAILED, reason="content_refused", finished_at=utc_now())

    assert told(clock) == ["POEM: 1 work has failed (content refused) since 18 Nov 12:00 UTC"]


@on_one_database
def test_works_whose_poem_needs_a_person_are_the_trouble_of_the_poem(clock: StoppedClock) -> None:
    order = place_order(ALL_STAGES)
    set_state(order.id, POEM, ATTENTION, reason="answer_lost", updated_at=utc_now())

    assert told(clock) == ["POEM: 1 work needs a decision (answer lost) since 18 Nov 12:00 UTC"]


def test_of_several_processes_that_look_at_once_one_tells(clock: StoppedClock) -> None:
    trouble(FAILED)
    clock.shift(MINUTE)

    assert [len(notice_orders(utc_now())) for _ in range(3)] == [1, 0, 0]
    assert db.session.query(Alert).count() == 1


@on_one_database
def test_a_crowd_is_counted_up_to_a_limit_and_hides_no_other_kind(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_troubles, "MOST", 3)
    trouble(ATTENTION, 5)
    trouble(FAILED, 1, stage_type=CLIP)

    assert [sentence[:8] for sentence in told(clock)] == ["CLIP: 1 ", "SONG: 3 "]


def test_one_query_by_the_index_looks_at_all_of_it() -> None:
    trouble(ATTENTION)
    asked: list[tuple[str, Any]] = []

    def note(*call: Any) -> None:
        asked.append((call[2], call[3]))

    event.listen(db.engine, "before_cursor_execute", note)
    order_troubles.look(utc_now())
    event.remove(db.engine, "before_cursor_execute", note)

    [(statement, values)] = [each for each in asked if each[0].startswith("SELECT")]
    if db.engine.dialect.name == "postgresql":
        # With so few rows it would read them all.
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN"
    else:
        explain = "EXPLAIN QUERY PLAN"
    plan = str(db.session.connection().exec_driver_sql(f"{explain} {statement}", values).all())
    assert plan.count("ix_stages_in_trouble") == len(StageType) * 2
    assert not re.search(r"Seq Scan on stages|SCAN stages", plan)
