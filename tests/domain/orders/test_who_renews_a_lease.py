"""Who renews a lease, for how long it counts, and that a round without luck is followed by another."""

import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from domain.db import db, utc_now
from domain.orders import leases
from domain.orders.leases import LEASE, Lease
from domain.orders.models import Order, StageState
from tests.builders import claimed, place_order, set_state, stage_of
from tests.running_system import wait_until
from tests.stopped_clock import StoppedClock

HALF = LEASE.total_seconds() / 2


@pytest.fixture
def order() -> Order:
    return place_order()


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.02)


def lease_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "leases"]


@pytest.mark.parametrize(("age", "is_fresh"), [(0, True), (HALF - 0.001, True), (HALF, False), (HALF + 1, False)])
def test_a_lease_is_fresh_for_half_its_time(age: float, is_fresh: bool, clock: StoppedClock) -> None:
    lease = Lease(1, 1, renewed_at=clock.seconds())

    clock.shift(age)

    assert lease.is_fresh() is is_fresh


def test_a_renewed_lease_lasts_its_whole_time_from_now(order: Order, clock: StoppedClock) -> None:
    stage_id = stage_of(order).id
    claim = claimed(stage_id)
    lease = Lease(stage_id, claim, renewed_at=0.0)
    clock.shift(7)

    leases.renew([lease])

    assert stage_of(order).lease_until == utc_now() + LEASE
    assert lease.renewed_at == clock.seconds()


def test_of_two_leases_only_the_one_that_is_in_force_is_renewed(order: Order) -> None:
    given_up = place_order()
    stage_ids = [stage_of(each).id for each in (order, given_up)]
    held = [Lease(stage_id, claimed(stage_id), renewed_at=0.0) for stage_id in stage_ids]
    held[1].claim -= 1

    leases.renew(held)

    assert held[0].renewed_at > 0
    assert held[1].renewed_at == 0.0


def test_a_claim_of_one_stage_says_nothing_of_another(order: Order) -> None:
    other = place_order()
    claim = claimed(stage_of(order).id)
    claimed(stage_of(other).id)
    set_state(other.id, stage_of(other).stage_type, StageState.RUNNING, claim=claim + 5)
    lease = Lease(stage_of(other).id, claim, renewed_at=0.0)

    leases.renew([lease, Lease(stage_of(order).id, claim + 5, renewed_at=0.0)])

    assert lease.renewed_at == 0.0


def test_without_a_stage_nobody_renews(app: Flask) -> None:
    with leases.renewed(asked_at=time.monotonic()) as held:
        assert held == []
        assert lease_threads() == []


def test_each_stage_has_its_lease_from_the_time_at_which_it_was_asked_for(order: Order) -> None:
    stage_id = stage_of(order).id
    claim = claimed(stage_id)
    asked_at = time.monotonic() - 3

    with leases.renewed((stage_id, claim), asked_at=asked_at) as [lease]:
        assert (lease.stage_id, lease.claim, lease.renewed_at) == (stage_id, claim, asked_at)
        [thread] = lease_threads()
        assert thread.daemon

    wait_until(lambda: not lease_threads(), "nobody renews any more")


def test_a_process_renews_all_leases_in_one_thread(order: Order) -> None:
    other = place_order()
    pairs = [(stage_of(each).id, claimed(stage_of(each).id)) for each in (order, other)]
    asked_at = time.monotonic()

    with leases.renewed(pairs[0], asked_at=asked_at), leases.renewed(pairs[1], asked_at=asked_at):
        assert len(lease_threads()) == 1

    wait_until(lambda: not lease_threads(), "nobody renews any more")


def test_who_leaves_takes_only_his_own_lease_along(order: Order, hurry: None) -> None:
    other = place_order()
    first, second = ((stage_of(each).id, claimed(stage_of(each).id)) for each in (order, other))

    with leases.renewed(first, asked_at=0.0) as [kept]:
        with leases.renewed(second, asked_at=0.0):
            pass
        kept.renewed_at = 0.0
        db.session.rollback()

        wait_until(lambda: kept.renewed_at > 0, "the other one is renewed")


@pytest.mark.parametrize("error", [OperationalError("", None, Exception("away"))])
def test_a_renewal_that_finds_no_database_is_tried_in_the_next_round(error: Exception, hurry: None) -> None:
    calls: list[int] = []

    def renewal() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise error

    with leases.renewing(renewal):
        wait_until(lambda: len(calls) > 1, "it is tried again")

    wait_until(lambda: not lease_threads(), "nobody renews any more")


def test_several_renewals_end_one_by_one(hurry: None) -> None:
    called: dict[str, int] = {"first": 0, "second": 0}

    def renewal(name: str) -> Callable[[], None]:
        def renew() -> None:
            called[name] += 1

        return renew

    with leases.renewing(renewal("first")):
        with leases.renewing(renewal("second")):
            wait_until(lambda: all(called.values()), "both are called")
        ended = called["second"]
        before = called["first"]
        wait_until(lambda: called["first"] > before + 1, "the first one goes on")

    assert called["second"] <= ended + 1


def test_between_two_rounds_the_thread_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 987.0)
    waits, calls = threading.Event(), []
    wait = threading.Condition.wait

    def note(condition: threading.Condition, timeout: float | None = None) -> bool:
        if timeout is not None and 980 < timeout <= 987:
            waits.set()
        return wait(condition, timeout)

    monkeypatch.setattr(threading.Condition, "wait", note)

    with leases.renewing(lambda: calls.append(1)):
        assert waits.wait(30)
        assert calls == []

    wait_until(lambda: not lease_threads(), "who leaves wakes it up")
