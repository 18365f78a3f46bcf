"""Probes: what an order was refused for, the oldest that waits tries again, and its work lets the others go."""

from datetime import timedelta

import pytest

from domain import calls, outcomes, polling, recovery, section_changes, sections
from domain.checks import check
from domain.db import db, utc_now
from domain.history import page_of
from domain.orders import Order, StageState
from domain.provider_configs import Reason, Status
from domain.recovery import Sweep
from domain.retrying import retry_by_hand
from providers.errors import CreditExhausted
from providers.kinds import ProviderKind, StageType
from tests.builders import make_due, place_order, run, save_section, section, set_state, stage_of
from tests.database_kinds import on_one_database
from tests.emulated_sections import KINDS, order_of, works_with
from tests.emulator.jobs import JobRoom
from tests.emulator.server import Emulator
from tests.stopped_clock import StoppedClock

POEM, VOICE, SONG, CLIP = StageType
NEW_KEY = "sk-fake-other-0123456789-c3d4"
MINUTE = timedelta(minutes=1)
#: How each of the four is refused at the call that would make a work, and at no other.
REFUSALS = {
    POEM: ("insufficient_quota", Reason.NO_CREDIT),
    SONG: ("no_credit", Reason.NO_CREDIT),
    CLIP: ("no_credit", Reason.NO_CREDIT),
}
each_refusal = pytest.mark.parametrize("stage_type", REFUSALS)


def refused(emulator: Emulator, stage_type: StageType, number: int = 3) -> list[Order]:
    """So many orders that wait, because the first of them was refused."""
    works_with(stage_type, emulator)
    room = emulator.rooms[KINDS[stage_type]]
    if isinstance(room, JobRoom):
        room.job_seconds = 0
    room.play(REFUSALS[stage_type][0], times=None)
    orders = [order_of(stage_type) for _ in range(number)]
    for order in orders:
        run(order, stage_type)
    assert {stage_of(order, stage_type).state for order in orders} == {StageState.WAITING}
    return orders


def swept(clock: StoppedClock, after: timedelta = timedelta(0)) -> Sweep:
    clock.shift(after)
    return recovery.sweep(utc_now())


def finish_job(clock: StoppedClock) -> None:
    """Let the job that runs be done and fetched, where one does."""
    clock.shift(5 * MINUTE)
    polling.poll_due(utc_now())


@each_refusal
def test_one_order_at_a_time_tries_what_was_refused_after_1_5_15_and_then_every_60_minutes(
    emulator: Emulator, clock: StoppedClock, stage_type: StageType
) -> None:
    orders = refused(emulator, stage_type)
    tried = []

    for minutes in (1, 5, 15, 60, 60):
        before = clock.now
        assert swept(clock, minutes * MINUTE - timedelta(seconds=1)).stages == []
        [ready] = swept(clock, timedelta(seconds=1)).stages
        tried.append(ready.stage_id)
        assert clock.now - before == minutes * MINUTE
        assert sections.one(stage_type).blocked is Reason.NO_CREDIT
        assert swept(clock).stages == []
        calls_of_one = next(order for order in orders if stage_of(order, stage_type).id == ready.stage_id)
        # What is left on the account is asked for, which is free.
        assert run(calls_of_one, stage_type).check is stage_type
        check(stage_type)
        assert stage_of(calls_of_one, stage_type).state is StageState.WAITING

    first, second = (stage_of(order, stage_type).id for order in orders[:2])
    assert tried == [first, first, second, second, second]


@each_refusal
def test_the_work_of_the_one_that_tried_lets_the_others_go_at_once(
    emulator: Emulator, clock: StoppedClock, stage_type: StageType
) -> None:
    first, second, third = refused(emulator, stage_type)
    emulator.rooms[KINDS[stage_type]].clear_faults()
    swept(clock, MINUTE)

    outcome = run(first, stage_type)
    finish_job(clock)

    assert stage_of(first, stage_type).state is StageState.DONE
    assert sections.one(stage_type).blocked is None
    released = [stage_of(order, stage_type) for order in (second, third)]
    assert {stage.state for stage in released} == {StageState.QUEUED}
    assert all(stage.due_at <= utc_now() for stage in released)
    if stage_type is POEM:
        assert [ready.stage_id for ready in outcome.ready] == [stage.id for stage in released]
    newest = page_of(stage_type, 1)[0]
    assert (newest.actor, newest.event) == ("generation", "section_recovered")


@on_one_database
def test_nobody_but_the_one_that_tries_may_use_refused_settings(emulator: Emulator, clock: StoppedClock) -> None:
    _, second, _ = refused(emulator, POEM)
    swept(clock, MINUTE)
    set_state(second.id, POEM, StageState.QUEUED, due_at=utc_now())
    asked = len(emulator.requests)

    run(second)

    assert (stage_of(second).state, stage_of(second).reason) == (StageState.WAITING, Reason.NO_CREDIT)
    assert len(emulator.requests) == asked


@on_one_database
def test_a_try_that_ends_without_telling_anything_of_the_settings_is_made_again_by_another_order(
    emulator: Emulator, clock: StoppedClock
) -> None:
    first, second, _ = refused(emulator, POEM)
    emulator.openai.clear_faults()
    emulator.openai.play("invalid_prompt", times=1)
    swept(clock, MINUTE)
    run(first)
    assert stage_of(first).state is StageState.FAILED

    assert swept(clock).stages == []
    [ready] = swept(clock, 5 * MINUTE).stages

    assert ready.stage_id == stage_of(second).id


@on_one_database
def test_a_try_whose_worker_was_killed_is_made_again_by_the_same_order(emulator: Emulator, clock: StoppedClock) -> None:
    first, *_ = refused(emulator, POEM)
    emulator.openai.clear_faults()
    swept(clock, MINUTE)
    assert isinstance(calls.take(stage_of(first).id), calls.Call)

    swept(clock, MINUTE)
    make_due(stage_of(first), utc_now())
    run(first)

    assert stage_of(first).state is StageState.DONE
    assert section().status is Status.ACTIVE


@on_one_database
def test_new_settings_end_the_try_of_the_old_ones(emulator: Emulator, clock: StoppedClock) -> None:
    first, *_ = refused(emulator, POEM)
    swept(clock, MINUTE)
    in_flight = calls.take(stage_of(first).id)
    assert isinstance(in_flight, calls.Call)
    emulator.openai.clear_faults()
    emulator.openai.add_key("new", NEW_KEY)
    save_section(POEM, ProviderKind.OPENAI, api_key=NEW_KEY)
    check(POEM)
    version = section().version

    outcomes.record_error(in_flight, CreditExhausted(ProviderKind.OPENAI), paid=True)

    assert (section().status, section().version) == (Status.ACTIVE, version)


@on_one_database
def test_while_none_waits_the_settings_are_proven_instead(emulator: Emulator, clock: StoppedClock) -> None:
    [order] = refused(emulator, POEM, 1)
    set_state(order.id, POEM, StageState.FAILED)
    proofs = len(emulator.proofs)

    sweep = swept(clock, MINUTE)
    assert (sweep.stages, sweep.checks) == ([], [POEM])
    check(POEM)
    assert section().status is Status.INVALID
    emulator.openai.clear_faults()
    assert swept(clock, 5 * MINUTE).checks == [POEM]
    check(POEM)

    assert section().status is Status.ACTIVE
    assert len(emulator.proofs) == proofs + 1


@on_one_database
def test_a_candidate_that_waits_for_its_check_keeps_nobody_from_trying(emulator: Emulator, clock: StoppedClock) -> None:
    first, *_ = refused(emulator, POEM)
    save_section(POEM, ProviderKind.OPENAI, api_key=NEW_KEY)

    sweep = swept(clock, MINUTE)

    assert ([ready.stage_id for ready in sweep.stages], sweep.checks) == ([stage_of(first).id], [POEM])


@each_refusal
def test_a_good_key_frees_everything_that_was_refused_and_everything_that_pauses(
    emulator: Emulator, clock: StoppedClock, stage_type: StageType
) -> None:
    waiting = refused(emulator, stage_type)
    pausing = order_of(stage_type)
    set_state(
        pausing.id, stage_type, StageState.QUEUED, reason="unavailable", due_at=utc_now() + 20 * MINUTE, attempts=5
    )
    room = emulator.rooms[KINDS[stage_type]]
    room.clear_faults()
    room.add_key("new", NEW_KEY)
    save_section(stage_type, KINDS[stage_type], api_key=NEW_KEY)

    ready = check(stage_type)

    assert [each.stage_id for each in ready] == [stage_of(order, stage_type).id for order in (*waiting, pausing)]
    assert all(stage_of(order, stage_type).due_at <= utc_now() for order in (*waiting, pausing))


@on_one_database
def test_a_check_that_a_person_asks_for_ends_the_pauses_and_a_daily_one_does_not(
    emulator: Emulator, clock: StoppedClock
) -> None:
    works_with(POEM, emulator)
    order = place_order()
    later = utc_now() + 20 * MINUTE
    set_state(order.id, POEM, StageState.QUEUED, reason="unavailable", due_at=later, attempts=5)
    assert check(POEM) == []
    assert stage_of(order).due_at == later

    section_changes.request_check(POEM, "admin")
    [ready] = check(POEM)

    assert ready.stage_id == stage_of(order).id


@on_one_database
def test_another_model_ends_the_pauses(emulator: Emulator, clock: StoppedClock) -> None:
    works_with(POEM, emulator)
    order = place_order()
    set_state(order.id, POEM, StageState.QUEUED, reason="unavailable", due_at=utc_now() + 20 * MINUTE, attempts=5)

    save_section(POEM, ProviderKind.OPENAI, model=section().models_cache[1])

    assert stage_of(order).due_at <= utc_now()


@on_one_database
@pytest.mark.parametrize("reason", ["provider_pace", "storage_full", None])
def test_what_waits_for_something_else_than_its_provider_is_not_hurried(emulator: Emulator, reason: str | None) -> None:
    works_with(POEM, emulator)
    order = place_order()
    later = utc_now() + 20 * MINUTE
    set_state(order.id, POEM, StageState.QUEUED, reason=reason, due_at=later)

    section_changes.request_check(POEM, "admin")
    check(POEM)

    assert stage_of(order).due_at == later
    assert not retry_by_hand(stage_of(order), utc_now())


def test_a_stage_that_pauses_can_be_retried_by_hand_and_costs_no_second_charge(
    emulator: Emulator, clock: StoppedClock
) -> None:
    works_with(POEM, emulator)
    emulator.openai.fail("chat", status=503)
    order = place_order()
    run(order)
    stage = stage_of(order)
    assert (stage.state, stage.passing_failures) == (StageState.QUEUED, 1)

    assert retry_by_hand(stage, utc_now())
    db.session.commit()
    run(order)

    assert stage_of(order).state is StageState.DONE
    assert len(emulator.ledger) == 1
