"""What a worker or a provider brings for an order that was erased meanwhile: charged, counted, and never stored."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from domain import quotas
from domain.db import db, utc_now
from domain.generation import callbacks, outcomes, poll, submit
from domain.orders import erasure, works
from domain.orders.models import Attempt, AttemptState, Order, StageReason, StageState, Work
from providers.base import GenerationResult
from providers.kinds import ProviderKind, StageType
from settings import current_settings
from tests.builders import claimed, place_order, run, stage_of, working_section
from tests.domain.generation.jobs.job_orders import attempts_of, charges, look, room_of
from tests.emulated_sections import PAID_ROUTES, order_of, works_with
from tests.emulator.server import Emulator
from tests.stopped_clock import StoppedClock

POEM, VOICE, SONG, CLIP = StageType


def erase(order: Order | int) -> None:
    """Ask for it, and let the sweep come by."""
    erasure.request(order if isinstance(order, int) else order.id, "admin", utc_now())
    erasure.go_on(utc_now())


def media() -> list[str]:
    folder = current_settings().media_dir
    assert folder is not None
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def stored_works() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Work)) or 0


def attempt_of(order: Order, stage_type: StageType) -> Attempt:
    [attempt] = attempts_of(order, stage_type)
    return attempt


def meanwhile(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Callable[[], None]) -> None:
    """Let ``act`` happen as soon as somebody calls ``name``, once."""
    real = getattr(module, name)

    def first_act(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(module, name, real)
        act()
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, first_act)


@pytest.mark.parametrize("stage_type", [POEM, VOICE])
def test_an_answer_that_comes_after_the_erasure_is_counted_and_not_stored(
    stage_type: StageType, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = works_with(stage_type, emulator)
    order = order_of(stage_type)
    meanwhile(monkeypatch, works, "store", lambda: erase(order))

    run(order, stage_type)

    assert len(emulator.ledger) == before + 1
    assert (stored_works(), media()) == (0, [])
    stage, attempt = stage_of(order, stage_type), attempt_of(order, stage_type)
    assert (stage.state, stage.reason, stage.detail) == (StageState.FAILED, StageReason.ERASED, "")
    assert (attempt.state, attempt.code) == (AttemptState.ANSWERED, None)
    assert attempt.usage != {}


def test_a_refusal_that_comes_after_the_erasure_says_nothing_in_the_row(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    works_with(POEM, emulator)
    order = order_of(POEM)
    for route in PAID_ROUTES[POEM]:
        emulator.openai.fail(route, status=400, body={"error": {"code": "bad_words", "message": "Анна"}})
    meanwhile(monkeypatch, outcomes, "record_error", lambda: erase(order))

    run(order)

    assert (stage_of(order).reason, stage_of(order).detail) == (StageReason.ERASED, "")
    assert attempt_of(order, POEM).state is AttemptState.REFUSED


def test_a_worker_that_dies_in_its_call_leaves_an_attempt_that_ends_as_lost(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, clock: StoppedClock
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    works_with(VOICE, emulator)
    order = order_of(VOICE)
    with monkeypatch.context() as patch:
        patch.setattr(works, "store", die)
        with pytest.raises(Killed):
            run(order, VOICE)
    db.session.rollback()
    erase(order)
    assert attempt_of(order, VOICE).state is AttemptState.OPEN

    clock.shift(60)
    erasure.go_on(utc_now())

    attempt = attempt_of(order, VOICE)
    assert (attempt.state, attempt.code, attempt.api_key_encrypted) == (AttemptState.LOST, StageReason.ERASED, None)


def test_a_file_that_a_dead_worker_left_after_the_erasure_is_removed_a_day_later(clock: StoppedClock) -> None:
    order = place_order(frozenset({VOICE}), poem="Море")
    claim = claimed(stage_of(order, VOICE).id)
    erase(order)
    works.store(stage_of(order, VOICE).id, claim, GenerationResult("m", media=b"RIFF", content_type="audio/wav"))

    clock.shift(erasure.LATE_WORKERS)
    erasure.go_on(utc_now())

    assert media() == []
    assert db.session.get_one(Order, order.id).erase_due_at is None


def test_files_that_nobody_names_go_with_the_order(clock: StoppedClock) -> None:
    order, other = (place_order(frozenset({VOICE}), poem="Море") for _ in range(2))
    stage_id, other_id = stage_of(order, VOICE).id, stage_of(other, VOICE).id
    folder = current_settings().media_dir
    assert folder is not None
    folder.mkdir(exist_ok=True)
    for name in (f"{stage_id}-1.mp3", f"{stage_id}-7.wav", f".part-{stage_id}-abc", f"{stage_id}1-1.mp3"):
        (folder / name).write_bytes(b"RIFF")
    (folder / f"{other_id}-1.mp3").write_bytes(b"RIFF")

    erase(order)

    assert media() == sorted([f"{stage_id}1-1.mp3", f"{other_id}-1.mp3"])


def submitted(stage_type: StageType, emulator: Emulator, seconds: float) -> Order:
    works_with(stage_type, emulator)
    room_of(emulator, stage_type).job_seconds = seconds
    order = order_of(stage_type)
    run(order, stage_type)
    assert stage_of(order, stage_type).state is StageState.SUBMITTED
    return order


@pytest.mark.parametrize("stage_type", [SONG, CLIP])
def test_a_job_of_an_erased_order_is_asked_about_no_more_and_counts_until_it_must_have_ended(
    stage_type: StageType, emulator: Emulator, clock: StoppedClock
) -> None:
    order = submitted(stage_type, emulator, 1e-6)
    paid = charges(emulator)

    erase(order)
    look(order, stage_type)

    assert (charges(emulator), stored_works(), media()) == (paid, 0, [])
    attempt = attempt_of(order, stage_type)
    assert attempt.state is AttemptState.ACCEPTED
    assert attempt.deadline_at is not None
    clock.move_to(attempt.deadline_at)
    erasure.go_on(utc_now())
    attempt = attempt_of(order, stage_type)
    assert (attempt.state, attempt.code, attempt.api_key_encrypted) == (AttemptState.LOST, StageReason.ERASED, None)


def test_a_job_of_an_erased_order_has_its_place_among_those_of_its_provider(
    emulator: Emulator, clock: StoppedClock
) -> None:
    order = submitted(CLIP, emulator, 3600)

    erase(order)

    used = {use.of: use.used for use in quotas.usage(utc_now()) if use.provider_kind is ProviderKind.PIKA}
    assert used["jobs"] == 1


def test_a_call_back_about_an_erased_order_moves_nothing(emulator: Emulator) -> None:
    order = submitted(SONG, emulator, 1e-6)
    token = attempt_of(order, SONG).token
    erase(order)

    assert callbacks.note(token, {"data": {"task_id": "x"}}, utc_now()) is callbacks.Heard.NOTHING_NEW

    assert stage_of(order, SONG).state is StageState.FAILED


@pytest.mark.parametrize("stage_type", [SONG, CLIP])
def test_a_download_that_ends_after_the_erasure_leaves_no_file(
    stage_type: StageType, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = submitted(stage_type, emulator, 1e-6)
    order_id = order.id
    meanwhile(monkeypatch, works, "store_download", lambda: erase(order_id))

    look(order, stage_type)

    assert (stored_works(), media()) == (0, [])
    assert attempt_of(order, stage_type).state is AttemptState.ANSWERED


def test_a_submit_that_is_answered_after_the_erasure_is_written_down(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    works_with(SONG, emulator)
    order = order_of(SONG)
    meanwhile(monkeypatch, submit, "store_ticket", lambda: erase(order))

    run(order, SONG)

    attempt = attempt_of(order, SONG)
    assert attempt.job_id is not None
    assert stage_of(order, SONG).state is StageState.FAILED


def test_a_submit_whose_answer_was_lost_is_not_repeated_for_an_erased_order(
    emulator: Emulator, clock: StoppedClock
) -> None:
    works_with(CLIP, emulator)
    order = order_of(CLIP)
    emulator.pika.fail("submit", cut=True)
    run(order, CLIP)
    assert stage_of(order, CLIP).state is StageState.UNCERTAIN
    paid = charges(emulator)
    erase(order)

    clock.shift(timedelta(hours=2))
    poll.poll_due(utc_now())

    assert charges(emulator) == paid
    erasure.go_on(utc_now())
    assert attempt_of(order, CLIP).state is AttemptState.LOST


def test_a_work_whose_commit_was_not_confirmed_keeps_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time the stage is done already, by the very same work."""
    working_section(VOICE)
    order = place_order(frozenset({VOICE}), poem="Море")
    commit = db.session.commit
    broken: list[str] = []

    def commit_and_break() -> None:
        commit()
        if not broken and stored_works():
            broken.append("once")
            raise OperationalError("commit", {}, Exception("connection lost"))

    monkeypatch.setattr(db.session, "commit", commit_and_break)
    run(order, VOICE)

    work = stage_of(order, VOICE).work
    assert work is not None
    assert (broken, media()) == (["once"], [work.file_name])
