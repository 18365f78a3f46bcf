"""Whoever works on a stage holds it for as long as the work lasts, and nobody who was given up changes anything."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import select

from domain.db import db, utc_now
from domain.generation.submit import open_attempt
from domain.maintenance import sweep
from domain.orders import leases, stages, works
from domain.orders.leases import LEASE, Lease
from domain.orders.models import Attempt, AttemptState, Order, Stage, StageState
from domain.orders.works import StoredWork
from domain.provider_configs import checks
from domain.provider_configs.check_results import CheckResult
from domain.provider_configs.checks import check
from domain.provider_configs.models import Status
from providers.base import Provider
from providers.kinds import ProviderKind, StageType
from providers.registry import ADAPTERS
from tests.builders import claimed, make_due, place_order, run, save_section, section, stage_of
from tests.domain.generation.jobs.job_orders import CLIP, KINDS, SONG
from tests.emulator.server import Emulator
from tests.running_system import wait_until
from tests.stopped_clock import StoppedClock

KEY = "sk-fake-first-0123456789-a1b2"
FROZEN_SECONDS = LEASE.total_seconds()


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let a worker stand still for longer than its lease, just before it calls its provider."""

    def freeze() -> None:
        monkeypatch.setattr(Lease, "is_fresh", lambda _lease: False)

    return freeze


def order_of(stage_type: StageType, emulator: Emulator) -> Order:
    """An order of this one work, with a key that works for it."""
    kind = KINDS.get(stage_type, ProviderKind.OPENAI)
    emulator.rooms[kind].add_key("first", KEY)
    save_section(stage_type, kind, api_key=KEY)
    check(stage_type)
    return place_order(frozenset({stage_type}), poem=None if stage_type is StageType.POEM else "Море шумит")


def held_until(order: Order) -> datetime:
    until = stage_of(order).lease_until
    db.session.rollback()  # the test must not stand in the way of the thread that renews
    assert until is not None
    return until


def test_a_lease_is_renewed_while_its_work_lasts(clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.02)
    order = place_order()
    claim = claimed(stage_of(order).id)

    before = held_until(order)

    with leases.renewed((stage_of(order).id, claim), asked_at=clock.seconds()) as [lease]:
        clock.shift(FROZEN_SECONDS)
        wait_until(lambda: held_until(order) > before, "the lease is renewed")
        wait_until(lease.is_fresh, "its holder knows")

    wait_until(lambda: "leases" not in {thread.name for thread in threading.enumerate()}, "nobody renews it any more")


def test_a_lease_that_was_ended_stays_ended(clock: StoppedClock) -> None:
    order = place_order()
    stage_id = stage_of(order).id
    claim = claimed(stage_id)
    lease = Lease(stage_id, claim, renewed_at=clock.seconds() - FROZEN_SECONDS)

    sweep.sweep(utc_now() + LEASE * 2)
    leases.renew([lease])

    assert (stage_of(order).state, stage_of(order).lease_until) == (StageState.QUEUED, None)
    assert not lease.is_fresh()


def test_a_claim_that_is_outdated_renews_nothing(clock: StoppedClock) -> None:
    order = place_order()
    stage_id = stage_of(order).id
    claim = claimed(stage_id)
    before = held_until(order)
    clock.shift(1)

    leases.renew([Lease(stage_id, claim - 1, clock.seconds())])

    assert held_until(order) == before


@pytest.mark.parametrize("stage_type", [StageType.POEM, SONG, CLIP])
def test_a_worker_that_was_frozen_before_its_call_sends_nothing_and_gives_the_stage_back(
    stage_type: StageType, emulator: Emulator, frozen: Callable[[], None]
) -> None:
    order = order_of(stage_type, emulator)
    frozen()

    run(order, stage_type)

    stage = stage_of(order, stage_type)
    assert (stage.state, stage.lost_answers, open_attempt(stage.id)) == (StageState.QUEUED, 0, None)
    assert emulator.ledger == []


@pytest.mark.parametrize("stage_type", [StageType.POEM, SONG, CLIP])
def test_a_worker_that_was_frozen_as_it_took_the_stage_sends_nothing(
    stage_type: StageType, emulator: Emulator, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_of(stage_type, emulator)
    claim = stages.claim

    def claim_slowly(stage_id: int, now: datetime) -> Stage | None:
        clock.shift(FROZEN_SECONDS)
        return claim(stage_id, now)

    monkeypatch.setattr(stages, "claim", claim_slowly)
    run(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.QUEUED
    assert emulator.ledger == []


@pytest.mark.parametrize("stage_type", [StageType.POEM, SONG, CLIP])
def test_a_worker_that_was_frozen_as_models_were_listed_writes_no_attempt(
    stage_type: StageType, emulator: Emulator, change_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = KINDS.get(stage_type, ProviderKind.OPENAI)
    emulator.rooms[kind].add_key("environment", KEY)
    change_settings(**{f"{kind.lower()}_api_key": SecretStr(KEY)})
    order = place_order(frozenset({stage_type}), poem=None if stage_type is StageType.POEM else "Море шумит")
    adapter = ADAPTERS[kind]
    list_models = adapter.list_models

    def list_slowly(provider: Provider, stage: StageType) -> tuple[str, ...]:
        monkeypatch.setattr(adapter, "list_models", list_models)
        sweep.sweep(utc_now() + LEASE * 2)
        make_due(stage_of(order, stage_type), utc_now())
        run(order, stage_type)
        return list_models(provider, stage)

    monkeypatch.setattr(adapter, "list_models", list_slowly)
    run(order, stage_type)

    assert stage_of(order, stage_type).attempts == 1
    assert len(emulator.ledger) == 1


@pytest.mark.parametrize("stage_type", [SONG, CLIP])
def test_a_worker_that_comes_back_unsent_undoes_the_doubt_about_its_call(
    stage_type: StageType, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.rooms[KINDS[stage_type]].add_key("first", KEY)
    save_section(stage_type, KINDS[stage_type], api_key=KEY)
    check(stage_type)
    order = place_order(frozenset({stage_type}), poem="Море шумит")

    def sleep_through_a_sweep(_lease: Lease) -> bool:
        sweep.sweep(utc_now() + LEASE * 2)
        assert stage_of(order, stage_type).state in {StageState.UNCERTAIN, StageState.ATTENTION}
        return False

    monkeypatch.setattr(Lease, "is_fresh", sleep_through_a_sweep)
    run(order, stage_type)

    stage = stage_of(order, stage_type)
    assert (stage.state, open_attempt(stage.id)) == (StageState.QUEUED, None)
    assert emulator.ledger == []


def test_a_poem_that_comes_after_its_worker_was_given_up_is_kept_and_not_paid_again(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.openai.add_key("first", KEY)
    save_section(StageType.POEM, ProviderKind.OPENAI, api_key=KEY)
    check(StageType.POEM)
    order = place_order()
    store = works.store

    def store_late(*args: Any) -> StoredWork:
        sweep.sweep(utc_now() + LEASE * 2)
        assert stage_of(order).state is StageState.QUEUED
        return store(*args)

    monkeypatch.setattr(works, "store", store_late)
    run(order)

    assert stage_of(order).state is StageState.DONE
    run(order)
    assert len(emulator.ledger) == 1


def test_a_poem_that_comes_after_another_worker_has_begun_changes_nothing(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.openai.add_key("first", KEY)
    save_section(StageType.POEM, ProviderKind.OPENAI, api_key=KEY)
    check(StageType.POEM)
    order = place_order()
    store = works.store

    def store_late(*args: Any) -> StoredWork:
        sweep.sweep(utc_now() + LEASE * 2)
        stages.claim(stage_of(order).id, utc_now() + LEASE * 2)
        db.session.commit()
        return store(*args)

    monkeypatch.setattr(works, "store", store_late)
    run(order)

    assert (stage_of(order).state, stage_of(order).work) == (StageState.RUNNING, None)


def test_an_answer_that_comes_when_another_worker_has_made_the_work_stays_lost(
    app: Flask, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_of(StageType.POEM, emulator)
    store = works.store

    def store_after_another_has_made_it(*args: Any) -> StoredWork:
        monkeypatch.setattr(works, "store", store)
        sweep.sweep(utc_now() + 2 * LEASE)
        make_due(stage_of(order), utc_now())
        run(order)
        return store(*args)

    monkeypatch.setattr(works, "store", store_after_another_has_made_it)

    run(order)

    attempts = db.session.scalars(select(Attempt).order_by(Attempt.number)).all()
    assert [attempt.state for attempt in attempts] == [AttemptState.LOST, AttemptState.ANSWERED]
    assert stage_of(order).state is StageState.DONE


def test_a_check_keeps_its_section_while_it_lasts(
    app: Flask, emulator: Emulator, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.02)
    emulator.openai.add_key("first", KEY)
    save_section(StageType.POEM, ProviderKind.OPENAI, api_key=KEY)
    ask, may_ask = checks._ask, threading.Event()

    def ask_late(question: checks.CheckRequest) -> CheckResult:
        assert may_ask.wait(60)
        return ask(question)

    def claimed_until() -> datetime | None:
        until = section().check_claimed_until
        db.session.rollback()
        return until

    def check_in_its_own_context() -> None:
        with app.app_context():
            check(StageType.POEM)

    monkeypatch.setattr(checks, "_ask", ask_late)
    checking = threading.Thread(target=check_in_its_own_context)
    checking.start()
    first = wait_until(claimed_until, "the check has begun")
    assert first is not None
    clock.shift(1)
    wait_until(lambda: (claimed_until() or first) > first, "its claim is renewed")
    may_ask.set()
    checking.join()

    assert claimed_until() is None
    assert section().status is Status.ACTIVE
