"""Stages that wait for their section, and how they go on."""

from datetime import timedelta
from typing import Any

import pytest

from domain import order_lists, recovery, waiting
from domain.db import db, utc_now
from domain.orders import OrderState, StageState
from domain.provider_configs import Finding, FoundBy, Reason, Status
from domain.retrying import retry_by_hand
from domain.section_changes import clear_section
from providers.base import GenerationRequest, GenerationResult
from providers.kinds import ProviderKind, StageType
from providers.registry import INSTANT_ADAPTERS
from tests.builders import (
    make_due,
    place_order,
    run,
    save_section,
    section,
    stage_of,
    working_section,
)
from tests.database_kinds import on_one_database
from tests.stopped_clock import StoppedClock

POEM, VOICE, SONG, CLIP = StageType


def state_of(order_id: int) -> OrderState:
    db.session.expire_all()
    order = order_lists.find(order_id)
    assert order is not None
    return order.state


@on_one_database
@pytest.mark.parametrize(
    ("marker", "reason"),
    [
        ("!rejected", "rejected"),
        ("!no-permission", "no_permission"),
        ("!no-credit", "no_credit"),
        ("!region", "region"),
    ],
)
def test_a_refusal_of_the_settings_fails_no_order_and_starts_one_check(marker: str, reason: str) -> None:
    working_section()
    orders = [place_order(details=marker), place_order()]

    first = run(orders[0])
    second = run(orders[1])

    assert (first.check, second.check) == (POEM, None)
    assert (stage_of(orders[0]).state, stage_of(orders[0]).reason) == (StageState.WAITING, reason)
    assert (stage_of(orders[1]).state, stage_of(orders[1]).reason) == (StageState.WAITING, reason)
    assert stage_of(orders[1]).attempts == 0
    assert (section().status, section().reason, section().found_by) == (Status.INVALID, reason, FoundBy.GENERATION)
    assert state_of(orders[0].id) is OrderState.WAITING


@on_one_database
def test_a_stage_waits_while_its_section_is_not_set_and_goes_on_when_it_works() -> None:
    order = place_order()
    run(order)
    assert (stage_of(order).state, stage_of(order).reason) == (StageState.WAITING, Reason.NOT_CONFIGURED)

    working_section()

    assert stage_of(order).state is StageState.QUEUED
    run(order)
    assert state_of(order.id) is OrderState.DONE


def test_a_stage_that_missed_the_moment_of_its_release_is_let_go_by_the_sweep() -> None:
    working_section()
    order = place_order()
    stage = stage_of(order)
    stage.state, stage.reason, stage.waiting_since = StageState.WAITING, "checking", utc_now()
    db.session.commit()

    found = recovery.sweep(utc_now())

    assert [ready.stage_id for ready in found.stages] == [stage.id]


def test_settings_that_pass_their_check_but_not_the_generation_are_tried_more_and_more_slowly(
    clock: StoppedClock,
) -> None:
    working_section()
    order = place_order(details="!no-credit")
    delays = []
    for _ in range(4):
        run(order)
        clock.shift(1)
        passed_at = utc_now()
        row = section()
        row.status, row.reason, row.passed_at = Status.ACTIVE, None, passed_at
        db.session.commit()
        assert waiting.release(POEM, passed_at) == []
        stage = stage_of(order)
        delays.append((stage.due_at - passed_at).total_seconds())
        make_due(stage, utc_now())

    assert delays == [10, 30, 120, 480]


@on_one_database
def test_settings_that_refused_a_stage_must_pass_a_later_check_before_they_are_tried_again(clock: StoppedClock) -> None:
    working_section()
    order = place_order(details="!no-credit")
    run(order)
    row = section()
    row.status, row.reason = Status.ACTIVE, None
    db.session.commit()
    clock.shift(1)

    assert waiting.release(POEM, utc_now()) == []
    assert stage_of(order).state is StageState.WAITING


@on_one_database
def test_a_stage_that_was_let_go_has_all_its_attempts_again(clock: StoppedClock) -> None:
    working_section()
    order = place_order(details="!unavailable")
    for _ in range(6):
        run(order)
        stage = stage_of(order)
        if stage.state is StageState.QUEUED:
            make_due(stage, utc_now())
    clock.shift(1)
    row = section()
    row.passed_at = utc_now()
    db.session.commit()
    waiting.release(POEM, utc_now())
    make_due(stage_of(order), utc_now())

    run(order)

    assert (stage_of(order).state, stage_of(order).passing_failures) == (StageState.QUEUED, 1)


@on_one_database
def test_a_refusal_of_older_settings_says_nothing_of_the_newer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    working_section()
    order = place_order(details="!no-credit")
    adapter = INSTANT_ADAPTERS[ProviderKind.DUMMY]
    generate = adapter.generate

    def generate_as_settings_are_saved(provider: Any, request: GenerationRequest) -> GenerationResult:
        save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku")
        return generate(provider, request)

    monkeypatch.setattr(adapter, "generate", generate_as_settings_are_saved)
    run(order)

    assert stage_of(order).state is StageState.WAITING
    assert (section().status, section().model) == (Status.ACTIVE, "dummy-haiku")


@on_one_database
def test_new_settings_are_tried_at_once() -> None:
    working_section()
    order = place_order(details="!no-credit")
    run(order)
    row = section()
    row.status, row.reason, row.version = Status.ACTIVE, None, row.version + 1
    db.session.commit()

    [ready] = waiting.release(POEM, utc_now())

    assert ready.stage_id == stage_of(order).id


@on_one_database
@pytest.mark.parametrize(("marker", "reason"), [("!unavailable", "unavailable"), ("!rate-limited", "rate_limited")])
def test_a_passing_failure_is_tried_six_times_over_half_an_hour_and_then_waits(
    marker: str, reason: str, clock: StoppedClock
) -> None:
    working_section()
    order = place_order(details=marker)
    waits = []
    for _ in range(5):
        run(order)
        stage = stage_of(order)
        assert (stage.state, stage.reason) == (StageState.QUEUED, reason)
        waits.append((stage.due_at - utc_now()).total_seconds())
        clock.move_to(stage.due_at)

    outcome = run(order)

    stage = stage_of(order)
    assert (stage.state, stage.reason, stage.attempts) == (StageState.WAITING, reason, 6)
    assert outcome.check is POEM
    assert 0.75 * 1840 < sum(waits) < 1.25 * 1840
    assert waits == sorted(waits)


def test_what_has_waited_too_long_fails_and_can_be_retried_by_hand() -> None:
    order = place_order()
    run(order)

    assert waiting.give_up(utc_now() + timedelta(hours=71)) == 0
    assert waiting.give_up(utc_now() + timedelta(hours=73)) == 1

    stage = stage_of(order)
    assert (stage.state, stage.reason) == (StageState.FAILED, "waited_too_long")
    working_section()
    assert retry_by_hand(stage, utc_now())
    db.session.commit()
    run(order)
    assert state_of(order.id) is OrderState.DONE


def test_waiting_counts_from_the_first_time_through_all_releases() -> None:
    working_section()
    order = place_order(details="!no-credit")
    run(order)
    first = stage_of(order).waiting_since
    row = section()
    row.status, row.reason, row.version = Status.ACTIVE, None, row.version + 1
    db.session.commit()
    waiting.release(POEM, utc_now())
    run(order)

    assert stage_of(order).state is StageState.WAITING
    assert stage_of(order).waiting_since == first


@on_one_database
def test_a_removed_key_makes_new_stages_wait() -> None:
    working_section()
    clear_section(POEM, "admin")
    order = place_order()

    run(order)

    assert (stage_of(order).state, stage_of(order).reason) == (StageState.WAITING, Reason.NOT_CONFIGURED)


def test_a_section_that_works_again_lets_the_oldest_go_at_once_and_the_others_a_few_at_a_time() -> None:
    working_section()
    section().set_status(Status.INVALID, Finding(Reason.REJECTED), utc_now())
    db.session.commit()
    orders = [place_order() for _ in range(waiting.AT_ONCE + 2 * waiting.PER_SECOND)]
    for order in orders:
        run(order)
    assert {stage_of(order).state for order in orders} == {StageState.WAITING}
    section().set_status(Status.ACTIVE, None, utc_now())
    db.session.commit()
    now = utc_now()

    ready = waiting.release(POEM, now)

    assert [each.stage_id for each in ready] == [stage_of(order).id for order in orders[: waiting.AT_ONCE]]
    due = [(stage_of(order).due_at - now).total_seconds() for order in orders]
    assert due == sorted(due)
    assert due[-1] == pytest.approx(2.0)
    assert recovery.sweep(now + timedelta(seconds=2.5)).stages != []
