"""Providers are called at their pace, by all workers together, and whoever has waited longest goes first."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, select

from domain import quotas
from domain.db import db, utc_now
from domain.generation import calls, generate, poll
from domain.generation.outcomes import Outcome
from domain.maintenance import sweep
from domain.orders.leases import Lease
from domain.orders.models import Order, Stage, StageReason, StageState
from domain.provider_configs import throttle_release
from domain.provider_configs.checks import check
from domain.quotas import Quota
from providers.base import Limits
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, run, stage_of, working_section
from tests.emulated_sections import KEY, works_with
from tests.emulator.server import Emulator
from tests.stopped_clock import StoppedClock

POEM, VOICE, SONG, CLIP = StageType
SUNO, PIKA, SPEECHKIT = ProviderKind.SUNO, ProviderKind.PIKA, ProviderKind.SPEECHKIT
SECOND = timedelta(seconds=1)
CALLS = Limits(calls=3, seconds=10)
JOBS = Limits(jobs=3)


@pytest.fixture(autouse=True)
def working(emulator: Emulator) -> None:
    """The section of songs works, and the providers themselves count nothing."""
    emulator.suno.most_calls = 1000
    worked_long_ago(SONG, emulator)


def worked_long_ago(stage_type: StageType, emulator: Emulator) -> None:
    """Its section works, and no call of its check counts any more."""
    works_with(stage_type, emulator)
    db.session.execute(delete(Quota))
    db.session.commit()


@pytest.fixture
def allow(change_settings: Callable[..., None]) -> Callable[..., None]:
    """Set what providers allow: ``allow(SUNO=CALLS)``."""

    def allowed(**limits: Limits) -> None:
        change_settings(provider_limits={ProviderKind(kind): each for kind, each in limits.items()})

    return allowed


def order(stage_type: StageType = SONG) -> Order:
    return place_order(frozenset({stage_type}), poem="Море шумит")


def run_all(orders: list[Order], stage_type: StageType = SONG) -> list[Outcome]:
    return [run(each, stage_type) for each in orders]


def states(orders: list[Order], stage_type: StageType = SONG) -> list[StageState]:
    return [stage_of(each, stage_type).state for each in orders]


def held(orders: list[Order], stage_type: StageType = SONG) -> list[Order]:
    return [each for each in orders if stage_of(each, stage_type).reason == StageReason.THROTTLED]


def released(now: datetime | None = None) -> list[int]:
    """The ids of the stages that are let go."""
    return [ready.stage_id for ready in throttle_release.release_throttled(now or utc_now()).ready]


def test_no_more_calls_are_made_than_a_window_takes_and_the_others_stay_queued(
    allow: Callable[..., None], emulator: Emulator, clock: StoppedClock
) -> None:
    allow(SUNO=CALLS)
    orders = [order() for _ in range(5)]

    outcomes = run_all(orders)

    assert states(orders) == [StageState.SUBMITTED] * 3 + [StageState.QUEUED] * 2
    assert held(orders) == orders[3:]
    assert [charge.provider for charge in emulator.ledger].count(SUNO) == 3
    assert outcomes[3].again_at is not None
    assert 10 * SECOND < outcomes[3].again_at - utc_now() < 11 * SECOND


def test_the_oldest_go_first_when_the_provider_takes_more(allow: Callable[..., None], clock: StoppedClock) -> None:
    allow(SUNO=CALLS)
    orders = [order() for _ in range(8)]
    run_all([*orders[:3], *reversed(orders[3:])])

    assert released() == []
    clock.shift(11)

    assert released() == [stage_of(each, SONG).id for each in orders[3:6]]


def test_those_that_are_on_their_way_count_until_they_have_called(
    allow: Callable[..., None], clock: StoppedClock
) -> None:
    allow(SUNO=CALLS)
    run_all([order() for _ in range(8)])
    clock.shift(11)
    first = released()

    assert len(first) == 3
    assert released() == []


def test_an_order_that_comes_later_does_not_overtake_those_that_are_held(
    allow: Callable[..., None], clock: StoppedClock
) -> None:
    allow(SUNO=CALLS)
    run_all([order() for _ in range(5)])
    clock.shift(11)
    late = order()

    outcome = run(late, SONG)

    assert held([late]) == [late]
    assert outcome.again_at == utc_now()


def test_a_stage_type_that_is_held_holds_no_other(allow: Callable[..., None]) -> None:
    allow(SUNO=CALLS)
    run_all([order() for _ in range(5)])
    working_section(POEM)
    poem = place_order()

    run(poem)

    assert stage_of(poem).state is StageState.DONE


def test_no_more_jobs_run_than_the_provider_makes_at_the_same_time(
    allow: Callable[..., None], emulator: Emulator, clock: StoppedClock
) -> None:
    worked_long_ago(CLIP, emulator)
    allow(PIKA=JOBS)
    emulator.pika.pinned, emulator.pika.job_seconds = 0.5, 0
    orders = [order(CLIP) for _ in range(5)]
    run_all(orders, CLIP)
    assert held(orders, CLIP) == orders[3:]
    clock.shift(3600 / 4)
    emulator.pika.pinned = None

    poll.poll_due(utc_now())

    assert states(orders, CLIP)[:3] == [StageState.DONE] * 3
    assert released() == [stage_of(each, CLIP).id for each in orders[3:]]


def test_many_workers_at_once_make_no_call_too_many(app: Flask, allow: Callable[..., None], emulator: Emulator) -> None:
    worked_long_ago(VOICE, emulator)
    allow(SPEECHKIT=Limits(calls=5, seconds=60))
    ids = [stage_of(order(VOICE), VOICE).id for _ in range(16)]
    charged_before = len(emulator.ledger)
    db.session.rollback()
    start = threading.Barrier(len(ids))

    def work(stage_id: int) -> None:
        with app.app_context():
            start.wait(60)
            generate.generate(stage_id)

    with ThreadPoolExecutor(len(ids)) as workers:
        list(workers.map(work, ids))

    assert len(emulator.ledger) - charged_before == 5
    reasons = db.session.scalars(select(Stage.reason).where(Stage.state == StageState.QUEUED)).all()
    assert reasons == [StageReason.THROTTLED] * 11


def test_a_check_of_a_key_counts(allow: Callable[..., None]) -> None:
    allow(SUNO=CALLS)
    check(SONG)
    orders = [order() for _ in range(3)]

    run_all(orders)

    assert held(orders) == orders[2:]


def test_looks_leave_to_submits_what_they_need(allow: Callable[..., None], clock: StoppedClock) -> None:
    allow(SUNO=Limits(calls=20, seconds=10))
    assert quotas.acquire_polls(SUNO, 6).calls == 6
    db.session.commit()
    run_all([order() for _ in range(20)])
    clock.shift(11)

    # All looks of a window together, however often one asks.
    assert [quotas.acquire_polls(SUNO, 50).calls for _ in range(3)] == [2, 0, 0]


def test_looks_leave_free_what_those_need_that_were_let_go(allow: Callable[..., None], clock: StoppedClock) -> None:
    allow(SUNO=CALLS)
    run_all([order() for _ in range(5)])
    clock.shift(11)
    assert len(released()) == 2

    assert quotas.acquire_polls(SUNO, 50).calls == 1


def test_looks_that_the_provider_does_not_take_now_are_made_later(
    allow: Callable[..., None], emulator: Emulator, clock: StoppedClock
) -> None:
    emulator.suno.pinned = 0.1
    orders = [order() for _ in range(5)]
    run_all(orders)
    allow(SUNO=CALLS)
    clock.shift(300)
    looks = [call for call in emulator.requests if call.route == "record"]

    polled = poll.poll_due(utc_now())

    assert polled.again_at is not None
    assert 10 * SECOND < polled.again_at - utc_now() < 11 * SECOND
    assert len([call for call in emulator.requests if call.route == "record"]) - len(looks) == 3
    assert states(orders) == [StageState.SUBMITTED] * 5
    clock.shift(11)
    poll.poll_due(utc_now())
    assert len([call for call in emulator.requests if call.route == "record"]) - len(looks) == 6


def test_a_call_counts_from_the_moment_at_which_it_leaves(allow: Callable[..., None], clock: StoppedClock) -> None:
    allow(SUNO=CALLS)
    stage_id = stage_of(order(), SONG).id
    call = calls.take(stage_id)
    assert isinstance(call, calls.Call)
    clock.shift(2)

    assert calls.may_send(call, Lease(stage_id, call.claim, clock.seconds()))

    clock.shift(9)
    assert [use.used for use in quotas.usage(utc_now()) if use.provider_kind is SUNO] == [1]
    clock.shift(2)
    assert [use.used for use in quotas.usage(utc_now()) if use.provider_kind is SUNO] == [0]


def test_looks_count_from_the_moment_at_which_they_leave(
    allow: Callable[..., None], clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_all([order() for _ in range(3)])
    allow(SUNO=CALLS)
    clock.shift(300)
    acquire_polls = quotas.acquire_polls

    def slowly(kind: ProviderKind, wanted: int) -> quotas.Grant:
        grant = acquire_polls(kind, wanted)
        clock.shift(2)
        return grant

    monkeypatch.setattr(quotas, "acquire_polls", slowly)
    poll.poll_due(utc_now())

    clock.shift(9)
    assert [use.used for use in quotas.usage(utc_now()) if use.provider_kind is SUNO] == [3]
    assert acquire_polls(SUNO, 1).calls == 0


def test_too_many_calls_said_to_one_is_obeyed_by_all(emulator: Emulator, clock: StoppedClock) -> None:
    worked_long_ago(VOICE, emulator)
    emulator.rooms[SPEECHKIT].fail(status=429, body={"error": "slow down"}, headers={"Retry-After": "30"})
    told, other = order(VOICE), order(VOICE)
    run(told, VOICE)

    outcome = run(other, VOICE)

    assert held([other], VOICE) == [other]
    assert outcome.again_at == utc_now() + 30 * SECOND
    clock.shift(31)
    assert released() == [stage_of(other, VOICE).id]


def test_the_sweep_lets_go_what_a_timer_should_have_let_go(allow: Callable[..., None], clock: StoppedClock) -> None:
    allow(SUNO=CALLS)
    orders = [order() for _ in range(4)]
    run_all(orders)
    assert sweep.sweep(utc_now() + 5 * SECOND).stages == []

    swept = sweep.sweep(utc_now() + 11 * SECOND)

    assert [ready.stage_id for ready in swept.stages] == [stage_of(orders[3], SONG).id]


def test_calls_of_a_clock_that_was_ahead_hold_nobody(allow: Callable[..., None], clock: StoppedClock) -> None:
    allow(SUNO=CALLS)
    clock.set(timedelta(hours=1))
    run_all([order() for _ in range(3)])
    clock.set(-timedelta(hours=1))
    late = order()

    run(late, SONG)

    assert stage_of(late, SONG).state is StageState.SUBMITTED


def test_without_a_section_that_works_nobody_is_held(allow: Callable[..., None], emulator: Emulator) -> None:
    allow(SUNO=CALLS)
    orders = [order() for _ in range(4)]
    run_all(orders)
    emulator.suno.remove_key(KEY)
    check(SONG)

    assert len(released(utc_now() + 11 * SECOND)) == 1


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        (SUNO, Limits(calls=20, seconds=10)),
        (PIKA, Limits(jobs=20)),
        (SPEECHKIT, Limits(calls=40, seconds=1)),
        (ProviderKind.YANDEX_GPT, Limits(jobs=10)),
        (ProviderKind.OPENAI, Limits()),
    ],
)
def test_limits_are_those_that_the_providers_document(kind: ProviderKind, limits: Limits) -> None:
    assert quotas.limits_of(kind) == limits
