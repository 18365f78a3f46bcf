"""Songs and clips: handed over, asked about, fetched."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from domain.db import db, utc_now
from domain.generation import poll
from domain.generation.manual_retry import retry_by_hand
from domain.orders import queries
from domain.orders.models import Attempt, AttemptState, Order, Stage, StageState, Work
from domain.provider_configs.changes import clear_section
from domain.provider_configs.checks import check
from domain.provider_configs.models import Reason, Status, live_place
from domain.secrets.context import current_vault
from domain.secrets.vault import Unreadable
from providers.kinds import StageType
from tests.builders import media_of, place_order, run, save_section, section, stage_of
from tests.database_kinds import on_one_database
from tests.domain.generation.jobs.job_orders import (
    CLIP,
    KEY,
    KINDS,
    LOOK_ROUTES,
    OTHER_KEY,
    POEM,
    SONG,
    attempts_of,
    charges,
    look,
    room_of,
)
from tests.emulator.server import Emulator


def test_a_job_is_handed_over_asked_about_and_fetched(order: Order, stage_type: StageType, emulator: Emulator) -> None:
    run(order, stage_type)
    submitted = stage_of(order, stage_type)
    assert submitted.state is StageState.SUBMITTED
    assert submitted.due_at > utc_now()
    [attempt] = attempts_of(order, stage_type)
    assert (attempt.state, bool(attempt.job_id)) == (AttemptState.ACCEPTED, True)

    look(order, stage_type)

    done = stage_of(order, stage_type)
    assert (done.state, done.reason) == (StageState.DONE, None)
    work = db.session.scalar(select(Work).where(Work.stage_id == done.id))
    assert work is not None
    assert work.sha256 == hashlib.sha256(media_of(work)).hexdigest()
    assert work.content_type.split("/")[0] == {SONG: "audio", CLIP: "video"}[stage_type]
    [attempt] = attempts_of(order, stage_type)
    assert (attempt.state, attempt.api_key_encrypted) == (AttemptState.ANSWERED, None)
    assert charges(emulator) == 1
    found = queries.find(order.id)
    assert found is not None
    assert found.state.value == "done"


@on_one_database
def test_a_job_that_still_runs_is_asked_about_later_and_less_and_less_often(
    order: Order, stage_type: StageType, emulator: Emulator
) -> None:
    room_of(emulator, stage_type).pinned = 0.1
    run(order, stage_type)
    for interval in (5, 10, 20, 30, 30):
        before = utc_now()
        look(order, stage_type)
        after = utc_now()

        stage = stage_of(order, stage_type)
        assert stage.state is StageState.SUBMITTED
        assert stage.due_at - before >= timedelta(seconds=0.79 * interval)
        assert stage.due_at - after <= timedelta(seconds=1.21 * interval)


@on_one_database
@pytest.mark.parametrize(
    ("stage_type", "public_url", "first", "next_one"),
    [
        (SONG, "", 120, 5),
        (SONG, "https://gifts.example", 240, 60),
        (CLIP, "", 60, 5),
        (CLIP, "https://gifts.example", 60, 5),
    ],
)
def test_a_job_is_first_looked_at_when_it_is_usually_done_and_seldom_where_we_are_called(
    emulator: Emulator,
    change_settings: Callable[..., None],
    stage_type: StageType,
    public_url: str,
    first: int,
    next_one: int,
) -> None:
    change_settings(public_url=public_url)
    room_of(emulator, stage_type).pinned = 0.1
    order = place_order(frozenset({stage_type}), poem=POEM)

    run(order, stage_type)
    assert (stage_of(order, stage_type).due_at - utc_now()).total_seconds() == pytest.approx(first, abs=2)
    look(order, stage_type)

    assert (stage_of(order, stage_type).due_at - utc_now()).total_seconds() == pytest.approx(next_one, rel=0.25)


def test_only_jobs_that_are_due_are_asked_about(order: Order, stage_type: StageType, emulator: Emulator) -> None:
    run(order, stage_type)

    poll.poll_due(utc_now())

    assert stage_of(order, stage_type).state is StageState.SUBMITTED
    assert [call for call in emulator.requests if call.route == LOOK_ROUTES[stage_type]] == []


@on_one_database
def test_a_job_is_asked_about_with_the_key_that_handed_it_over(
    order: Order, stage_type: StageType, emulator: Emulator
) -> None:
    room_of(emulator, stage_type).pinned = 0.1
    run(order, stage_type)
    look(order, stage_type)
    save_section(stage_type, KINDS[stage_type], api_key=OTHER_KEY)
    check(stage_type)
    assert section(stage_type).api_key_last4 == "c3d4"
    room_of(emulator, stage_type).pinned = None

    look(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.DONE
    looks = {call.key for call in emulator.requests if call.route == LOOK_ROUTES[stage_type]}
    assert looks == {"first"}
    assert KEY not in str([attempt.api_key_encrypted for attempt in attempts_of(order, stage_type)])


@on_one_database
def test_a_removed_key_does_not_stop_a_job_that_runs(order: Order, stage_type: StageType) -> None:
    run(order, stage_type)
    clear_section(stage_type, "admin")

    look(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.DONE


@on_one_database
def test_a_key_that_is_refused_while_a_job_runs_keeps_the_job(
    order: Order, stage_type: StageType, emulator: Emulator
) -> None:
    run(order, stage_type)
    emulator.rooms[KINDS[stage_type]].play("revoked", times=None)

    polled = look(order, stage_type)

    stage = stage_of(order, stage_type)
    assert (stage.state, stage.reason) == (StageState.SUBMITTED, "rejected")
    assert polled.checks == [stage_type]
    assert (section(stage_type).status, section(stage_type).reason) == (Status.INVALID, Reason.REJECTED)
    emulator.rooms[KINDS[stage_type]].clear_faults()
    look(order, stage_type)
    assert stage_of(order, stage_type).state is StageState.DONE
    assert charges(emulator) == 1


@on_one_database
def test_a_key_that_stays_refused_leaves_its_job_to_a_person_once_stages_have_waited_long_enough(
    order: Order, stage_type: StageType, emulator: Emulator
) -> None:
    run(order, stage_type)
    emulator.rooms[KINDS[stage_type]].play("revoked", times=None)
    [attempt] = attempts_of(order, stage_type)
    for hours, state in ((71, StageState.SUBMITTED), (73, StageState.ATTENTION)):
        attempt.deadline_at = utc_now() - timedelta(hours=1)
        attempt.submitted_at = utc_now() - timedelta(hours=hours)
        db.session.commit()

        look(order, stage_type)

        assert stage_of(order, stage_type).state is state, hours
    assert stage_of(order, stage_type).reason == "job_too_long"
    assert charges(emulator) == 1


@on_one_database
def test_a_look_that_fails_loses_nothing(order: Order, stage_type: StageType, emulator: Emulator) -> None:
    run(order, stage_type)
    emulator.rooms[KINDS[stage_type]].fail(LOOK_ROUTES[stage_type], status=503)

    look(order, stage_type)
    assert (stage_of(order, stage_type).state, stage_of(order, stage_type).reason) == (
        StageState.SUBMITTED,
        "unavailable",
    )
    look(order, stage_type)

    assert (stage_of(order, stage_type).state, stage_of(order, stage_type).reason) == (StageState.DONE, None)


@on_one_database
def test_a_job_that_takes_too_long_is_left_to_a_person_who_can_look_again_for_nothing(
    order: Order, stage_type: StageType, emulator: Emulator
) -> None:
    room_of(emulator, stage_type).pinned = 0.1
    run(order, stage_type)
    [attempt] = attempts_of(order, stage_type)
    attempt.deadline_at = utc_now()
    db.session.commit()
    look(order, stage_type)
    stage = stage_of(order, stage_type)
    assert (stage.state, stage.reason) == (StageState.ATTENTION, "job_too_long")

    assert retry_by_hand(stage, utc_now())
    db.session.commit()
    look(order, stage_type)
    assert stage_of(order, stage_type).state is StageState.SUBMITTED
    room_of(emulator, stage_type).pinned = None
    look(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.DONE
    assert charges(emulator) == 1


@on_one_database
def test_a_job_that_the_provider_has_forgotten_is_left_to_a_person_at_the_third_look(
    order: Order, stage_type: StageType, emulator: Emulator
) -> None:
    run(order, stage_type)
    room_of(emulator, stage_type).jobs.clear()
    for _ in range(2):
        look(order, stage_type)
        assert stage_of(order, stage_type).state is StageState.SUBMITTED

    look(order, stage_type)

    assert (stage_of(order, stage_type).state, stage_of(order, stage_type).reason) == (
        StageState.ATTENTION,
        "job_unknown",
    )
    assert charges(emulator) == 1


@on_one_database
def test_the_key_of_a_job_opens_nowhere_else(order: Order, stage_type: StageType) -> None:
    run(order, stage_type)
    [attempt] = attempts_of(order, stage_type)

    with pytest.raises(Unreadable):
        current_vault().open(attempt.api_key_encrypted or "", live_place(stage_type, KINDS[stage_type]))


def test_two_open_attempts_of_one_stage_cannot_even_be_written_down(order: Order, stage_type: StageType) -> None:
    run(order, stage_type)
    stage: Stage = stage_of(order, stage_type)
    db.session.add(Attempt(stage_id=stage.id, number=99, provider_kind=KINDS[stage_type], model="m"))

    with pytest.raises(IntegrityError):
        db.session.commit()
    db.session.rollback()
