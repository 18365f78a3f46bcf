"""Songs and clips: handed over, asked about, fetched; and what is done when an answer is lost."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from domain import callbacks, order_lists, polling, recovery, works
from domain.checks import check
from domain.context import current_vault
from domain.db import db, utc_now
from domain.orders import Attempt, AttemptState, Order, Stage, StageState, Work
from domain.provider_configs import Reason, Status, live_place
from domain.retrying import retry_by_hand
from domain.section_changes import clear_section
from domain.stages import LEASE
from domain.vault import Unreadable
from providers.base import JobStatus
from providers.errors import Unavailable
from providers.kinds import ProviderKind, StageType
from providers.registry import JOB_ADAPTERS
from tests.builders import make_due, place_order, run, save_section, section, stage_of
from tests.emulator.jobs import JobRoom
from tests.emulator.server import Emulator

SONG, CLIP = StageType.SONG, StageType.CLIP
KINDS = {SONG: ProviderKind.SUNO, CLIP: ProviderKind.PIKA}
SUBMIT_ROUTES = {SONG: "generate", CLIP: "submit"}
LOOK_ROUTES = {SONG: "record", CLIP: "job"}
KEY = "fake-key-first-0123456789-a1b2"
OTHER_KEY = "fake-key-other-0123456789-c3d4"
POEM = "Море шумит, и Анна поёт,\nсолнце встаёт над водой."


def room_of(emulator: Emulator, stage_type: StageType) -> JobRoom:
    room = emulator.rooms[KINDS[stage_type]]
    assert isinstance(room, JobRoom)
    return room


@pytest.fixture(params=[SONG, CLIP])
def stage_type(request: pytest.FixtureRequest) -> StageType:
    return StageType(request.param)


@pytest.fixture(autouse=True)
def working(emulator: Emulator) -> None:
    """Both sections work, and jobs are done at once."""
    for each, kind in KINDS.items():
        room = room_of(emulator, each)
        room.job_seconds = 0.001
        room.add_key("first", KEY)
        room.add_key("other", OTHER_KEY)
        save_section(each, kind, api_key=KEY)
        check(each)
        assert section(each).status is Status.ACTIVE


@pytest.fixture
def order(stage_type: StageType) -> Order:
    return place_order(frozenset({stage_type}), poem=POEM)


def look(order: Order, stage_type: StageType) -> polling.Polled:
    """Let the time of the next look come, and look."""
    stage = stage_of(order, stage_type)
    stage.due_at = utc_now()
    db.session.commit()
    return polling.poll_due(utc_now())


def attempts_of(order: Order, stage_type: StageType) -> list[Attempt]:
    stage_id = stage_of(order, stage_type).id
    return list(db.session.scalars(select(Attempt).where(Attempt.stage_id == stage_id).order_by(Attempt.number)))


def charges(emulator: Emulator) -> int:
    return len(emulator.ledger)


def killed_after_the_submit(order: Order, stage_type: StageType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies between the provider's answer and the storing of the job's id."""

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("domain.submissions._store_ticket", die)
        with pytest.raises(Killed):
            run(order, stage_type)
    db.session.rollback()


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
    path = works.path_of(work)
    assert path is not None
    assert work.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert work.content_type.split("/")[0] == {SONG: "audio", CLIP: "video"}[stage_type]
    [attempt] = attempts_of(order, stage_type)
    assert (attempt.state, attempt.api_key_encrypted) == (AttemptState.ANSWERED, None)
    assert charges(emulator) == 1
    found = order_lists.find(order.id)
    assert found is not None
    assert found.state.value == "done"


def test_a_job_that_still_runs_is_asked_about_later_and_less_and_less_often(
    order: Order, stage_type: StageType, emulator: Emulator
) -> None:
    room_of(emulator, stage_type).pinned = 0.1
    run(order, stage_type)
    waits = []
    for _ in range(5):
        now = utc_now()
        look(order, stage_type)
        stage = stage_of(order, stage_type)
        assert stage.state is StageState.SUBMITTED
        waits.append(round((stage.due_at - now).total_seconds()))

    for wait, interval in zip(waits, (5, 10, 20, 30, 30), strict=True):
        assert 0.75 * interval <= wait <= 1.25 * interval


def test_only_jobs_that_are_due_are_asked_about(order: Order, stage_type: StageType, emulator: Emulator) -> None:
    run(order, stage_type)

    polling.poll_due(utc_now())

    assert stage_of(order, stage_type).state is StageState.SUBMITTED
    assert [call for call in emulator.requests if call.route == LOOK_ROUTES[stage_type]] == []


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


def test_a_removed_key_does_not_stop_a_job_that_runs(order: Order, stage_type: StageType) -> None:
    run(order, stage_type)
    clear_section(stage_type, "admin")

    look(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.DONE


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


@pytest.mark.parametrize("fault", [{"cut": True}, {"status": 200, "body": "<html>"}, {"status": 500}])
def test_a_song_whose_submit_was_not_answered_is_never_ordered_again_by_itself(
    emulator: Emulator, fault: dict[str, object]
) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.fail("generate", **fault)

    run(order, SONG)

    assert (stage_of(order, SONG).state, stage_of(order, SONG).reason) == (StageState.ATTENTION, "answer_lost")
    recovery.sweep(utc_now() + timedelta(hours=2))
    polling.poll_due(utc_now() + timedelta(hours=2))
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

    recovery.sweep(utc_now() + LEASE * 2)
    assert stage_of(order, CLIP).state is StageState.UNCERTAIN
    look(order, CLIP)
    look(order, CLIP)

    assert (stage_of(order, CLIP).state, charges(emulator)) == (StageState.DONE, 1)


def test_a_worker_killed_between_submit_and_job_id_leaves_a_song_to_a_person_charged_once(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    killed_after_the_submit(order, SONG, monkeypatch)

    recovery.sweep(utc_now() + LEASE * 2)
    polling.poll_due(utc_now() + timedelta(hours=2))

    assert (stage_of(order, SONG).state, charges(emulator)) == (StageState.ATTENTION, 1)


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


def suno_says(job_id: str) -> dict[str, object]:
    return {"code": 200, "msg": "success", "data": {"callbackType": "complete", "task_id": job_id, "data": []}}


@pytest.fixture
def lost_song(emulator: Emulator, change_settings: Callable[..., None]) -> Order:
    """A song whose submit was taken and not answered, while we can be called back."""
    change_settings(public_url="https://gifts.example")
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.fail("generate", cut=True)
    run(order, SONG)
    assert stage_of(order, SONG).state is StageState.UNCERTAIN
    return order


def test_a_call_back_brings_the_job_of_a_lost_answer(lost_song: Order, emulator: Emulator) -> None:
    [attempt] = attempts_of(lost_song, SONG)
    [job_id] = emulator.suno.jobs

    assert callbacks.note(attempt.token, suno_says(job_id), utc_now())
    polling.poll_due(utc_now())
    look(lost_song, SONG)

    assert (stage_of(lost_song, SONG).state, charges(emulator)) == (StageState.DONE, 1)


def test_a_forged_call_back_brings_nothing(lost_song: Order, emulator: Emulator) -> None:
    [attempt] = attempts_of(lost_song, SONG)

    callbacks.note(attempt.token, suno_says("0" * 32), utc_now())
    polling.poll_due(utc_now())

    assert stage_of(lost_song, SONG).state is StageState.ATTENTION
    assert attempts_of(lost_song, SONG)[0].job_id is None


def test_a_late_call_back_still_helps_after_a_person_was_asked(lost_song: Order, emulator: Emulator) -> None:
    polling.poll_due(utc_now() + timedelta(hours=5))
    assert stage_of(lost_song, SONG).state is StageState.ATTENTION
    [attempt] = attempts_of(lost_song, SONG)
    [job_id] = emulator.suno.jobs

    callbacks.note(attempt.token, suno_says(job_id), utc_now())
    polling.poll_due(utc_now())

    assert (stage_of(lost_song, SONG).state, charges(emulator)) == (StageState.DONE, 1)


def test_the_job_of_another_order_is_not_adopted(lost_song: Order, emulator: Emulator) -> None:
    other = place_order(frozenset({SONG}), poem=POEM)
    run(other, SONG)
    [taken] = [attempt.job_id for attempt in attempts_of(other, SONG)]
    [attempt] = attempts_of(lost_song, SONG)

    callbacks.note(attempt.token, suno_says(str(taken)), utc_now())
    polling.poll_due(utc_now())

    assert (stage_of(lost_song, SONG).state, stage_of(lost_song, SONG).reason) == (
        StageState.ATTENTION,
        "job_id_taken",
    )
    look(other, SONG)
    assert stage_of(other, SONG).state is StageState.DONE


def test_a_call_back_brings_the_next_look_forward(stage_type: StageType, order: Order) -> None:
    run(order, stage_type)
    [attempt] = attempts_of(order, stage_type)
    now = utc_now()

    assert callbacks.note(attempt.token, {"anything": ["at", "all"]}, now)
    polling.poll_due(now)

    assert stage_of(order, stage_type).state is StageState.DONE


@pytest.mark.parametrize("body", [None, [], "text", 7, {"data": {"task_id": ["x"]}}, {"data": None}])
def test_a_call_back_says_nothing_and_may_come_at_any_time(stage_type: StageType, order: Order, body: object) -> None:
    assert not callbacks.note("0" * 32, body, utc_now())
    run(order, stage_type)
    [attempt] = attempts_of(order, stage_type)
    token = attempt.token
    look(order, stage_type)
    finished_at = stage_of(order, stage_type).finished_at

    assert callbacks.note(token, body, utc_now())

    assert (stage_of(order, stage_type).state, stage_of(order, stage_type).finished_at) == (
        StageState.DONE,
        finished_at,
    )


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


def test_blocked_words_that_were_charged_fail_the_song_and_are_not_sent_again(emulator: Emulator) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.play("blocked")
    run(order, SONG)

    look(order, SONG)

    assert (stage_of(order, SONG).state, stage_of(order, SONG).reason) == (StageState.FAILED, "content_blocked")
    assert attempts_of(order, SONG)[0].api_key_encrypted is None


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


def test_a_job_that_failed_and_was_charged_is_left_to_a_person(emulator: Emulator) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.play("failed")
    run(order, SONG)

    look(order, SONG)

    assert (stage_of(order, SONG).state, stage_of(order, SONG).reason) == (StageState.FAILED, "job_failed")


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


def test_a_song_whose_call_back_failed_at_the_provider_is_there_all_the_same(emulator: Emulator) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.play("callback_exception")
    run(order, SONG)

    look(order, SONG)

    assert stage_of(order, SONG).state is StageState.DONE


def test_a_link_that_has_run_out_is_asked_for_again(stage_type: StageType, order: Order, emulator: Emulator) -> None:
    run(order, stage_type)
    emulator.rooms[KINDS[stage_type]].fail("file", status=403)

    look(order, stage_type)
    stage = stage_of(order, stage_type)
    assert (stage.state, stage.reason) == (StageState.SUBMITTED, "link_expired")
    look(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.DONE


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

    recovery.sweep(utc_now())
    assert stage_of(order, stage_type).state is StageState.SUBMITTED
    polling.poll_due(utc_now())

    assert stage_of(order, stage_type).state is StageState.DONE


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
    assert list(works.media_dir().glob(".part-*")) == []
    look(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.DONE


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


def test_the_token_is_in_the_address_that_the_provider_is_to_call(
    emulator: Emulator, change_settings: Callable[..., None]
) -> None:
    change_settings(public_url="https://gifts.example/")
    order = place_order(frozenset({SONG}), poem=POEM)

    run(order, SONG)

    [submit] = [call for call in emulator.requests if call.route == "generate"]
    [attempt] = attempts_of(order, SONG)
    assert submit.body["callBackUrl"] == f"https://gifts.example/callbacks/{attempt.token}"
