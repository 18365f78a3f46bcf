"""Stages that wait for their section, and how they go on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from domain.db import db, utc_now
from domain.generation.manual_retry import retry_by_hand
from domain.maintenance import sweep
from domain.orders import queries
from domain.orders.models import Order, OrderState, Ready, Stage, StageState
from domain.provider_configs import release
from domain.provider_configs.changes import clear_section
from domain.provider_configs.models import FoundBy, Problem, Reason, Status
from providers.base import GenerationRequest, GenerationResult
from providers.kinds import ProviderKind, StageType
from providers.registry import INSTANT_ADAPTERS
from tests.builders import (
    make_due,
    place_order,
    run,
    save_section,
    section,
    set_state,
    stage_of,
    working_section,
)
from tests.database_kinds import on_one_database
from tests.domain.row_changes import changes_of
from tests.stopped_clock import NOON, StoppedClock

POEM, VOICE, SONG, CLIP = StageType
SECOND = timedelta(seconds=1)


def waits(stage_type: StageType = POEM, **values: Any) -> Order:
    """An order whose only stage waits for its section, with these values."""
    order = place_order(frozenset({stage_type}), poem=None if stage_type is POEM else "Море")
    set_state(order.id, stage_type, StageState.WAITING, **{"reason": Reason.NO_CREDIT, **values})
    return order


def refused_in_vain(attempts: int = 1) -> Order:
    """An order that waits though the section, as far as its settings go, has passed a check since it was refused."""
    before = utc_now() - SECOND
    return waits(config_version=section().version, resolved_at=before, attempts=attempts)


def ready_of(*orders: Order) -> list[Ready]:
    return [Ready(stage_of(order).id, POEM) for order in orders]


def as_locks_are_taken(monkeypatch: pytest.MonkeyPatch, order: Order, **values: Any) -> None:
    """Another process is a moment ahead: it writes this into the stage of the order."""
    stage_id, lock = stage_of(order).id, release._lock_orders

    def be_late(order_ids: list[int]) -> None:
        db.session.execute(update(Stage).where(Stage.id == stage_id).values(values))
        lock(order_ids)

    monkeypatch.setattr(release, "_lock_orders", be_late)


def state_of(order_id: int) -> OrderState:
    db.session.expire_all()
    order = queries.find(order_id)
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

    found = sweep.sweep(utc_now())

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
        assert release.release(POEM, passed_at) == []
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

    assert release.release(POEM, utc_now()) == []
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
    release.release(POEM, utc_now())
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

    [ready] = release.release(POEM, utc_now())

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

    assert release.give_up(utc_now() + timedelta(hours=71)) == 0
    assert release.give_up(utc_now() + timedelta(hours=73)) == 1

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
    release.release(POEM, utc_now())
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
    section().set_status(Status.INVALID, Problem(Reason.REJECTED), utc_now())
    db.session.commit()
    orders = [place_order() for _ in range(release.AT_ONCE + 2 * release.PER_SECOND)]
    for order in orders:
        run(order)
    assert {stage_of(order).state for order in orders} == {StageState.WAITING}
    section().set_status(Status.ACTIVE, None, utc_now())
    db.session.commit()
    now = utc_now()

    ready = release.release(POEM, now)

    assert [each.stage_id for each in ready] == [stage_of(order).id for order in orders[: release.AT_ONCE]]
    due = [(stage_of(order).due_at - now).total_seconds() for order in orders]
    assert due == sorted(due)
    assert due[-1] == pytest.approx(2.0)
    assert sweep.sweep(now + timedelta(seconds=2.5)).stages != []


@on_one_database
def test_what_is_let_go_is_as_new_and_says_so_in_every_column(clock: StoppedClock) -> None:
    working_section()
    order = waits(passing_failures=6)
    clock.shift(7)

    with changes_of(order) as changed:
        assert release.release(POEM, utc_now()) == ready_of(order)

    now = utc_now()
    went = {"state": StageState.QUEUED, "reason": None, "due_at": now, "published_at": now}
    assert changed == {**went, "passing_failures": 0}
    assert stage_of(order).updated_at == now
    assert state_of(order.id) is OrderState.RUNNING


@on_one_database
def test_what_is_let_go_later_gets_its_message_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "AT_ONCE", 1)
    working_section()
    first, second = waits(published_at=utc_now()), waits(published_at=utc_now())

    with changes_of(second) as changed:
        assert release.release(POEM, utc_now()) == ready_of(first)

    due_at = utc_now() + SECOND / 5
    assert changed == {"state": StageState.QUEUED, "reason": None, "due_at": due_at, "published_at": None}


@on_one_database
def test_no_more_than_a_batch_is_let_go_and_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "BATCH", 2)
    working_section()
    orders = [waits(due_at=utc_now() - number * SECOND) for number in range(3)]

    assert release.release(POEM, utc_now()) == ready_of(*orders[:2])
    assert release.release(POEM, utc_now()) == ready_of(orders[2])


@on_one_database
def test_only_those_are_let_go_who_wait_for_this_section() -> None:
    working_section()
    song, order = waits(SONG), waits()

    with changes_of(song, SONG) as changed:
        assert release.release(POEM, utc_now()) == ready_of(order)

    assert changed == {}


@on_one_database
def test_nobody_is_let_go_who_has_left_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    working_section()
    order, other = waits(), waits()
    as_locks_are_taken(monkeypatch, order, state=StageState.FAILED)

    with changes_of(order) as changed:
        assert release.release(POEM, utc_now()) == ready_of(other)

    assert changed == {"state": StageState.FAILED}


@on_one_database
@pytest.mark.parametrize(("attempts", "seconds"), [(0, 0), (1, 10), (2, 30), (5, 1200), (6, 1200), (60, 1200)])
def test_the_delay_grows_with_the_attempts_and_then_stays(attempts: int, seconds: int) -> None:
    working_section()
    order = refused_in_vain(attempts)

    assert release.release(POEM, utc_now()) == ([] if attempts else ready_of(order))

    assert stage_of(order).due_at == utc_now() + seconds * SECOND


@on_one_database
def test_what_is_shown_to_generate_is_tried_at_once_however_often_it_was_refused() -> None:
    working_section()
    order = refused_in_vain(attempts=60)

    assert release.release(POEM, utc_now(), from_now_on=True) == ready_of(order)


@on_one_database
@pytest.mark.parametrize(
    ("passed_at", "goes"),
    [(None, False), (NOON - SECOND, False), (NOON, False), (NOON + SECOND, True)],
)
def test_the_check_must_have_passed_after_the_refusal(passed_at: Any, goes: bool) -> None:
    row = working_section()
    row.passed_at = passed_at
    db.session.commit()
    order = waits(config_version=row.version, resolved_at=NOON, attempts=1)

    release.release(POEM, utc_now())

    assert (stage_of(order).state is StageState.QUEUED) is goes


@on_one_database
@pytest.mark.parametrize("values", [{"config_version": None}, {"config_version": 7}, {"resolved_at": None}])
def test_a_stage_that_has_not_tried_these_settings_needs_no_later_check(values: dict[str, Any]) -> None:
    row = working_section()
    order = waits(**{"config_version": row.version, "resolved_at": NOON + SECOND, **values})

    assert release.release(POEM, utc_now()) == ready_of(order)


@on_one_database
def test_nobody_is_let_go_to_a_section_that_is_blocked_or_missing() -> None:
    order = waits()
    assert release.release(POEM, utc_now(), from_now_on=True) == []
    save_section(POEM, ProviderKind.DUMMY)

    assert release.release(POEM, utc_now(), from_now_on=True) == []

    assert stage_of(order).state is StageState.WAITING


@on_one_database
def test_a_key_of_the_environment_is_tried_again_after_a_quarter_of_an_hour(
    change_settings: Callable[..., None], clock: StoppedClock
) -> None:
    change_settings(openai_api_key=SecretStr("sk-fake-environment-0123456789-a1b2"))
    order, new = waits(config_version=0, resolved_at=utc_now()), waits()
    clock.shift(15 * 60)

    assert release.release(POEM, utc_now()) == ready_of(new)
    clock.shift(SECOND)
    assert release.release(POEM, utc_now()) == ready_of(order)


@on_one_database
def test_whoever_waited_for_a_key_goes_when_the_environment_has_one(change_settings: Callable[..., None]) -> None:
    order = waits()
    assert release.release(POEM, utc_now()) == []
    change_settings(openai_api_key=SecretStr("sk-fake-environment-0123456789-a1b2"))

    assert release.release(POEM, utc_now()) == ready_of(order)


@on_one_database
@pytest.mark.parametrize(
    ("state", "reason", "seconds", "pauses"),
    [
        (StageState.QUEUED, "unavailable", 1, True),
        (StageState.QUEUED, "unavailable", 0, False),
        (StageState.QUEUED, None, 1, False),
        (StageState.QUEUED, "provider_pace", 1, False),
        (StageState.QUEUED, "storage_full", 1, False),
        (StageState.WAITING, "unavailable", 1, False),
    ],
)
def test_a_pause_is_a_wait_in_the_queue_for_a_provider_that_has_failed(
    state: StageState, reason: str | None, seconds: int, pauses: bool
) -> None:
    order = place_order()
    set_state(order.id, POEM, state, reason=reason, due_at=utc_now() + seconds * SECOND)

    found = db.session.scalars(select(Stage.id).where(release.pauses(utc_now()))).all()

    assert bool(found) is pauses
    assert release.is_pausing(stage_of(order), utc_now()) is pauses


@on_one_database
def test_the_end_of_a_wait_is_written_in_every_column_once_it_is_too_long(clock: StoppedClock) -> None:
    order, other = waits(waiting_since=utc_now()), waits(waiting_since=utc_now() + SECOND)
    clock.shift(timedelta(hours=72))
    assert release.give_up(utc_now()) == 0
    clock.shift(SECOND)

    with changes_of(order) as changed, changes_of(other) as of_other:
        assert release.give_up(utc_now()) == 1

    why = {"reason": "waited_too_long", "detail": "no_credit"}
    assert changed == {"state": StageState.FAILED, "finished_at": utc_now(), **why}
    assert of_other == {}
    assert stage_of(order).updated_at == utc_now()
    assert state_of(order.id) is OrderState.FAILED


@on_one_database
def test_no_more_than_a_batch_is_given_up_and_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "BATCH", 2)
    orders = [waits(waiting_since=utc_now(), due_at=utc_now() - number * SECOND) for number in range(3)]
    late = utc_now() + timedelta(hours=73)

    assert release.give_up(late) == 2
    assert stage_of(orders[2]).state is StageState.WAITING
    assert release.give_up(late) == 1


@on_one_database
def test_nobody_is_given_up_who_has_left_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    order = waits(waiting_since=utc_now())
    as_locks_are_taken(monkeypatch, order, state=StageState.QUEUED)

    with changes_of(order) as changed:
        assert release.give_up(utc_now() + timedelta(hours=73)) == 0

    assert changed == {"state": StageState.QUEUED}


@on_one_database
def test_only_what_waits_is_given_up() -> None:
    order = waits(waiting_since=utc_now())
    set_state(order.id, POEM, StageState.QUEUED)

    assert release.give_up(utc_now() + timedelta(hours=73)) == 0

    assert stage_of(order).state is StageState.QUEUED
