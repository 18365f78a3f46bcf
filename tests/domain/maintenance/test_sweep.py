"""The sweep: whatever stands still is moved on, with no message needed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import event, func, select, update

from domain import heartbeats
from domain.db import db, utc_now
from domain.maintenance import sweep
from domain.maintenance.sweep import CHECK_PATIENCE, MESSAGE_PATIENCE
from domain.orders import stages
from domain.orders.leases import LEASE
from domain.orders.models import Attempt, AttemptState, OrderState, Ready, Stage, StageReason, StageState
from providers.kinds import ProviderKind, StageType
from tests.builders import claimed, place_order, run, save_section, section, set_state, stage_of, working_section
from tests.domain.row_changes import changes_of
from tests.stopped_clock import NOON, StoppedClock

POEM, VOICE, SONG, CLIP = StageType


def killed_in_the_call(stage: Stage, kind: ProviderKind) -> None:
    """What a worker leaves behind that was killed while its provider was thinking."""
    stages.claim(stage.id, utc_now())
    stage.attempts += 1
    db.session.add(Attempt(stage_id=stage.id, number=stage.attempts, provider_kind=kind, model="m"))
    db.session.commit()


@contextmanager
def _subqueries_run_for_each_row() -> Iterator[None]:
    """Let PostgreSQL find no better plan for an update with a subquery, in whichever connection."""
    plans = ("hashjoin", "mergejoin", "hashagg", "material", "memoize", "sort", "indexscan", "bitmapscan")

    def forbid(connection: psycopg.Connection, _record: object) -> None:
        with connection.cursor() as cursor:
            for plan in plans:
                cursor.execute(f"SET enable_{plan} = off")
        connection.commit()

    db.session.commit()
    db.engine.dispose()
    event.listen(db.engine, "connect", forbid)
    try:
        yield
    finally:
        event.remove(db.engine, "connect", forbid)
        db.session.commit()
        db.engine.dispose()


def sweep_after(delay: timedelta) -> list[int]:
    return [ready.stage_id for ready in sweep.sweep(utc_now() + delay).stages]


def test_a_message_that_was_lost_is_sent_again_and_not_too_soon() -> None:
    stage_id = stage_of(place_order()).id

    assert sweep_after(timedelta(0)) == []
    assert sweep_after(MESSAGE_PATIENCE * 2) == [stage_id]


def test_a_message_that_still_waits_in_the_broker_is_not_sent_again() -> None:
    first, second = (stage_of(place_order()).id for _ in range(2))
    late = utc_now() + MESSAGE_PATIENCE * 2

    assert sweep.sweep(late, waiting_messages=2).stages == []
    assert [ready.stage_id for ready in sweep.sweep(late, waiting_messages=1).stages] == [first]
    assert sweep.sweep(late, waiting_messages=2).stages == []
    assert [ready.stage_id for ready in sweep.sweep(late, waiting_messages=0).stages] == [second]


def test_no_more_are_sent_again_than_are_missing_however_the_database_goes_about_it() -> None:
    for _ in range(30):
        place_order()
    late = utc_now() + MESSAGE_PATIENCE * 2

    with ExitStack() as stack:
        if db.engine.dialect.name == "postgresql":
            stack.enter_context(_subqueries_run_for_each_row())
        assert len(sweep.sweep(late, waiting_messages=27).stages) == 3


def test_a_stage_that_was_never_told_of_gets_its_message_however_many_others_wait() -> None:
    silent = stage_of(place_order())
    silent.published_at = None
    db.session.commit()

    assert [ready.stage_id for ready in sweep.sweep(utc_now(), waiting_messages=50).stages] == [silent.id]


def test_a_stage_whose_time_has_come_gets_its_message() -> None:
    working_section()
    order = place_order(details="!unavailable")
    run(order)

    assert sweep_after(timedelta(seconds=1)) == []
    assert sweep_after(timedelta(seconds=20)) == [stage_of(order).id]


def test_a_message_that_was_sent_before_its_stage_was_due_counts_for_nothing() -> None:
    stage = stage_of(place_order())
    stage.due_at = utc_now() + timedelta(seconds=1)
    db.session.commit()
    now = stage.due_at

    assert sweep.sweep(now, waiting_messages=50).stages == [Ready(stage.id, POEM)]


def test_a_sweep_sends_no_more_than_a_batch_and_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    ready = [Ready(stage_of(place_order()).id, POEM) for _ in range(5)]

    late = utc_now() + MESSAGE_PATIENCE * 2
    assert sweep.sweep(late).stages == ready[:2]
    for stage in db.session.scalars(select(Stage)):
        stage.published_at, stage.due_at = None, late - timedelta(seconds=stage.id)
    db.session.commit()
    assert sweep.sweep(late).stages == ready[:2]
    assert sweep.sweep(late).stages == ready[2:4]


def test_those_whose_messages_were_sent_longest_ago_are_sent_again_first() -> None:
    stages_of = [stage_of(place_order()) for _ in range(4)]
    late = utc_now() + MESSAGE_PATIENCE * 3
    for stage, seconds in zip(stages_of, (-1, -3, -2, -3), strict=True):
        stage.due_at = utc_now() - timedelta(minutes=1)
        stage.published_at = utc_now() + timedelta(seconds=seconds)
    db.session.commit()
    ids = [stage.id for stage in stages_of]

    told = [{ready.stage_id for ready in sweep.sweep(late, waiting_messages=waiting).stages} for waiting in (3, 2)]

    assert told == [{ids[1]}, {ids[2], ids[3]}]


def test_a_message_is_waited_for_as_long_as_it_may_take() -> None:
    stage = stage_of(place_order())

    assert sweep_after(MESSAGE_PATIENCE) == []
    assert sweep_after(MESSAGE_PATIENCE + timedelta(microseconds=1)) == [stage.id]


def test_a_worker_that_died_before_its_call_leaves_a_stage_that_starts_anew() -> None:
    stage_id = stage_of(place_order()).id
    stages.claim(stage_id, utc_now())
    db.session.commit()

    assert sweep_after(LEASE) == []
    assert sweep_after(LEASE + timedelta(seconds=1)) == [stage_id]
    assert db.session.get_one(Stage, stage_id).lost_answers == 0


def test_what_a_worker_has_begun_is_left_to_the_next_in_every_column(clock: StoppedClock) -> None:
    order = place_order()
    claimed(stage_of(order).id)
    # By a clock that was ahead: what nobody has heard since is told of at once all the same.
    stage_of(order).published_at = utc_now() + timedelta(hours=1)
    db.session.commit()
    clock.shift(2 * LEASE)

    with changes_of(order) as changed:
        sweep.sweep(utc_now())

    now = utc_now()
    assert changed == {"state": StageState.QUEUED, "lease_until": None, "due_at": now, "published_at": now}


def test_an_open_attempt_says_nothing_of_other_stages() -> None:
    alive, gone = place_order(), place_order()
    killed_in_the_call(stage_of(alive), ProviderKind.OPENAI)
    stage = stage_of(alive)
    stage.lease_until = utc_now() + 10 * LEASE
    db.session.commit()
    claimed(stage_of(gone).id)

    sweep.sweep(utc_now() + 2 * LEASE)

    assert (stage_of(gone).state, stage_of(gone).lost_answers) == (StageState.QUEUED, 0)
    assert stage_of(alive).state is StageState.RUNNING


@pytest.mark.parametrize(
    "values",
    [
        {"lease_until": NOON + 3 * LEASE},
        {"lease_until": NOON + 2 * LEASE},
        {"lease_until": None},
        {"state": StageState.DONE},
    ],
)
def test_a_worker_that_comes_back_as_the_sweep_looks_keeps_its_stage(
    values: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = place_order()
    killed_in_the_call(stage_of(order), ProviderKind.OPENAI)
    stage_id = stage_of(order).id
    lock_order = stages.lock_order

    def come_back_first(order_id: int) -> None:
        db.session.execute(update(Stage).where(Stage.id == stage_id).values(values))
        lock_order(order_id)
        db.session.commit()

    monkeypatch.setattr(stages, "lock_order", come_back_first)
    with changes_of(order) as changed:
        sweep.sweep(utc_now() + 2 * LEASE)

    assert changed == values
    assert db.session.scalars(select(Attempt.state)).all() == [AttemptState.OPEN]


def test_a_worker_that_comes_back_keeps_no_other_stage_from_being_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    back, gone = place_order(), place_order()
    for order in (back, gone):
        claimed(stage_of(order).id)
    back_id, back_order_id = stage_of(back).id, back.id
    lock_order = stages.lock_order

    def come_back_first(order_id: int) -> None:
        lock_order(order_id)
        if order_id == back_order_id:
            db.session.execute(update(Stage).where(Stage.id == back_id).values(lease_until=utc_now() + 3 * LEASE))
            db.session.commit()

    monkeypatch.setattr(stages, "lock_order", come_back_first)
    sweep.sweep(utc_now() + 2 * LEASE)

    assert (stage_of(back).state, stage_of(gone).state) == (StageState.RUNNING, StageState.QUEUED)


def test_a_sweep_tells_of_all_that_can_go(monkeypatch: pytest.MonkeyPatch) -> None:
    missed, waits, forgotten, held = (place_order(frozenset({POEM, SONG})) for _ in range(4))
    ids = {}
    for order in (missed, waits, forgotten, held):
        song_id = stage_of(order, SONG).id
        set_state(order.id, POEM, StageState.DONE)
        ids[order.id] = song_id
    working_section(SONG)
    set_state(waits.id, SONG, StageState.WAITING)
    set_state(forgotten.id, SONG, StageState.QUEUED, due_at=utc_now(), published_at=None)
    set_state(held.id, SONG, StageState.QUEUED, reason=StageReason.THROTTLED)

    told = sweep.sweep(utc_now()).stages

    assert sorted(told, key=lambda ready: ready.stage_id) == [Ready(each, SONG) for each in ids.values()]


def test_a_download_whose_worker_is_gone_is_looked_at_again_and_no_other() -> None:
    gone, alive = (place_order(frozenset({SONG}), poem="Море") for _ in range(2))
    now = utc_now()
    past, later = now - timedelta(hours=1), now + timedelta(hours=1)
    set_state(gone.id, SONG, StageState.FETCHING, lease_until=now - timedelta(seconds=1), due_at=past)
    set_state(alive.id, SONG, StageState.FETCHING, lease_until=now, due_at=later)

    with changes_of(gone, SONG) as changed, changes_of(alive, SONG) as of_alive:
        sweep.sweep(now)

    assert changed == {"state": StageState.SUBMITTED, "lease_until": None, "due_at": now}
    assert of_alive == {}


@pytest.mark.parametrize("state", [StageState.RUNNING, StageState.FETCHING])
def test_a_sweep_takes_no_more_than_a_batch_from_workers_that_are_gone(
    state: StageState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    for _ in range(2):
        set_state(place_order().id, POEM, state, lease_until=utc_now() + timedelta(minutes=1))
    for other in (StageState.SUBMITTED, StageState.UNCERTAIN, state, state, state):
        set_state(place_order().id, POEM, other, lease_until=utc_now() - timedelta(seconds=1))

    sweep.sweep(utc_now())

    assert db.session.scalar(select(func.count()).where(Stage.state == state)) == 3


@pytest.mark.parametrize("stage_type", [POEM, VOICE])
def test_a_lost_answer_of_a_cheap_work_is_asked_for_once_more_and_then_left_to_a_person(stage_type: StageType) -> None:
    order = place_order(frozenset({stage_type}), poem=None if stage_type is POEM else "Море")
    killed_in_the_call(stage_of(order, stage_type), ProviderKind.OPENAI)
    assert sweep_after(LEASE * 2) == [stage_of(order, stage_type).id]
    assert (stage_of(order, stage_type).state, stage_of(order, stage_type).lost_answers) == (StageState.QUEUED, 1)

    stage = stage_of(order, stage_type)
    stage.due_at = utc_now()
    db.session.commit()
    killed_in_the_call(stage_of(order, stage_type), ProviderKind.OPENAI)
    sweep.sweep(utc_now() + LEASE * 2)

    stage = stage_of(order, stage_type)
    assert (stage.state, stage.reason) == (StageState.ATTENTION, "answer_lost")
    attempts = db.session.execute(select(Attempt.state, Attempt.code).where(Attempt.stage_id == stage.id)).all()
    assert [tuple(attempt) for attempt in attempts] == [(AttemptState.LOST, StageReason.WORKER_GONE)] * 2


@pytest.mark.parametrize("stage_type", [SONG, CLIP])
def test_a_lost_answer_of_a_dear_work_is_never_asked_for_again(stage_type: StageType) -> None:
    order = place_order(frozenset({stage_type}), poem="Море")
    killed_in_the_call(stage_of(order, stage_type), ProviderKind.OPENAI)

    sweep.sweep(utc_now() + LEASE * 2)

    assert stage_of(order, stage_type).state is StageState.ATTENTION


def test_a_job_whose_worker_was_killed_as_it_was_handed_over_is_doubted() -> None:
    order = place_order(frozenset({CLIP}), poem="Море")
    killed_in_the_call(stage_of(order, CLIP), ProviderKind.PIKA)

    sweep.sweep(utc_now() + LEASE * 2)

    assert (stage_of(order, CLIP).state, stage_of(order, CLIP).lost_answers) == (StageState.UNCERTAIN, 1)
    attempts = db.session.execute(select(Attempt.state, Attempt.code)).all()
    assert [tuple(attempt) for attempt in attempts] == [(AttemptState.UNCERTAIN, StageReason.WORKER_GONE)]


def test_a_stage_that_kills_its_worker_again_and_again_is_left_to_a_person_even_where_it_costs_nothing() -> None:
    order = place_order()
    for _ in range(3):
        stage = stage_of(order)
        assert stage.state is StageState.QUEUED
        stage.due_at = utc_now()
        db.session.commit()
        killed_in_the_call(stage_of(order), ProviderKind.DUMMY)
        sweep.sweep(utc_now() + LEASE * 2)

    assert stage_of(order).state is StageState.ATTENTION


def test_stages_that_a_finished_poem_has_missed_are_started() -> None:
    working_section()
    order = place_order(frozenset({POEM, SONG}))
    run(order)
    song_id = stage_of(order, SONG).id
    set_state(order.id, SONG, StageState.BLOCKED)

    assert sweep.sweep(utc_now()).stages == [Ready(song_id, SONG)]
    assert stage_of(order, SONG).state is StageState.QUEUED
    assert order.state is OrderState.RUNNING


def test_orders_that_miss_nothing_are_not_in_the_way_of_those_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "BATCH", 1)
    whole, waits_for_its_poem, missed = (place_order(frozenset({POEM, VOICE, SONG})) for _ in range(3))
    set_state(whole.id, POEM, StageState.DONE)
    set_state(whole.id, VOICE, StageState.DONE)
    set_state(whole.id, SONG, StageState.DONE)
    set_state(waits_for_its_poem.id, VOICE, StageState.DONE)
    assert stage_of(waits_for_its_poem, POEM).state is StageState.QUEUED
    set_state(missed.id, POEM, StageState.DONE)
    sweep.sweep(utc_now())

    assert stage_of(missed, SONG).state is StageState.QUEUED
    assert stage_of(waits_for_its_poem, SONG).state is StageState.BLOCKED


def test_a_sweep_starts_what_no_more_than_a_batch_of_poems_has_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    for _ in range(3):
        order = place_order(frozenset({POEM, SONG}))
        set_state(order.id, POEM, StageState.DONE)

    assert len(sweep.sweep(utc_now()).stages) == 2
    assert db.session.scalar(select(func.count()).where(Stage.state == StageState.BLOCKED)) == 1


def test_a_check_that_nobody_began_is_asked_for_again() -> None:
    save_section(POEM, ProviderKind.DUMMY)

    assert sweep.sweep(utc_now()).checks == []
    assert sweep.sweep(utc_now() + CHECK_PATIENCE * 2).checks == [POEM]


def test_a_check_that_is_under_way_is_left_alone_until_its_claim_ends() -> None:
    save_section(POEM, ProviderKind.DUMMY)
    row = section()
    row.check_claimed_until = utc_now() + timedelta(minutes=2)
    db.session.commit()

    assert sweep.sweep(utc_now() + timedelta(minutes=1)).checks == []
    assert sweep.sweep(utc_now() + timedelta(minutes=3)).checks == [POEM]


def test_an_invalid_section_is_checked_when_its_time_has_come() -> None:
    row = working_section()
    row.next_check_at = utc_now() + timedelta(minutes=5)
    db.session.commit()

    assert sweep.sweep(utc_now()).checks == []
    assert sweep.sweep(utc_now() + timedelta(minutes=6)).checks == [POEM]


def test_the_sweep_ends_a_wait_that_has_lasted_too_long() -> None:
    order = place_order()
    run(order)

    sweep.sweep(utc_now() + timedelta(hours=73))

    assert (stage_of(order).state, stage_of(order).reason) == (StageState.FAILED, "waited_too_long")


def test_each_sweep_shows_that_a_worker_lives() -> None:
    now = utc_now()

    sweep.sweep(now)
    sweep.sweep(now + timedelta(seconds=5))

    assert heartbeats.last_seen(heartbeats.WORKER) == now + timedelta(seconds=5)
