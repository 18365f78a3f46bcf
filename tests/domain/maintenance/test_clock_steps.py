"""The clock is set, or the machine has slept: whoever lives keeps its stages, and nothing waits for a time to come."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import update

from domain import quotas
from domain.clock import StepDetector
from domain.db import db, utc_now
from domain.maintenance import clock_steps, sweep
from domain.maintenance.clock_steps import RENEWED_WITHIN
from domain.orders import leases, stages
from domain.orders.leases import LEASE, Lease
from domain.orders.models import Stage, StageState
from domain.provider_configs import checks
from domain.provider_configs.checks import CLAIM
from providers.kinds import ProviderKind, StageType
from tests.builders import claimed, place_order, run, save_section, section, stage_of, working_section
from tests.stopped_clock import StoppedClock

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def process(clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> StepDetector:
    """What a process that has just started knows of its clock."""
    detector = StepDetector()
    monkeypatch.setattr(clock_steps, "_detector", detector)
    return detector


@contextmanager
def set_for_a_while(clock: StoppedClock, by: timedelta) -> Iterator[None]:
    """The clock is set, and set back at the end."""
    clock.set(by)
    yield
    clock.set(-by)


def stage_at_work() -> Lease:
    """What a worker holds that has just taken a stage."""
    stage_id = stage_of(place_order()).id
    claim = claimed(stage_id)
    return Lease(stage_id, claim, renewed_at=0)


def state_of(stage_id: int) -> StageState:
    return db.session.get_one(Stage, stage_id, populate_existing=True).state


def test_a_worker_that_lives_keeps_its_stage_when_the_clock_is_set_forward(clock: StoppedClock) -> None:
    lease = stage_at_work()

    with set_for_a_while(clock, HOUR):
        sweep.sweep(utc_now())
        assert state_of(lease.stage_id) is StageState.RUNNING
        leases.renew([lease])
        sweep.sweep(utc_now() + RENEWED_WITHIN + SECOND)

    assert state_of(lease.stage_id) is StageState.RUNNING


def test_a_worker_that_is_gone_loses_its_stage_a_little_later(clock: StoppedClock) -> None:
    lease = stage_at_work()

    with set_for_a_while(clock, HOUR):
        sweep.sweep(utc_now())
        sweep.sweep(utc_now() + RENEWED_WITHIN - SECOND)
        assert state_of(lease.stage_id) is StageState.RUNNING
        sweep.sweep(utc_now() + RENEWED_WITHIN + SECOND)

    assert state_of(lease.stage_id) is StageState.QUEUED


def test_another_process_that_started_after_the_step_hears_of_it(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = stage_at_work()

    with set_for_a_while(clock, HOUR):
        sweep.sweep(utc_now())
        monkeypatch.setattr(clock_steps, "_detector", StepDetector())
        sweep.sweep(utc_now() + SECOND)

    assert state_of(lease.stage_id) is StageState.RUNNING


def test_a_drift_that_leases_bear_is_no_step(clock: StoppedClock) -> None:
    lease = stage_at_work()

    with set_for_a_while(clock, 4 * SECOND):
        sweep.sweep(utc_now() + LEASE)

    assert state_of(lease.stage_id) is StageState.QUEUED


def test_a_clock_that_is_set_back_in_the_middle_of_a_sweep_takes_no_stage_from_a_worker_that_lives(
    clock: StoppedClock, process: StepDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = stage_at_work()
    lock_order = stages.lock_order

    def set_back_and_renew(order_id: int) -> None:
        clock.set(-2 * LEASE)
        leases.renew([lease])
        lock_order(order_id)

    monkeypatch.setattr(stages, "lock_order", set_back_and_renew)
    clock.shift(2 * LEASE)
    process.note()

    sweep.sweep(utc_now())

    assert state_of(lease.stage_id) is StageState.RUNNING


def test_a_clock_that_is_set_back_in_the_middle_of_a_sweep_takes_no_job_from_a_worker_that_fetches_it(
    clock: StoppedClock, process: StepDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_at_work()
    fetching = stage_at_work()
    db.session.execute(update(Stage).where(Stage.id == fetching.stage_id).values(state=StageState.FETCHING))
    db.session.commit()
    lock_order = stages.lock_order

    def set_back_and_renew(order_id: int) -> None:
        clock.set(-2 * LEASE)
        leases.renew([fetching])
        lock_order(order_id)

    monkeypatch.setattr(stages, "lock_order", set_back_and_renew)
    clock.shift(2 * LEASE)
    process.note()

    sweep.sweep(utc_now())

    assert state_of(fetching.stage_id) is StageState.FETCHING


def test_what_was_planned_by_a_clock_that_was_ahead_goes_on_when_it_is_set_back(
    clock: StoppedClock, process: StepDetector
) -> None:
    working_section()
    with set_for_a_while(clock, HOUR):
        process.note()  # it has been ahead for long
        pausing = place_order(details="!unavailable")
        run(pausing)
        unheard = place_order()

    swept = sweep.sweep(utc_now())

    assert {ready.stage_id for ready in swept.stages} == {stage_of(pausing).id, stage_of(unheard).id}


def test_a_clock_that_was_set_back_while_no_process_ran_stops_nothing(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with set_for_a_while(clock, HOUR):
        unheard = place_order()
        sweep.sweep(utc_now())
    monkeypatch.setattr(clock_steps, "_detector", StepDetector())

    swept = sweep.sweep(utc_now())

    assert [ready.stage_id for ready in swept.stages] == [stage_of(unheard).id]


def test_what_a_worker_had_reckoned_before_the_clock_was_set_back_is_planned_anew_too(
    clock: StoppedClock, process: StepDetector
) -> None:
    working_section()
    with set_for_a_while(clock, HOUR):
        process.note()
    sweep.sweep(utc_now())
    with set_for_a_while(clock, HOUR):
        late = place_order()

    swept = sweep.sweep(utc_now() + SECOND)

    assert [ready.stage_id for ready in swept.stages] == [stage_of(late).id]


def test_a_stage_of_a_worker_that_is_gone_is_not_held_for_an_hour_when_the_clock_is_set_back(
    clock: StoppedClock, process: StepDetector
) -> None:
    with set_for_a_while(clock, HOUR):
        process.note()
        lease = stage_at_work()

    sweep.sweep(utc_now())
    sweep.sweep(utc_now() + LEASE + RENEWED_WITHIN)

    assert state_of(lease.stage_id) is StageState.QUEUED


def test_a_provider_that_a_clock_ahead_asks_later_is_asked_now(clock: StoppedClock, process: StepDetector) -> None:
    with set_for_a_while(clock, timedelta(minutes=5)):
        process.note()
        quotas.close(ProviderKind.SUNO, 5, utc_now())
        db.session.commit()
    assert quotas.acquire_polls(ProviderKind.SUNO, 1).calls == 0

    sweep.sweep(utc_now())

    assert quotas.acquire_polls(ProviderKind.SUNO, 1).calls == 1


def test_a_pause_that_was_planned_by_the_clock_as_it_is_stays(clock: StoppedClock, process: StepDetector) -> None:
    working_section()
    pausing = place_order(details="!unavailable")
    run(pausing)
    due_at = stage_of(pausing).due_at

    with set_for_a_while(clock, -HOUR):
        process.note()
    sweep.sweep(utc_now())

    assert stage_of(pausing).due_at == due_at


def test_a_check_that_a_clock_ahead_has_begun_is_begun_anew_when_it_is_set_back(
    clock: StoppedClock, process: StepDetector
) -> None:
    save_section(StageType.POEM)
    now = utc_now()
    row = section()
    row.check_claimed_until, row.check_requested_at = now + HOUR, now + HOUR
    db.session.commit()

    with set_for_a_while(clock, HOUR):
        process.note()
    sweep.sweep(now)

    later = now + CLAIM + SECOND
    assert sweep.sweep(later).checks == [StageType.POEM]


def test_a_stage_that_waits_since_a_time_to_come_is_released_when_its_section_works(
    clock: StoppedClock, process: StepDetector
) -> None:
    order = place_order()
    with set_for_a_while(clock, HOUR):
        run(order)
        process.note()
    assert stage_of(order).state is StageState.WAITING
    db.session.execute(update(Stage).values(config_version=1))
    db.session.commit()

    sweep.sweep(utc_now())

    waiting_since = stage_of(order).waiting_since
    assert waiting_since is not None
    assert waiting_since <= utc_now()


def test_a_stage_that_was_refused_by_a_clock_ahead_goes_on_when_its_section_passes(
    clock: StoppedClock, process: StepDetector
) -> None:
    working_section()
    order = place_order(details="!no-credit")
    with set_for_a_while(clock, HOUR):
        run(order)
        process.note()
    assert stage_of(order).state is StageState.WAITING

    sweep.sweep(utc_now())
    checks.check(StageType.POEM)

    assert stage_of(order).state is StageState.QUEUED


def test_a_section_heals_although_its_next_check_was_planned_by_a_clock_ahead(
    clock: StoppedClock, process: StepDetector
) -> None:
    working_section()
    row = section()
    row.next_check_at = utc_now() + 2 * HOUR
    db.session.commit()

    with set_for_a_while(clock, HOUR):
        process.note()

    assert sweep.sweep(utc_now()).checks == [StageType.POEM]
