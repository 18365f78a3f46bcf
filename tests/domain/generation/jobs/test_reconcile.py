"""A submit whose answer was lost: what is repeated, and what a person decides."""

import json
from datetime import timedelta

import pytest

from domain.db import db, utc_now
from domain.generation import poll
from domain.generation.manual_retry import retry_by_hand
from domain.maintenance import sweep
from domain.orders.leases import LEASE
from domain.orders.models import AttemptState, StageState
from tests.builders import place_order, run, stage_of
from tests.database_kinds import on_one_database
from tests.domain.generation.jobs.job_orders import (
    CLIP,
    POEM,
    SONG,
    attempts_of,
    charges,
    killed_after_the_submit,
    look,
)
from tests.emulator.server import Emulator


@on_one_database
@pytest.mark.parametrize("fault", [{"cut": True}, {"status": 200, "body": "<html>"}, {"status": 500}])
def test_a_song_whose_submit_was_not_answered_is_never_ordered_again_by_itself(
    emulator: Emulator, fault: dict[str, object]
) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.fail("generate", **fault)

    run(order, SONG)

    assert (stage_of(order, SONG).state, stage_of(order, SONG).reason) == (StageState.ATTENTION, "answer_lost")
    sweep.sweep(utc_now() + timedelta(hours=2))
    poll.poll_due(utc_now() + timedelta(hours=2))
    assert stage_of(order, SONG).state is StageState.ATTENTION
    assert len([call for call in emulator.requests if call.route == "generate"]) == 1


def test_a_clip_whose_submit_was_not_answered_is_sent_again_with_the_same_token_and_charged_once(
    emulator: Emulator,
) -> None:
    order = place_order(frozenset({CLIP}), poem=POEM)
    emulator.pika.fail("submit", cut=True)

    run(order, CLIP)
    assert stage_of(order, CLIP).state is StageState.UNCERTAIN
    look(order, CLIP)
    assert stage_of(order, CLIP).state is StageState.SUBMITTED
    look(order, CLIP)

    assert stage_of(order, CLIP).state is StageState.DONE
    submits = [call for call in emulator.requests if call.route == "submit"]
    assert len(submits) == 2
    assert len({call.headers["idempotency-key"] for call in submits}) == 1
    assert len({json.dumps(call.body, sort_keys=True) for call in submits}) == 1
    assert charges(emulator) == 1


@on_one_database
def test_a_clip_whose_answer_is_lost_again_and_again_is_left_to_a_person(emulator: Emulator) -> None:
    order = place_order(frozenset({CLIP}), poem=POEM)
    emulator.pika.fail("submit", cut=True, times=None)
    run(order, CLIP)
    for _ in range(10):
        if stage_of(order, CLIP).state is StageState.UNCERTAIN:
            look(order, CLIP)

    assert (stage_of(order, CLIP).state, stage_of(order, CLIP).reason) == (StageState.ATTENTION, "answer_lost")
    assert charges(emulator) == 1


def test_a_worker_killed_between_submit_and_job_id_charges_a_clip_once(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = place_order(frozenset({CLIP}), poem=POEM)
    killed_after_the_submit(order, CLIP, monkeypatch)
    assert (stage_of(order, CLIP).state, charges(emulator)) == (StageState.RUNNING, 1)

    sweep.sweep(utc_now() + LEASE * 2)
    assert stage_of(order, CLIP).state is StageState.UNCERTAIN
    look(order, CLIP)
    look(order, CLIP)

    assert (stage_of(order, CLIP).state, charges(emulator)) == (StageState.DONE, 1)


def test_a_worker_killed_between_submit_and_job_id_leaves_a_song_to_a_person_charged_once(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    killed_after_the_submit(order, SONG, monkeypatch)

    sweep.sweep(utc_now() + LEASE * 2)
    poll.poll_due(utc_now() + timedelta(hours=2))

    assert (stage_of(order, SONG).state, charges(emulator)) == (StageState.ATTENTION, 1)


@on_one_database
def test_a_persons_decision_orders_the_song_again(emulator: Emulator) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.fail("generate", cut=True)
    run(order, SONG)

    assert retry_by_hand(stage_of(order, SONG), utc_now())
    db.session.commit()
    run(order, SONG)
    look(order, SONG)

    assert stage_of(order, SONG).state is StageState.DONE
    assert [attempt.state for attempt in attempts_of(order, SONG)] == [AttemptState.LOST, AttemptState.ANSWERED]
    assert charges(emulator) == 2
