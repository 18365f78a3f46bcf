"""Making a stage with the built-in provider: every end that a stage can come to."""

import hashlib
import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from domain import calls, generation, order_lists, recovery, stages, waiting, works
from domain.db import db, utc_now
from domain.orders import Attempt, AttemptState, OrderState, StageState, Work
from domain.provider_configs import Reason, Status
from domain.retrying import retry_by_hand
from domain.section_changes import clear_section
from providers.kinds import ProviderKind, StageType
from tests.builders import (
    ALL_STAGES,
    make_due,
    place_order,
    run,
    save_section,
    section,
    stage_of,
    working_section,
)

POEM, VOICE, SONG, CLIP = StageType


def attempts_of(stage_id: int) -> list[Attempt]:
    return list(db.session.scalars(select(Attempt).where(Attempt.stage_id == stage_id).order_by(Attempt.number)))


def state_of(order_id: int) -> OrderState:
    db.session.expire_all()
    order = order_lists.find(order_id)
    assert order is not None
    return order.state


def test_an_order_of_four_becomes_four_works() -> None:
    for stage_type in StageType:
        working_section(stage_type)
    order = place_order(ALL_STAGES)

    after_poem = run(order, POEM)
    assert {ready.stage_type for ready in after_poem.ready} == {VOICE, SONG, CLIP}
    for stage_type in (VOICE, SONG, CLIP):
        run(order, stage_type)

    assert state_of(order.id) is OrderState.DONE
    made = {stage_type: stage_of(order, stage_type) for stage_type in StageType}
    assert {stage.state for stage in made.values()} == {StageState.DONE}
    poem = db.session.scalar(select(Work).where(Work.stage_id == made[POEM].id))
    assert poem is not None
    assert "Анна" in (poem.text or "")
    for stage_type, content_type in {VOICE: "audio/wav", SONG: "audio/wav", CLIP: "video/mp4"}.items():
        work = db.session.scalar(select(Work).where(Work.stage_id == made[stage_type].id))
        assert work is not None
        path = works.path_of(work)
        assert path is not None
        assert work.content_type == content_type
        assert work.size_bytes == path.stat().st_size > 1000
        assert work.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list(works.media_dir().glob(".part-*")) == []


def test_an_order_runs_on_while_the_poem_is_there_and_the_rest_is_not() -> None:
    working_section()
    order = place_order(ALL_STAGES)

    run(order, POEM)

    assert state_of(order.id) is OrderState.RUNNING


def test_every_work_is_made_of_the_poem_and_of_no_other_work() -> None:
    for stage_type in (POEM, VOICE):
        working_section(stage_type)
    order = place_order(frozenset({POEM, VOICE, SONG}))
    run(order, POEM)
    poem = works.poem_of(order.id)
    run(order, VOICE)
    # What the database would give first is no matter of luck: the poem's row is the newest.
    first = db.session.scalar(select(Work).where(Work.stage_id == stage_of(order, POEM).id))
    assert first is not None
    db.session.delete(first)
    db.session.flush()
    db.session.add(
        Work(stage_id=first.stage_id, content_type="text/plain", text=poem, size_bytes=1, sha256="0" * 64, id=999)
    )
    db.session.commit()

    assert poem
    assert works.poem_of(order.id) == poem


def test_a_finished_stage_says_who_made_it() -> None:
    working_section(model="dummy-haiku")
    order = place_order()

    run(order)

    stage = stage_of(order)
    assert (stage.provider_kind, stage.model, stage.attempts) == (ProviderKind.DUMMY, "dummy-haiku", 1)
    assert stage.started_at is not None
    assert stage.finished_at is not None
    [attempt] = attempts_of(stage.id)
    assert (attempt.state, attempt.model) == (AttemptState.ANSWERED, "dummy-haiku")
    assert attempt.ended_at is not None


def test_a_message_that_comes_twice_makes_nothing_twice() -> None:
    working_section()
    order = place_order()
    run(order)
    before = stage_of(order).updated_at

    outcome = run(order)

    assert outcome.ready == []
    assert stage_of(order).updated_at == before
    assert len(attempts_of(stage_of(order).id)) == 1


def test_many_workers_at_once_make_one_attempt(app: Flask) -> None:
    working_section()
    order_id = place_order(details="!slow 0.3").id
    stage_id = stage_of(order_id).id
    db.session.rollback()
    start = threading.Barrier(6)

    def work() -> None:
        with app.app_context():
            start.wait()
            generation.generate(stage_id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert stage_of(order_id).state is StageState.DONE
    assert len(attempts_of(stage_id)) == 1


def test_blocked_words_fail_the_stage_with_the_providers_reason() -> None:
    working_section()
    order = place_order(details="!blocked")

    run(order)

    stage = stage_of(order)
    assert (stage.state, stage.reason) == (StageState.FAILED, "content_blocked")
    assert stage.detail
    assert state_of(order.id) is OrderState.FAILED


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
    assert (section().status, section().reason) == (Status.INVALID, reason)
    assert state_of(orders[0].id) is OrderState.WAITING


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


def test_settings_that_pass_their_check_but_not_the_generation_are_tried_more_and_more_slowly() -> None:
    working_section()
    order = place_order(details="!no-credit")
    delays = []
    for _ in range(4):
        run(order)
        passed_at = utc_now()
        row = section()
        row.status, row.reason, row.passed_at = Status.ACTIVE, None, passed_at
        db.session.commit()
        assert waiting.release(POEM, passed_at) == []
        stage = stage_of(order)
        delays.append((stage.due_at - passed_at).total_seconds())
        make_due(stage, utc_now())

    assert delays == [10, 30, 120, 480]


def test_settings_that_refused_a_stage_must_pass_a_later_check_before_they_are_tried_again() -> None:
    working_section()
    order = place_order(details="!no-credit")
    run(order)
    row = section()
    row.status, row.reason = Status.ACTIVE, None
    db.session.commit()

    assert waiting.release(POEM, utc_now()) == []
    assert stage_of(order).state is StageState.WAITING


def test_a_stage_that_was_let_go_has_all_its_attempts_again() -> None:
    working_section()
    order = place_order(details="!unavailable")
    for _ in range(6):
        run(order)
        stage = stage_of(order)
        if stage.state is StageState.QUEUED:
            make_due(stage, utc_now())
    row = section()
    row.passed_at = utc_now()
    db.session.commit()
    waiting.release(POEM, utc_now())
    make_due(stage_of(order), utc_now())

    run(order)

    assert (stage_of(order).state, stage_of(order).passing_failures) == (StageState.QUEUED, 1)


def test_a_refusal_of_older_settings_says_nothing_of_the_newer_ones(app: Flask) -> None:
    working_section()
    order_id = place_order(details="!slow 0.4 !no-credit").id

    def slow_worker() -> None:
        with app.app_context():
            run(order_id)

    worker = threading.Thread(target=slow_worker)
    worker.start()
    while stage_of(order_id).attempts == 0:
        pass
    save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku")
    worker.join()

    assert stage_of(order_id).state is StageState.WAITING
    assert section().status is Status.ACTIVE


def test_new_settings_are_tried_at_once() -> None:
    working_section()
    order = place_order(details="!no-credit")
    run(order)
    row = section()
    row.status, row.reason, row.version = Status.ACTIVE, None, row.version + 1
    db.session.commit()

    [ready] = waiting.release(POEM, utc_now())

    assert ready.stage_id == stage_of(order).id


@pytest.mark.parametrize(("marker", "reason"), [("!unavailable", "unavailable"), ("!rate-limited", "rate_limited")])
def test_a_passing_failure_is_tried_six_times_over_half_an_hour_and_then_waits(marker: str, reason: str) -> None:
    working_section()
    order = place_order(details=marker)
    waits = []
    for _ in range(5):
        now = utc_now()
        run(order)
        stage = stage_of(order)
        assert (stage.state, stage.reason) == (StageState.QUEUED, reason)
        waits.append((stage.due_at - now).total_seconds())
        make_due(stage, utc_now())

    outcome = run(order)

    stage = stage_of(order)
    assert (stage.state, stage.reason, stage.attempts) == (StageState.WAITING, reason, 6)
    assert outcome.check is POEM
    assert 0.75 * 1840 < sum(waits) < 1.25 * 1840
    assert waits == sorted(waits)


def test_a_stage_that_is_not_due_yet_is_not_taken() -> None:
    working_section()
    order = place_order(details="!unavailable")
    run(order)

    run(order)

    assert stage_of(order).attempts == 1


def test_an_answer_that_cannot_be_read_fails_the_stage_the_third_time() -> None:
    working_section()
    order = place_order(details="!unreadable")
    for _ in range(2):
        run(order)
        make_due(stage_of(order), utc_now())

    run(order)

    assert (stage_of(order).state, stage_of(order).reason) == (StageState.FAILED, "unreadable_answer")


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


def test_only_what_failed_or_needs_attention_can_be_retried() -> None:
    working_section()
    order = place_order()
    run(order)

    assert not retry_by_hand(stage_of(order), utc_now())
    db.session.rollback()
    assert stage_of(order).state is StageState.DONE


def test_a_retry_of_the_poem_lets_the_others_start_after_it() -> None:
    for stage_type in (POEM, VOICE):
        working_section(stage_type)
    order = place_order(frozenset({POEM, VOICE}), details="!blocked@POEM")
    run(order)
    assert stage_of(order, VOICE).state is StageState.BLOCKED
    found = order_lists.find(order.id)
    assert found is not None
    found.details = "любит море"
    db.session.commit()

    retry_by_hand(stage_of(order), utc_now())
    db.session.commit()
    outcome = run(order)

    assert [ready.stage_type for ready in outcome.ready] == [VOICE]


def test_a_saved_change_counts_from_the_next_stage_on() -> None:
    working_section(model="dummy-verse")
    first, second = place_order(), place_order()
    run(first)

    save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku")
    run(second)

    assert (stage_of(first).model, stage_of(second).model) == ("dummy-verse", "dummy-haiku")


def test_a_removed_key_makes_new_stages_wait() -> None:
    working_section()
    clear_section(POEM, "admin")
    order = place_order()

    run(order)

    assert (stage_of(order).state, stage_of(order).reason) == (StageState.WAITING, Reason.NOT_CONFIGURED)


def test_a_worker_that_comes_back_from_the_dead_changes_nothing() -> None:
    working_section()
    order = place_order()
    claim = stages.claim(stage_of(order).id, utc_now())
    db.session.commit()
    zombie = stage_of(order)
    assert zombie.claim == claim
    stale = calls.Call(
        zombie.id,
        order.id,
        POEM,
        zombie.claim,
        brief=order.brief,
        poem="",
        config=None,
        base_url="",
        model="m",  # type: ignore[arg-type]
    )
    recovery.sweep(utc_now() + timedelta(minutes=10))
    make_due(stage_of(order), utc_now())
    run(order)
    done_at = stage_of(order).finished_at

    moved = stages.move(stale, {StageState.RUNNING, StageState.DONE}, state=StageState.FAILED)
    db.session.commit()

    assert not moved
    assert (stage_of(order).state, stage_of(order).finished_at) == (StageState.DONE, done_at)


def test_a_full_disk_loses_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for stage_type in (POEM, VOICE):
        working_section(stage_type)
    order = place_order(frozenset({POEM, VOICE}))
    run(order)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("domain.works._write_whole", full)
        run(order, VOICE)
    assert (stage_of(order, VOICE).state, stage_of(order, VOICE).reason) == (StageState.QUEUED, "storage_full")
    make_due(stage_of(order, VOICE), utc_now())
    run(order, VOICE)

    assert state_of(order.id) is OrderState.DONE
