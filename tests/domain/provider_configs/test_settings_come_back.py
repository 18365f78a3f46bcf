"""Refused settings come back whatever comes between: new ones beside them, clicks, calls that end late, workers."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from domain import quotas
from domain.db import db, utc_now
from domain.generation import calls, generate
from domain.maintenance import sweep as maintenance_sweep
from domain.monitoring import alerts
from domain.orders.models import Stage, StageState
from domain.provider_configs import changes, checks, overview
from domain.provider_configs import release as provider_configs_release
from domain.provider_configs.checks import check
from domain.provider_configs.models import Reason, Status
from domain.quotas import Grant
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, run, save_section, section, set_state, stage_of, working_section
from tests.database_kinds import on_one_database
from tests.domain.provider_configs.test_probes import MINUTE, NEW_KEY, finish_job, refused, swept
from tests.emulated_sections import KEY, KINDS, order_of, works_with
from tests.emulator.server import Emulator
from tests.stopped_clock import StoppedClock

POEM, SONG = StageType.POEM, StageType.SONG
OPENAI, GEMINI = ProviderKind.OPENAI, ProviderKind.GEMINI


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sleeps between the attempts of a check."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)


@on_one_database
def test_a_candidate_that_is_discarded_while_it_is_checked_ends_no_healing(
    emulator: Emulator, clock: StoppedClock
) -> None:
    refused(emulator, POEM)
    save_section(POEM, OPENAI, api_key=NEW_KEY)
    question = checks._begin(POEM, utc_now())
    assert question is not None
    answer = checks._ask(question)
    changes.discard_candidate(POEM, "admin")
    checks._store(question, answer)

    assert swept(clock, MINUTE).stages != []


@on_one_database
def test_a_section_that_nobody_is_to_look_at_any_more_heals_all_the_same(
    emulator: Emulator, clock: StoppedClock
) -> None:
    refused(emulator, POEM)
    row = section()
    row.next_check_at = row.check_requested_at = None
    db.session.commit()

    assert swept(clock).stages == []
    assert swept(clock, 5 * MINUTE).stages != []


@on_one_database
def test_a_candidate_that_nobody_can_reach_keeps_no_order_from_trying(emulator: Emulator, clock: StoppedClock) -> None:
    orders = refused(emulator, POEM)
    emulator.gemini.add_key("away", NEW_KEY)
    emulator.gemini.fail(status=503, times=None)
    save_section(POEM, GEMINI, api_key=NEW_KEY)
    check(POEM)
    assert section().candidate_reason is Reason.UNAVAILABLE
    emulator.openai.clear_faults()

    swept(clock, MINUTE)
    run(orders[0])

    assert section().status is Status.ACTIVE
    assert section().has_candidate


@on_one_database
def test_check_now_looks_at_what_is_in_use_beside_a_refused_candidate(emulator: Emulator) -> None:
    refused(emulator, POEM)
    save_section(POEM, OPENAI, api_key=NEW_KEY)
    check(POEM)
    assert section().candidate_reason is Reason.REJECTED
    emulator.openai.clear_faults()

    changes.request_check(POEM, "admin")
    check(POEM)
    assert section().status is Status.ACTIVE
    assert section().candidate_reason is Reason.REJECTED

    emulator.openai.add_key("new", NEW_KEY)
    changes.request_check(POEM, "admin", candidate=True)
    check(POEM)
    assert section().api_key_last4 == NEW_KEY[-4:]


@on_one_database
def test_the_work_of_a_try_counts_although_new_settings_were_saved_meanwhile(
    emulator: Emulator, clock: StoppedClock
) -> None:
    first, *_ = refused(emulator, SONG)
    emulator.rooms[KINDS[SONG]].clear_faults()
    swept(clock, MINUTE)
    run(first, SONG)
    save_section(SONG, KINDS[SONG], api_key=NEW_KEY)
    check(SONG)

    finish_job(clock)

    assert stage_of(first, SONG).state is StageState.DONE
    assert section(SONG).status is Status.ACTIVE


@on_one_database
def test_a_balance_that_was_refused_twice_is_still_no_proof(emulator: Emulator, clock: StoppedClock) -> None:
    orders = refused(emulator, SONG)
    check(SONG)
    swept(clock, MINUTE)
    run(orders[0], SONG)
    for order in orders:
        set_state(order.id, SONG, StageState.FAILED)
    assert swept(clock, 5 * MINUTE).checks == [SONG]

    check(SONG)

    assert section(SONG).status is Status.INVALID


@on_one_database
def test_a_check_that_is_asked_for_while_another_one_runs_is_made_after_it(
    emulator: Emulator, clock: StoppedClock
) -> None:
    refused(emulator, POEM)
    question = checks._begin(POEM, utc_now())
    assert question is not None
    assert not question.proof
    answer = checks._ask(question)
    clock.shift(1)
    changes.request_check(POEM, "admin")

    checks._store(question, answer)

    assert (section().proof_requested, section().is_checking) == (True, True)


@on_one_database
def test_the_form_of_a_refused_candidate_that_is_sent_again_has_it_tried_again(emulator: Emulator) -> None:
    works_with(POEM, emulator)
    form = "f" * 22
    save_section(POEM, OPENAI, api_key=NEW_KEY, version=section().version, form_key=form)
    check(POEM)
    assert section().candidate_status is Status.INVALID
    emulator.openai.add_key("new", NEW_KEY)

    assert save_section(POEM, OPENAI, api_key=NEW_KEY, version=1, form_key=form).check_needed
    check(POEM)

    assert section().api_key_last4 == NEW_KEY[-4:]


@on_one_database
def test_a_first_setting_that_nobody_could_check_is_not_called_ready(emulator: Emulator) -> None:
    emulator.openai.fail(status=503, times=None)
    save_section(POEM, OPENAI, api_key=NEW_KEY, model="gpt-5.4")

    check(POEM)

    assert overview.one(POEM).blocked is Reason.UNAVAILABLE


@on_one_database
def test_a_key_of_the_environment_that_is_refused_is_told_of_once_and_tried_by_one_order_at_a_time(
    emulator: Emulator, clock: StoppedClock, change_settings: Callable[..., None]
) -> None:
    emulator.openai.add_key("environment", KEY)
    change_settings(openai_api_key=SecretStr(KEY))
    emulator.openai.play("insufficient_quota", times=None)
    for _ in range(3):
        run(place_order())
    told, asked = 0, len(emulator.requests)

    for _ in range(60):
        clock.shift(MINUTE)
        sweep = maintenance_sweep.sweep(utc_now())
        told += len(alerts.notice_sections(utc_now()))
        assert overview.one(POEM).blocked is Reason.NO_CREDIT
        assert len(sweep.stages) <= 1
        for ready in sweep.stages:
            generate.generate(ready.stage_id)
    assert told == 1
    assert len([call for call in emulator.requests[asked:] if call.route == "chat"]) == 3

    emulator.openai.clear_faults()
    clock.shift(16 * MINUTE)
    [ready] = maintenance_sweep.sweep(utc_now()).stages
    assert len(generate.generate(ready.stage_id).ready) == 2


@on_one_database
def test_more_pauses_than_one_transaction_takes_end_together(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    works_with(POEM, emulator)
    monkeypatch.setattr(provider_configs_release, "BATCH", 3)
    orders = [place_order() for _ in range(8)]
    later = utc_now() + 20 * MINUTE
    db.session.execute(update(Stage).values(state=StageState.QUEUED, reason="unavailable", due_at=later, attempts=5))
    db.session.commit()

    changes.request_check(POEM, "admin")
    check(POEM)

    assert all(stage_of(order).due_at < later for order in orders)


@on_one_database
def test_a_database_that_is_away_as_a_try_has_passed_leaves_nobody_waiting(
    emulator: Emulator, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = refused(emulator, POEM)
    emulator.openai.clear_faults()
    pausing = order_of(POEM)
    set_state(pausing.id, POEM, StageState.QUEUED, reason="unavailable", due_at=utc_now() + 20 * MINUTE, attempts=5)
    swept(clock, MINUTE)
    release, failures = provider_configs_release.release, [OperationalError("", {}, Exception("gone"))]

    def release_the_second_time(*args: object, **options: object) -> object:
        if failures:
            raise failures.pop()
        return release(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(provider_configs_release, "release", release_the_second_time)
    run(first)

    assert stage_of(second).due_at <= utc_now()
    assert stage_of(pausing).due_at <= utc_now()


@on_one_database
def test_a_proof_that_cannot_be_read_is_asked_for_once(emulator: Emulator) -> None:
    emulator.openai.add_key("first", KEY)
    emulator.openai.fail("chat", status=200, body={"object": "chat.completion", "choices": []}, times=None)
    save_section(POEM, OPENAI, api_key=KEY)

    check(POEM)

    assert [call.route for call in emulator.requests] == ["models", "chat"]


def test_a_stage_that_a_worker_takes_as_its_pause_ends_is_waited_for_by_nobody(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    working_section()
    order = place_order()
    now = utc_now()
    set_state(order.id, POEM, StageState.QUEUED, reason="unavailable", due_at=now, attempts=2)
    stage_id = stage_of(order).id
    db.session.rollback()
    taken, released = threading.Event(), threading.Event()

    def hold(*_: object) -> Grant:
        taken.set()
        # Who is released before the worker ends must not wait for it; SQLite has one writer at a time.
        if db.engine.dialect.name == "postgresql":
            assert released.wait(60)
        return Grant(0, None, None)

    monkeypatch.setattr(quotas, "take_call", hold)
    found: list[object] = []

    def work() -> None:
        with app.app_context():
            found.append(calls.take(stage_id))

    worker = threading.Thread(target=work)
    worker.start()
    assert taken.wait(60)
    provider_configs_release.release(POEM, now - timedelta(seconds=1), from_now_on=True)
    released.set()
    worker.join(60)

    assert [type(each) for each in found] == [calls.Throttled]
