"""Whoever stands longer than they should is named, with the reason; whoever only takes their time is not."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, update

from domain import heartbeats
from domain.db import db, utc_now
from domain.generation import generate
from domain.heartbeats import WORKER, WORKER_SILENCE
from domain.monitoring import stuck
from domain.monitoring.stuck_rules import StuckReason
from domain.orders.models import Attempt, AttemptState, Order, Stage, StageState
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, run, stage_of, working_section

POEM, VOICE, SONG, CLIP = StageType
SECONDS = timedelta(seconds=1)


@pytest.fixture
def worker() -> Callable[[datetime], None]:
    """A worker was seen at this time."""
    return lambda at: heartbeats.beat(WORKER, at)


def why(order: Order, now: datetime, stage_type: StageType = POEM) -> StuckReason | None:
    standing = stuck.of_order(order.id, now).get(stage_type)
    return standing.why if standing else None


def put(order: Order, stage_type: StageType = POEM, **values: object) -> None:
    """Let a stage be as it would be after a while."""
    db.session.execute(update(Stage).where(Stage.id == stage_of(order, stage_type).id).values(**values))
    db.session.commit()


def test_a_fresh_order_does_not_stand(worker: Callable[[datetime], None]) -> None:
    order = place_order()
    worker(utc_now())

    assert why(order, utc_now()) is None
    assert why(order, utc_now() + 59 * SECONDS) is None


def test_without_a_worker_that_is_the_reason(worker: Callable[[datetime], None]) -> None:
    order = place_order()
    later = utc_now() + 120 * SECONDS

    assert why(order, later) is StuckReason.NO_WORKER
    worker(later - WORKER_SILENCE - SECONDS)
    assert why(order, later) is StuckReason.NO_WORKER
    worker(later)
    assert why(order, later) is StuckReason.WORKERS_BUSY


def test_what_the_sweep_should_have_moved_on_is_told(worker: Callable[[datetime], None]) -> None:
    order = place_order()
    now = utc_now()
    worker(now)
    put(order, state=StageState.RUNNING, started_at=now, lease_until=now - 31 * SECONDS)

    assert why(order, now) is StuckReason.NOT_TAKEN_UP
    put(order, lease_until=now - 29 * SECONDS)
    assert why(order, now) is None


def test_a_call_that_does_not_end_is_told(worker: Callable[[datetime], None]) -> None:
    order = place_order()
    now = utc_now()
    worker(now)
    put(order, state=StageState.RUNNING, started_at=now - timedelta(minutes=11), lease_until=now + 10 * SECONDS)

    assert why(order, now) is StuckReason.CALL_HANGS
    put(order, started_at=now - timedelta(minutes=9))
    assert why(order, now) is None


def test_a_step_planned_by_another_clock_is_told(worker: Callable[[datetime], None]) -> None:
    order = place_order()
    worker(utc_now())
    put(order, due_at=utc_now() + timedelta(hours=3))

    assert why(order, utc_now()) is StuckReason.CLOCK_SET
    put(order, due_at=utc_now() + timedelta(hours=1))
    assert why(order, utc_now()) is None


def test_waiting_for_the_settings_and_for_a_person_is_told(worker: Callable[[datetime], None]) -> None:
    order = place_order(frozenset({POEM, VOICE}))
    assert run(order).ready == []
    later = utc_now() + 61 * SECONDS
    worker(later)

    assert why(order, utc_now()) is StuckReason.SETTINGS
    put(order, reason="checking")
    assert why(order, utc_now()) is None
    assert why(order, later) is StuckReason.SETTINGS

    put(order, state=StageState.ATTENTION, reason="answer_lost")
    assert why(order, later) is StuckReason.DECISION
    assert why(order, later, VOICE) is StuckReason.POEM_UNDECIDED


def test_what_should_have_come_by_itself_and_has_not_is_not_promised(worker: Callable[[datetime], None]) -> None:
    order = place_order()
    now = utc_now()
    worker(now)

    def until() -> datetime | None:
        return stuck.of_order(order.id, now)[POEM].until

    put(order, reason="storage_full", due_at=now + 30 * SECONDS)
    assert until() == now + 30 * SECONDS
    put(order, due_at=now - 30 * SECONDS)
    assert until() is None


def test_what_is_done_does_not_stand_and_what_follows_a_failed_poem_does() -> None:
    working_section()
    done = place_order()
    run(done)
    failed = place_order(frozenset({POEM, VOICE}), details="!refused")
    put(failed, state=StageState.FAILED, reason="refused")

    assert stuck.of_order(done.id, utc_now() + timedelta(days=2)) == {}
    assert why(failed, utc_now(), VOICE) is StuckReason.POEM_FAILED


def test_the_stages_of_orders_are_told_in_their_order() -> None:
    order = place_order(frozenset(StageType))
    put(order, state=StageState.ATTENTION)

    found = stuck.of_orders([order.id], utc_now())

    assert [each.stage_type for each in found[order.id]] == list(StageType)


def test_the_list_has_the_newest_first_and_is_one_query_for_the_stages(worker: Callable[[datetime], None]) -> None:
    orders = [place_order() for _ in range(5)]
    now = utc_now() + 120 * SECONDS
    worker(now)
    generate.generate(stage_of(orders[0]).id)  # no section: it waits
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        first = stuck.list_page(now, 2)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    second = stuck.list_page(now, 10, before_id=first.older_than)

    assert sum("FROM stages" in each and "heartbeats" in each for each in statements) == 1
    assert [order.id for order in (*first.orders, *second.orders)] == [order.id for order in reversed(orders)]
    assert second.older_than is None


def test_a_lost_submit_stands_since_its_answer_did_not_come_until_it_is_looked_into() -> None:
    order = place_order(frozenset({SONG}), poem="Море")
    lost_at, due_at = utc_now() - 60 * SECONDS, utc_now() + 300 * SECONDS
    attempt = Attempt(
        stage_id=stage_of(order, SONG).id,
        number=1,
        state=AttemptState.UNCERTAIN,
        provider_kind=ProviderKind.SUNO,
        model="m",
        started_at=lost_at - 600 * SECONDS,
        ended_at=lost_at,
    )
    db.session.add(attempt)
    db.session.commit()
    put(order, SONG, state=StageState.UNCERTAIN, due_at=due_at)

    standing = stuck.of_order(order.id, utc_now())[SONG]

    assert (standing.why, standing.since, standing.until) == (StuckReason.ANSWER_LOST, lost_at, due_at)
