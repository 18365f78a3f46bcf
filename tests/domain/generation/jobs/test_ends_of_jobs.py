"""Jobs that end badly, and files that do not come."""

from datetime import timedelta
from pathlib import Path

import pytest

from domain.db import db, utc_now
from domain.generation import poll
from domain.generation.manual_retry import retry_by_hand
from domain.maintenance import sweep
from domain.orders.models import AttemptState, Order, StageState
from providers.base import JobStatus
from providers.errors import Unavailable
from providers.kinds import StageType
from providers.registry import JOB_ADAPTERS
from tests.builders import make_due, place_order, run, stage_of, unfinished_files
from tests.database_kinds import on_one_database
from tests.domain.generation.jobs.job_orders import KINDS, POEM, SONG, attempts_of, charges, look
from tests.emulator.server import Emulator


@on_one_database
@pytest.mark.parametrize(
    ("scenario", "state", "reason"),
    [
        ("no_credit", StageState.WAITING, "no_credit"),
        ("rate_limited", StageState.QUEUED, "rate_limited"),
        ("bad_parameters", StageState.FAILED, "request_refused"),
    ],
)
def test_a_refused_submit_is_no_lost_one(emulator: Emulator, scenario: str, state: StageState, reason: str) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.play(scenario)

    run(order, SONG)

    assert (stage_of(order, SONG).state, stage_of(order, SONG).reason) == (state, reason)
    assert [attempt.state for attempt in attempts_of(order, SONG)] == [AttemptState.REFUSED]
    assert charges(emulator) == 0


@on_one_database
def test_blocked_words_that_were_charged_fail_the_song_and_are_not_sent_again(emulator: Emulator) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.play("blocked")
    run(order, SONG)

    look(order, SONG)

    assert (stage_of(order, SONG).state, stage_of(order, SONG).reason) == (StageState.FAILED, "content_blocked")
    assert attempts_of(order, SONG)[0].api_key_encrypted is None


@on_one_database
def test_a_job_that_failed_and_cost_nothing_is_tried_again(emulator: Emulator) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.play("failed_with_refund")
    run(order, SONG)

    look(order, SONG)
    assert (stage_of(order, SONG).state, stage_of(order, SONG).reason) == (StageState.QUEUED, "job_failed")
    make_due(stage_of(order, SONG), utc_now())
    run(order, SONG)
    look(order, SONG)

    assert stage_of(order, SONG).state is StageState.DONE


@on_one_database
def test_a_job_that_failed_and_was_charged_is_left_to_a_person(emulator: Emulator) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.play("failed")
    run(order, SONG)

    look(order, SONG)

    assert (stage_of(order, SONG).state, stage_of(order, SONG).reason) == (StageState.FAILED, "job_failed")


@on_one_database
def test_a_charged_failure_is_not_tried_again_whatever_it_was(
    order: Order, stage_type: StageType, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(order, stage_type)
    kind = KINDS[stage_type]
    ended = JobStatus(error=Unavailable(kind, "provider_timeout"), charged=True)
    monkeypatch.setattr(JOB_ADAPTERS[kind], "poll", lambda _adapter, _job_id: ended)

    look(order, stage_type)

    assert (stage_of(order, stage_type).state, stage_of(order, stage_type).reason) == (
        StageState.FAILED,
        "unavailable",
    )


@on_one_database
def test_a_song_whose_call_back_failed_at_the_provider_is_there_all_the_same(emulator: Emulator) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.play("callback_exception")
    run(order, SONG)

    look(order, SONG)

    assert stage_of(order, SONG).state is StageState.DONE


@on_one_database
def test_a_link_that_has_run_out_is_asked_for_again(stage_type: StageType, order: Order, emulator: Emulator) -> None:
    run(order, stage_type)
    emulator.rooms[KINDS[stage_type]].fail("file", status=403)

    look(order, stage_type)
    stage = stage_of(order, stage_type)
    assert (stage.state, stage.reason) == (StageState.SUBMITTED, "link_expired")
    look(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.DONE


@on_one_database
def test_a_file_that_never_comes_is_left_to_a_person_who_can_fetch_it_again_for_nothing(
    stage_type: StageType, order: Order, emulator: Emulator
) -> None:
    run(order, stage_type)
    emulator.rooms[KINDS[stage_type]].fail("file", status=404, times=None)
    for _ in range(7):
        look(order, stage_type)
    stage = stage_of(order, stage_type)
    assert (stage.state, stage.reason) == (StageState.ATTENTION, "download_failed")
    emulator.rooms[KINDS[stage_type]].clear_faults()

    assert retry_by_hand(stage, utc_now())
    db.session.commit()
    look(order, stage_type)

    assert (stage_of(order, stage_type).state, charges(emulator)) == (StageState.DONE, 1)


def test_a_worker_killed_in_a_download_leaves_nothing_but_a_job_to_look_at_again(
    stage_type: StageType, order: Order
) -> None:
    run(order, stage_type)
    stage = stage_of(order, stage_type)
    stage.state, stage.lease_until = StageState.FETCHING, utc_now() - timedelta(seconds=1)
    db.session.commit()

    sweep.sweep(utc_now())
    assert stage_of(order, stage_type).state is StageState.SUBMITTED
    poll.poll_due(utc_now())

    assert stage_of(order, stage_type).state is StageState.DONE


@on_one_database
def test_a_full_disk_loses_no_finished_job(
    stage_type: StageType, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(order, stage_type)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        look(order, stage_type)
    assert (stage_of(order, stage_type).state, stage_of(order, stage_type).reason) == (
        StageState.SUBMITTED,
        "storage_full",
    )
    assert unfinished_files() == []
    look(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.DONE
