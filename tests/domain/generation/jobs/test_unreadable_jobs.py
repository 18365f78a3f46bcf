"""A job whose key cannot be opened: it is paid for, so it is kept, and goes on when its ADMIN_SECRET_KEY is back."""

from datetime import timedelta

from flask import Flask

from domain.db import db, utc_now
from domain.generation import callbacks, poll
from domain.generation.manual_retry import retry_by_hand
from domain.generation.submit import RESEND_WAITS
from domain.monitoring import stuck
from domain.monitoring.stuck_rules import StuckReason
from domain.orders.models import AttemptState, Order, StageReason, StageState
from domain.provider_configs.checks import check
from providers.kinds import StageType
from tests.builders import place_order, run, save_section, stage_of
from tests.database_kinds import on_one_database
from tests.domain.generation.jobs.job_orders import (
    CLIP,
    KINDS,
    LOOK_ROUTES,
    OTHER_KEY,
    POEM,
    SONG,
    SUBMIT_ROUTES,
    attempts_of,
    charges,
    look,
    room_of,
    suno_says,
)
from tests.emulator.server import Emulator
from tests.other_secret import other_secret

pytestmark = on_one_database


def where(order: Order, stage_type: StageType) -> tuple[StageState, str | None]:
    stage = stage_of(order, stage_type)
    return stage.state, stage.reason


def long_ago(order: Order, stage_type: StageType) -> None:
    """Let the job have been handed over longer ago than anything waits."""
    [attempt] = attempts_of(order, stage_type)
    attempt.submitted_at = utc_now() - timedelta(hours=73)
    db.session.commit()


def test_a_job_that_runs_is_kept_says_why_it_stands_and_goes_on(
    order: Order, stage_type: StageType, emulator: Emulator, app: Flask
) -> None:
    run(order, stage_type)

    with other_secret(app):
        look(order, stage_type)
        look(order, stage_type)

    assert where(order, stage_type) == (StageState.SUBMITTED, StageReason.JOB_KEY_UNREADABLE)
    assert [call for call in emulator.requests if call.route == LOOK_ROUTES[stage_type]] == []
    standing = stuck.of_order(order.id, utc_now())[stage_type]
    assert standing.why is StuckReason.JOB_KEY_UNREADABLE
    assert standing.until == standing.since + timedelta(hours=72)
    look(order, stage_type)
    assert where(order, stage_type) == (StageState.DONE, None)
    assert charges(emulator) == 1


def test_after_three_days_a_person_decides_and_can_look_again_for_nothing(
    order: Order, stage_type: StageType, emulator: Emulator, app: Flask
) -> None:
    run(order, stage_type)
    long_ago(order, stage_type)
    with other_secret(app):
        look(order, stage_type)
    assert where(order, stage_type) == (StageState.ATTENTION, StageReason.JOB_KEY_UNREADABLE)

    assert retry_by_hand(stage_of(order, stage_type), utc_now())
    db.session.commit()
    look(order, stage_type)

    assert where(order, stage_type) == (StageState.DONE, None)
    assert charges(emulator) == 1


def test_whoever_has_lost_the_secret_can_have_the_work_ordered_anew(
    order: Order, stage_type: StageType, emulator: Emulator, app: Flask
) -> None:
    run(order, stage_type)
    long_ago(order, stage_type)
    with other_secret(app):
        look(order, stage_type)
        save_section(stage_type, KINDS[stage_type], api_key=OTHER_KEY)
        check(stage_type)

        assert retry_by_hand(stage_of(order, stage_type), utc_now())
        db.session.commit()
        run(order, stage_type)
        look(order, stage_type)

    assert where(order, stage_type) == (StageState.DONE, None)
    given_up, anew = attempts_of(order, stage_type)
    assert (given_up.state, given_up.api_key_encrypted) == (AttemptState.LOST, None)
    assert anew.state is AttemptState.ANSWERED
    submits = [call.key for call in emulator.requests if call.route == SUBMIT_ROUTES[stage_type]]
    assert submits == ["first", "other"]


def test_a_person_who_was_promised_a_look_for_nothing_orders_nothing_anew(
    order: Order, stage_type: StageType, emulator: Emulator, app: Flask
) -> None:
    room_of(emulator, stage_type).pinned = 0.1
    run(order, stage_type)
    [attempt] = attempts_of(order, stage_type)
    attempt.deadline_at = utc_now()
    db.session.commit()
    look(order, stage_type)
    assert where(order, stage_type) == (StageState.ATTENTION, "job_too_long")

    with other_secret(app):
        assert retry_by_hand(stage_of(order, stage_type), utc_now())
        db.session.commit()

    assert where(order, stage_type)[0] is StageState.SUBMITTED
    assert len(attempts_of(order, stage_type)) == 1


def test_a_submit_without_an_answer_is_sent_again_when_its_key_is_back(emulator: Emulator, app: Flask) -> None:
    order = place_order(frozenset({CLIP}), poem=POEM)
    emulator.pika.fail("submit", cut=True)
    run(order, CLIP)
    with other_secret(app):
        look(order, CLIP)
    assert where(order, CLIP) == (StageState.UNCERTAIN, StageReason.JOB_KEY_UNREADABLE)
    assert stuck.of_order(order.id, utc_now())[CLIP].why is StuckReason.JOB_KEY_UNREADABLE
    emulator.pika.fail("submit", cut=True)

    look(order, CLIP)
    assert where(order, CLIP) == (StageState.UNCERTAIN, "answer_lost")
    look(order, CLIP)
    look(order, CLIP)

    assert where(order, CLIP) == (StageState.DONE, None)
    assert charges(emulator) == 1


def test_a_job_that_a_call_has_named_is_confirmed_when_its_key_is_back(
    lost_song: Order, emulator: Emulator, app: Flask
) -> None:
    [attempt] = attempts_of(lost_song, SONG)
    [job_id] = emulator.suno.jobs
    callbacks.note(attempt.token, suno_says(job_id), utc_now())
    with other_secret(app):
        poll.poll_due(utc_now())
    assert where(lost_song, SONG) == (StageState.UNCERTAIN, StageReason.JOB_KEY_UNREADABLE)

    look(lost_song, SONG)
    look(lost_song, SONG)

    assert where(lost_song, SONG) == (StageState.DONE, None)
    assert charges(emulator) == 1


def test_a_submit_without_an_answer_does_not_wait_for_its_key_for_ever(emulator: Emulator, app: Flask) -> None:
    order = place_order(frozenset({CLIP}), poem=POEM)
    emulator.pika.fail("submit", cut=True)
    run(order, CLIP)

    with other_secret(app):
        for _ in RESEND_WAITS:
            look(order, CLIP)

    assert where(order, CLIP) == (StageState.ATTENTION, "answer_lost")


def test_where_no_key_could_find_anything_out_a_person_decides_at_once(lost_song: Order, app: Flask) -> None:
    with other_secret(app):
        look(lost_song, SONG)

    assert where(lost_song, SONG) == (StageState.ATTENTION, "answer_lost")


def test_the_jobs_of_others_are_looked_at_all_the_same(app: Flask) -> None:
    mine, theirs = place_order(frozenset({SONG}), poem=POEM), place_order(frozenset({CLIP}), poem=POEM)
    run(mine, SONG)
    with other_secret(app):
        save_section(CLIP, KINDS[CLIP], api_key=OTHER_KEY)
        check(CLIP)
        run(theirs, CLIP)
        stage_of(mine, SONG).due_at = utc_now()
        db.session.commit()
        look(theirs, CLIP)

    assert where(theirs, CLIP) == (StageState.DONE, None)
    assert where(mine, SONG) == (StageState.SUBMITTED, StageReason.JOB_KEY_UNREADABLE)
