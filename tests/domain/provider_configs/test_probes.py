"""Probes: what an order was refused for, the oldest that waits tries again, and its work lets the others go."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from domain.db import db, utc_now
from domain.generation import calls, outcomes, poll
from domain.generation.manual_retry import retry_by_hand
from domain.maintenance import sweep as maintenance_sweep
from domain.maintenance.sweep import Sweep
from domain.orders import stages
from domain.orders.models import Order, OrderState, Ready, Stage, StageState
from domain.provider_configs import changes, overview, probes
from domain.provider_configs.checks import check
from domain.provider_configs.history import page_of
from domain.provider_configs.models import FoundBy, Problem, ProviderConfig, Reason, Status, find
from providers.errors import CreditExhausted
from providers.kinds import ProviderKind, StageType
from tests.builders import make_due, place_order, run, save_section, section, set_state, stage_of, working_section
from tests.database_kinds import on_one_database
from tests.domain.row_changes import changes_of
from tests.emulated_sections import KINDS, order_of, works_with
from tests.emulator.jobs import JobRoom
from tests.emulator.server import Emulator
from tests.stopped_clock import NOON, StoppedClock

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
    return maintenance_sweep.sweep(utc_now())


def finish_job(clock: StoppedClock) -> None:
    """Let the job that runs be done and fetched, where one does."""
    clock.shift(5 * MINUTE)
    poll.poll_due(utc_now())


def refused_section(**values: Any) -> ProviderConfig:
    """A section that a generation has found without money, whose time for a try has come."""
    row = working_section()
    row.set_status(Status.INVALID, Problem(Reason.NO_CREDIT, found_by=FoundBy.GENERATION), utc_now())
    row.next_check_at = utc_now()
    for name, value in values.items():
        setattr(row, name, value)
    db.session.commit()
    return row


def waits(stage_type: StageType = POEM, **values: Any) -> Order:
    order = order_of(stage_type)
    set_state(order.id, stage_type, StageState.WAITING, reason=Reason.NO_CREDIT, **values)
    return order


def as_the_order_is_locked(monkeypatch: pytest.MonkeyPatch, table: type[Stage | ProviderConfig], **values: Any) -> None:
    """Another process is a moment ahead: it writes this into all stages, or all sections."""
    lock_order = stages.lock_order

    def be_late(order_id: int) -> None:
        db.session.execute(update(table).values(values))
        lock_order(order_id)

    monkeypatch.setattr(stages, "lock_order", be_late)


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
        assert overview.one(stage_type).blocked is Reason.NO_CREDIT
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
    assert overview.one(stage_type).blocked is None
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

    changes.request_check(POEM, "admin")
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

    changes.request_check(POEM, "admin")
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


@on_one_database
def test_the_one_that_tries_is_queued_and_says_so_in_every_column(clock: StoppedClock) -> None:
    refused_section()
    order, other = waits(passing_failures=6), waits()
    clock.shift(7)

    with changes_of(order) as changed, changes_of(other) as of_other:
        assert probes.let_through(utc_now()) == [Ready(stage_of(order).id, POEM)]

    now = utc_now()
    assert changed == {"state": StageState.QUEUED, "due_at": now, "published_at": now, "passing_failures": 0}
    assert of_other == {}
    assert (stage_of(order).updated_at, stage_of(order).order.state) == (now, OrderState.RUNNING)
    assert (section().probe_stage_id, section().next_check_at) == (stage_of(order).id, None)


@on_one_database
def test_the_oldest_tries_however_long_it_has_been_due() -> None:
    refused_section()
    first, *_ = (waits(due_at=utc_now() - number * MINUTE) for number in range(3))

    assert probes.let_through(utc_now()) == [Ready(stage_of(first).id, POEM)]


@on_one_database
def test_only_those_try_who_wait_for_this_section() -> None:
    refused_section()
    song, placed, order = waits(SONG), order_of(POEM), waits()

    with changes_of(song, SONG) as of_song, changes_of(placed) as of_placed:
        assert probes.let_through(utc_now()) == [Ready(stage_of(order).id, POEM)]

    assert of_song == of_placed == {}


@on_one_database
def test_nobody_tries_who_has_left_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    refused_section()
    order = waits()
    as_the_order_is_locked(monkeypatch, Stage, state=StageState.FAILED)

    with changes_of(order) as changed:
        assert probes.let_through(utc_now()) == []

    assert changed == {"state": StageState.FAILED}
    assert (section().probe_stage_id, section().next_check_at) == (None, utc_now())


@on_one_database
@pytest.mark.parametrize(
    "values",
    [
        {"next_check_at": None},
        {"next_check_at": NOON + timedelta(seconds=1)},
        {"probe_stage_id": 77},
        {"status": Status.ACTIVE, "reason": None, "found_by": None},
        {"found_by": FoundBy.CHECK},
        {"api_key_encrypted": "v1.00000000.AAAA", "provider_kind": ProviderKind.OPENAI, "status": Status.UNKNOWN},
        {"model": None},
    ],
)
def test_nobody_tries_a_section_that_has_changed_meanwhile(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_section()
    order = waits()
    as_the_order_is_locked(monkeypatch, ProviderConfig, **values)

    with changes_of(order) as changed:
        assert probes.let_through(utc_now()) == []

    assert changed == {}


@on_one_database
def test_nobody_tries_a_section_that_another_reason_blocks(change_settings: Callable[..., None]) -> None:
    refused_section()
    order = waits()
    change_settings(dummy_provider=False)

    with changes_of(order) as changed:
        assert probes.let_through(utc_now()) == []

    assert changed == {}


@on_one_database
@pytest.mark.parametrize("of_stage", [0, 1])
def test_only_the_work_of_the_one_that_tries_shows_that_the_settings_work(of_stage: int) -> None:
    stage_id = stage_of(waits()).id
    refused_section(probe_stage_id=stage_id)
    assert probes.is_probe(stage_id + of_stage) is (of_stage == 0)

    probes.pass_if_probe(stage_id + of_stage, POEM, utc_now())
    db.session.commit()

    assert (section().status is Status.ACTIVE) is (of_stage == 0)


@on_one_database
def test_a_work_without_a_section_shows_nothing() -> None:
    assert not probes.is_probe(1)
    probes.pass_if_probe(1, POEM, utc_now())
    assert page_of(POEM, 1) == []


@on_one_database
@pytest.mark.parametrize("state", list(StageState))
def test_a_try_has_ended_when_its_stage_is_with_nobody(state: StageState, clock: StoppedClock) -> None:
    refused_section(next_check_at=None)
    order = order_of(POEM)
    set_state(order.id, POEM, state)
    section().probe_stage_id = stage_of(order).id
    db.session.commit()
    clock.shift(7)

    probes.let_through(utc_now())

    if state in stages.ACTIVE_STATES:
        assert (section().probe_stage_id, section().next_check_at) == (stage_of(order).id, None)
    else:
        assert (section().probe_stage_id, section().next_check_at) == (None, utc_now() + MINUTE)


@on_one_database
@pytest.mark.parametrize("probe", [0, 1])
def test_a_try_that_begins_anew_meanwhile_goes_on(probe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = order_of(POEM), order_of(POEM)
    set_state(first.id, POEM, StageState.FAILED)
    refused_section(probe_stage_id=stage_of(first).id, next_check_at=None)
    tries = stage_of((first, second)[probe]).id

    def be_late(stage_type: StageType, *, lock: bool = False) -> ProviderConfig | None:
        db.session.execute(update(Stage).values(state=StageState.QUEUED))
        db.session.execute(update(ProviderConfig).values(probe_stage_id=tries))
        return find(stage_type, lock=lock)

    monkeypatch.setattr(probes, "find", be_late)
    probes.let_through(utc_now())

    assert (section().probe_stage_id, section().next_check_at) == (tries, None)
