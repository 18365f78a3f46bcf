"""What each event of a job writes into its stage and its attempt: nothing is left behind, and nothing is forgotten."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from domain import quotas
from domain.db import db, utc_now
from domain.generation import download
from domain.generation import poll as generation_poll
from domain.generation.calls import Call
from domain.generation.download import DISK_WAIT, WAITS
from domain.generation.poll import INTERVALS, REFUSED_INTERVAL
from domain.orders.leases import LEASE
from domain.orders.models import AttemptState, Order, OrderState, Stage, StageReason, StageState
from domain.orders.works import StoredWork
from providers.base import MediaLink, Ticket
from providers.errors import JobUnknown, KeyRejected, RateLimited, Unavailable
from providers.kinds import StageType
from providers.registry import JOB_ADAPTERS
from tests.builders import run, section, set_state, stage_of
from tests.database_kinds import on_one_database
from tests.domain.generation.jobs.job_orders import KINDS, attempts_of, room_of
from tests.domain.row_changes import changes_of, columns, differences
from tests.emulator.server import Emulator
from tests.other_secret import other_secret
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

SECOND = timedelta(seconds=1)
#: What a stage remembers of trouble that has passed.
TROUBLED: dict[str, Any] = {"reason": "unavailable", "detail": "busy", "passing_failures": 2}
WELL_AGAIN: dict[str, Any] = {"reason": None, "detail": "", "passing_failures": 0}


@pytest.fixture(autouse=True)
def no_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as long as they are meant to be."""
    monkeypatch.setattr("domain.generation.poll.random.uniform", lambda least, most: (least + most) / 2)


@pytest.fixture
def runs(order: Order, stage_type: StageType, emulator: Emulator, clock: StoppedClock) -> Order:
    """Its job runs and is to be looked at now."""
    room_of(emulator, stage_type).pinned = 0.1
    run(order, stage_type)
    clock.move_to(stage_of(order, stage_type).due_at)
    return order


@pytest.fixture
def answer(stage_type: StageType, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Let the provider answer the next looks so."""

    def answer_so(found: object) -> None:
        def poll(_adapter: object, _job_id: str) -> object:
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(JOB_ADAPTERS[KINDS[stage_type]], "poll", poll)

    return answer_so


def give(order: Order, stage_type: StageType, **values: object) -> None:
    """Let these be in the row of the stage."""
    set_state(order.id, stage_type, stage_of(order, stage_type).state, **values)


def attempt_of(order: Order, stage_type: StageType) -> dict[str, Any]:
    [attempt] = attempts_of(order, stage_type)
    return columns(attempt)


def give_attempt(order: Order, stage_type: StageType, **values: object) -> None:
    [attempt] = attempts_of(order, stage_type)
    for name, value in values.items():
        setattr(attempt, name, value)
    db.session.commit()


def test_a_job_that_was_handed_over_is_written_down(
    order: Order, stage_type: StageType, emulator: Emulator, clock: StoppedClock
) -> None:
    clock.shift(7)
    give(order, stage_type, **TROUBLED)
    adapter = JOB_ADAPTERS[KINDS[stage_type]]

    with changes_of(order, stage_type) as changed:
        run(order, stage_type)

    assert changed.pop("provider_request_id", None) == attempt_of(order, stage_type)["provider_request_id"]
    now = utc_now()
    stage, attempt = stage_of(order, stage_type), attempt_of(order, stage_type)
    [job_id] = room_of(emulator, stage_type).jobs
    assert changed == {
        "state": StageState.SUBMITTED,
        **WELL_AGAIN,
        "claim": 1,
        "due_at": now + adapter.usual_seconds * SECOND,
        "attempts": 1,
        "started_at": now,
        "resolved_at": now,
        "config_version": section(stage_type).version,
        "provider_kind": KINDS[stage_type],
        "model": attempt["model"],
    }
    assert stage.model in {job.model for job in room_of(emulator, stage_type).jobs.values()}
    assert (attempt["state"], attempt["job_id"], attempt["code"]) == (AttemptState.ACCEPTED, job_id, None)
    assert (attempt["submitted_at"], attempt["deadline_at"]) == (now, now + adapter.longest_seconds * SECOND)
    assert attempt["config_version"] == section(stage_type).version


def test_a_job_is_made_by_the_model_that_its_provider_names(
    order: Order, stage_type: StageType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JOB_ADAPTERS[KINDS[stage_type]], "submit", lambda *_: Ticket("job", "the model of the day"))

    run(order, stage_type)

    assert stage_of(order, stage_type).model == "the model of the day"


def test_a_look_that_finds_a_job_running_leaves_no_trouble_behind(runs: Order, stage_type: StageType) -> None:
    give(runs, stage_type, **TROUBLED)
    before = attempt_of(runs, stage_type)

    with changes_of(runs, stage_type) as changed:
        polled = generation_poll.poll_due(utc_now())

    assert (polled.ready, polled.checks, polled.again_at) == ([], [], None)
    assert changed == {**WELL_AGAIN, "claim": 2, "due_at": utc_now() + INTERVALS[0]}
    assert differences(before, attempt_of(runs, stage_type)) == {"looks": 1}


def test_a_look_that_fails_says_why_and_counts_no_failure(
    runs: Order, stage_type: StageType, answer: Callable[[object], None]
) -> None:
    give(runs, stage_type, passing_failures=1)
    answer(Unavailable(KINDS[stage_type], "busy"))

    with changes_of(runs, stage_type) as changed:
        polled = generation_poll.poll_due(utc_now())

    assert polled.checks == []
    assert changed == {"reason": "unavailable", "detail": "busy", "claim": 2, "due_at": utc_now() + INTERVALS[0]}


def test_a_look_that_comes_too_soon_holds_all_calls_of_the_provider(
    runs: Order, stage_type: StageType, answer: Callable[[object], None]
) -> None:
    kind = KINDS[stage_type]
    answer(RateLimited(kind, "slow down", retry_after=30))

    with changes_of(runs, stage_type) as changed:
        generation_poll.poll_due(utc_now())

    assert changed == {"reason": "rate_limited", "detail": "slow down", "claim": 2, "due_at": utc_now() + INTERVALS[0]}
    assert quotas.free_calls(kind, utc_now()) == (0, utc_now() + 30 * SECOND)


def test_a_job_that_its_provider_does_not_know_is_lost_at_the_third_look_in_a_row(
    runs: Order, stage_type: StageType, answer: Callable[[object], None], clock: StoppedClock
) -> None:
    answer(JobUnknown(KINDS[stage_type], "no such job"))
    unknown = {"reason": "job_unknown", "detail": "no such job"}
    for looks in (1, 2):
        with changes_of(runs, stage_type) as changed:
            generation_poll.poll_due(utc_now())
        assert changed == {
            **(unknown if looks == 1 else {}),
            "passing_failures": looks,
            "claim": looks + 1,
            "due_at": utc_now() + INTERVALS[looks - 1],
        }
        clock.move_to(stage_of(runs, stage_type).due_at)
    before = attempt_of(runs, stage_type)
    give(runs, stage_type, reason=None, detail="")

    with changes_of(runs, stage_type) as changed:
        generation_poll.poll_due(utc_now())

    assert changed == {"state": StageState.ATTENTION, "claim": 4, **unknown}
    assert differences(before, attempt_of(runs, stage_type)) == {
        "state": AttemptState.LOST,
        "code": "job_unknown",
        "ended_at": utc_now(),
        "looks": 3,
        "api_key_encrypted": None,
    }


def test_a_job_whose_key_is_refused_is_looked_at_again_in_five_minutes(
    runs: Order, stage_type: StageType, answer: Callable[[object], None]
) -> None:
    answer(KeyRejected(KINDS[stage_type], "revoked"))
    give_attempt(runs, stage_type, deadline_at=utc_now())

    with changes_of(runs, stage_type) as changed:
        polled = generation_poll.poll_due(utc_now())

    assert polled.checks == [stage_type]
    assert changed == {"reason": "rejected", "detail": "revoked", "claim": 2, "due_at": utc_now() + REFUSED_INTERVAL}


@pytest.mark.parametrize(("seconds_left", "waits"), [(1, True), (0, False)])
def test_a_job_that_runs_at_its_deadline_is_left_to_a_person(
    runs: Order, stage_type: StageType, seconds_left: int, waits: bool
) -> None:
    give_attempt(runs, stage_type, deadline_at=utc_now() + seconds_left * SECOND)

    with changes_of(runs, stage_type) as changed:
        generation_poll.poll_due(utc_now())

    if waits:
        assert changed == {"claim": 2, "due_at": utc_now() + INTERVALS[0]}
    else:
        assert changed == {"claim": 2, "state": StageState.ATTENTION, "reason": "job_too_long"}
        assert stage_of(runs, stage_type).order.state is OrderState.ATTENTION


@pytest.mark.parametrize(("seconds_too_long", "state"), [(0, StageState.SUBMITTED), (1, StageState.ATTENTION)])
def test_a_job_whose_key_does_not_open_waits_for_three_days(
    runs: Order, stage_type: StageType, app: Flask, seconds_too_long: int, state: StageState
) -> None:
    submitted_at = utc_now() - timedelta(hours=72) - seconds_too_long * SECOND
    give_attempt(runs, stage_type, submitted_at=submitted_at)

    with changes_of(runs, stage_type) as changed, other_secret(app):
        generation_poll.poll_due(utc_now())

    moved = {} if state is StageState.SUBMITTED else {"state": state}
    assert changed == {
        **moved,
        "claim": 2,
        "reason": StageReason.JOB_KEY_UNREADABLE,
        "due_at": utc_now() + REFUSED_INTERVAL,
    }


@pytest.mark.parametrize("values", [{"job_id": None}, {"state": AttemptState.LOST}])
def test_a_stage_that_says_of_a_job_that_there_is_none_is_left_to_a_person(
    runs: Order, stage_type: StageType, values: dict[str, object]
) -> None:
    give_attempt(runs, stage_type, **values)

    with changes_of(runs, stage_type) as changed:
        generation_poll.poll_due(utc_now())

    assert changed == {"state": StageState.ATTENTION, "reason": "job_unknown", "claim": 2}


@pytest.mark.parametrize(("share", "wait"), [(0, 4), (0.5, 5), (1, 6)])
def test_looks_at_many_jobs_are_spread_by_a_fifth_to_both_sides(
    runs: Order, stage_type: StageType, share: float, wait: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.generation.poll.random.uniform", lambda least, most: least + share * (most - least))

    generation_poll.poll_due(utc_now())

    assert (stage_of(runs, stage_type).due_at - utc_now()).total_seconds() == pytest.approx(wait)


@pytest.mark.parametrize(("failures", "wait"), list(enumerate(WAITS)))
def test_a_file_that_does_not_come_is_asked_for_again_after_growing_waits(
    order: Order, stage_type: StageType, emulator: Emulator, failures: int, wait: timedelta
) -> None:
    run(order, stage_type)
    give(order, stage_type, passing_failures=failures, due_at=utc_now())
    room_of(emulator, stage_type).fail("file", status=403)

    with changes_of(order, stage_type) as changed:
        generation_poll.poll_due(utc_now())

    failed = {"reason": "link_expired", "detail": "http_403", "passing_failures": failures + 1}
    assert changed == {**failed, "claim": 2, "due_at": utc_now() + wait}


def test_after_the_last_wait_a_person_is_asked_for_the_file(
    order: Order, stage_type: StageType, emulator: Emulator
) -> None:
    run(order, stage_type)
    give(order, stage_type, passing_failures=len(WAITS), due_at=utc_now())
    room_of(emulator, stage_type).fail("file", status=403)

    with changes_of(order, stage_type) as changed:
        generation_poll.poll_due(utc_now())

    assert changed == {
        "state": StageState.ATTENTION,
        "reason": "download_failed",
        "detail": "http_403",
        "claim": 2,
    }


def test_a_file_that_cannot_be_stored_is_fetched_again_when_there_may_be_room(
    order: Order, stage_type: StageType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    run(order, stage_type)
    give(order, stage_type, due_at=utc_now())
    with monkeypatch.context() as patch, changes_of(order, stage_type) as changed:
        patch.setattr(Path, "replace", full)
        generation_poll.poll_due(utc_now())

    assert changed == {"reason": "storage_full", "claim": 2, "due_at": utc_now() + DISK_WAIT}


def test_a_stage_that_is_being_fetched_says_no_trouble_and_is_held(
    order: Order, stage_type: StageType, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(order, stage_type)
    give(order, stage_type, due_at=utc_now(), reason="unavailable")
    seen: dict[str, Any] = {}
    store = download._store

    def look_first(call: Call, media: MediaLink) -> StoredWork:
        seen.update(columns(db.session.get_one(Stage, call.id)))
        db.session.rollback()
        return store(call, media)

    monkeypatch.setattr(download, "_store", look_first)
    generation_poll.poll_due(utc_now())

    assert (seen["state"], seen["reason"]) == (StageState.FETCHING, None)
    assert seen["lease_until"] == utc_now() + LEASE


def test_a_finished_job_leaves_a_work_and_no_trouble(order: Order, stage_type: StageType) -> None:
    run(order, stage_type)
    give(order, stage_type, due_at=utc_now(), waiting_since=utc_now(), **TROUBLED)
    before = attempt_of(order, stage_type)

    with changes_of(order, stage_type) as changed:
        generation_poll.poll_due(utc_now())

    usage = stage_of(order, stage_type).usage
    job = {"provider_request_id": before["job_id"], "usage": usage}
    assert usage
    del changed["usage"]
    assert changed == {
        "state": StageState.DONE,
        "reason": None,
        "detail": "",
        "claim": 2,
        "waiting_since": None,
        "finished_at": utc_now(),
        "provider_request_id": before["job_id"],
    }
    assert differences(before, attempt_of(order, stage_type)) == {
        "state": AttemptState.ANSWERED,
        "ended_at": utc_now(),
        "looks": 1,
        "api_key_encrypted": None,
        **job,
    }
    stage = stage_of(order, stage_type)
    assert stage.order.state is OrderState.DONE
    assert stage.work is not None
    assert stage.work.file_name is not None
    assert stage.work.file_name.startswith(f"{stage.id}-2.")
