"""Making a stage with the built-in provider: every end that a stage can come to."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from domain.db import db, utc_now
from domain.generation import calls
from domain.generation import generate as generation_generate
from domain.generation.manual_retry import retry_by_hand
from domain.maintenance import sweep
from domain.orders import queries, stages, works
from domain.orders.models import Attempt, AttemptState, OrderState, StageState, Work
from domain.provider_configs.resolver import ResolvedConfig
from providers.base import GenerationRequest, GenerationResult
from providers.kinds import ProviderKind, StageType
from providers.registry import INSTANT_ADAPTERS
from tests.builders import (
    ALL_STAGES,
    claimed,
    make_due,
    media_of,
    place_order,
    run,
    save_section,
    stage_of,
    unfinished_files,
    working_section,
)
from tests.database_kinds import on_one_database

POEM, VOICE, SONG, CLIP = StageType


def attempts_of(stage_id: int) -> list[Attempt]:
    return list(db.session.scalars(select(Attempt).where(Attempt.stage_id == stage_id).order_by(Attempt.number)))


def state_of(order_id: int) -> OrderState:
    db.session.expire_all()
    order = queries.find(order_id)
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
        assert work.content_type == content_type
        media = media_of(work)
        assert work.file_name == f"{made[stage_type].id}-1.{works.EXTENSIONS[content_type]}"
        assert work.size_bytes == len(media) > 1000
        assert work.sha256 == hashlib.sha256(media).hexdigest()
    assert unfinished_files() == []


@on_one_database
def test_an_order_runs_on_while_the_poem_is_there_and_the_rest_is_not() -> None:
    working_section()
    order = place_order(ALL_STAGES)

    run(order, POEM)

    assert state_of(order.id) is OrderState.RUNNING


@on_one_database
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


def test_many_workers_at_once_make_one_attempt(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    working_section()
    order_id = place_order().id
    stage_id = stage_of(order_id).id
    db.session.rollback()
    start, others = threading.Barrier(6), threading.Semaphore(0)
    adapter = INSTANT_ADAPTERS[ProviderKind.DUMMY]
    generate = adapter.generate

    def generate_when_all_others_have_given_up(provider: Any, request: GenerationRequest) -> GenerationResult:
        assert all(others.acquire(timeout=60) for _ in range(5))
        return generate(provider, request)

    def work() -> None:
        with app.app_context():
            start.wait(60)
            generation_generate.generate(stage_id)
            others.release()

    monkeypatch.setattr(adapter, "generate", generate_when_all_others_have_given_up)
    with ThreadPoolExecutor(6) as workers:
        for done in [workers.submit(work) for _ in range(6)]:
            done.result()

    assert stage_of(order_id).state is StageState.DONE
    assert len(attempts_of(stage_id)) == 1


@on_one_database
def test_blocked_words_fail_the_stage_with_the_providers_reason() -> None:
    working_section()
    order = place_order(details="!blocked")

    run(order)

    stage = stage_of(order)
    assert (stage.state, stage.reason) == (StageState.FAILED, "content_blocked")
    assert stage.detail
    assert state_of(order.id) is OrderState.FAILED


def test_a_stage_that_is_not_due_yet_is_not_taken() -> None:
    working_section()
    order = place_order(details="!unavailable")
    run(order)

    run(order)

    assert stage_of(order).attempts == 1


@on_one_database
def test_a_free_answer_that_cannot_be_read_fails_the_stage_the_third_time() -> None:
    working_section()
    order = place_order(details="!unreadable")
    for _ in range(2):
        run(order)
        make_due(stage_of(order), utc_now())

    run(order)

    assert (stage_of(order).state, stage_of(order).reason) == (StageState.FAILED, "unreadable_answer")


@on_one_database
def test_only_what_failed_or_needs_attention_can_be_retried() -> None:
    working_section()
    order = place_order()
    run(order)

    assert not retry_by_hand(stage_of(order), utc_now())
    db.session.rollback()
    assert stage_of(order).state is StageState.DONE


@on_one_database
def test_a_retry_of_the_poem_lets_the_others_start_after_it() -> None:
    for stage_type in (POEM, VOICE):
        working_section(stage_type)
    order = place_order(frozenset({POEM, VOICE}), details="!blocked@POEM")
    run(order)
    assert stage_of(order, VOICE).state is StageState.BLOCKED
    found = queries.find(order.id)
    assert found is not None
    found.details = "любит море"
    db.session.commit()

    retry_by_hand(stage_of(order), utc_now())
    db.session.commit()
    outcome = run(order)

    assert [ready.stage_type for ready in outcome.ready] == [VOICE]


@on_one_database
def test_a_saved_change_counts_from_the_next_stage_on() -> None:
    working_section(model="dummy-verse")
    first, second = place_order(), place_order()
    run(first)

    save_section(POEM, ProviderKind.DUMMY, model="dummy-haiku")
    run(second)

    assert (stage_of(first).model, stage_of(second).model) == ("dummy-verse", "dummy-haiku")


def test_a_worker_that_comes_back_from_the_dead_changes_nothing() -> None:
    working_section()
    order = place_order()
    claim = claimed(stage_of(order).id)
    zombie = stage_of(order)
    assert zombie.claim == claim
    stale = calls.Call(
        zombie.id,
        order.id,
        POEM,
        zombie.claim,
        brief=order.brief,
        poem="",
        config=ResolvedConfig(ProviderKind.DUMMY, "", "m", 1),
        base_url="",
        model="m",
    )
    sweep.sweep(utc_now() + timedelta(minutes=10))
    make_due(stage_of(order), utc_now())
    run(order)
    done_at = stage_of(order).finished_at

    moved = stages.transition(stale, {StageState.RUNNING, StageState.DONE}, state=StageState.FAILED)
    db.session.commit()

    assert not moved
    assert (stage_of(order).state, stage_of(order).finished_at) == (StageState.DONE, done_at)
