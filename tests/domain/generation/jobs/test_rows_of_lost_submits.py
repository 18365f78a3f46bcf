"""What is written about a submit whose answer was lost: at once, at each look into it, and when a person is asked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from domain.db import db, utc_now
from domain.generation import callbacks, poll, reconcile, submit
from domain.generation.submit import RESEND_WAITS
from domain.orders import stages
from domain.orders.leases import LEASE, Lease
from domain.orders.models import AttemptState, Order, OrderState, Stage, StageReason, StageState
from providers.base import Ticket
from providers.errors import (
    ContentBlocked,
    InvalidResponse,
    KeyRejected,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Unavailable,
)
from providers.kinds import StageType
from providers.registry import JOB_ADAPTERS, open_job_provider
from tests.builders import claimed, place_order, run, set_state, stage_of
from tests.database_kinds import on_one_database
from tests.domain.generation.jobs.job_orders import CLIP, KINDS, POEM, SONG, SUBMIT_ROUTES, attempts_of, suno_says
from tests.domain.row_changes import changes_of, columns, differences
from tests.emulator.server import Emulator
from tests.other_secret import other_secret

pytestmark = on_one_database

SECOND = timedelta(seconds=1)
LAST = len(RESEND_WAITS)
ASKED = {"state": StageState.ATTENTION, "reason": "answer_lost"}


def attempt_of(order: Order, stage_type: StageType) -> dict[str, Any]:
    [attempt] = attempts_of(order, stage_type)
    return columns(attempt)


def give_attempt(order: Order, stage_type: StageType, **values: object) -> None:
    [attempt] = attempts_of(order, stage_type)
    for name, value in values.items():
        setattr(attempt, name, value)
    db.session.commit()


def refuse(stage_type: StageType, method: str, error: ProviderError, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the provider answer so from now on."""

    def raise_it(*_: object) -> None:
        raise error

    monkeypatch.setattr(JOB_ADAPTERS[KINDS[stage_type]], method, raise_it)


@pytest.fixture
def lost_clip(emulator: Emulator) -> Order:
    """A clip whose submit was taken and not answered, and that is to be sent again now."""
    order = place_order(frozenset({CLIP}), poem=POEM)
    emulator.pika.fail("submit", cut=True)
    run(order, CLIP)
    return due(order, CLIP)


def due(order: Order, stage_type: StageType, **values: object) -> Order:
    """Let the time come to find out what became of it."""
    set_state(order.id, stage_type, StageState.UNCERTAIN, due_at=utc_now(), **values)
    return order


@pytest.mark.parametrize("error", [OutcomeUnknown, InvalidResponse])
@pytest.mark.parametrize(
    ("stage_type", "public_url", "state", "wait"),
    [
        (CLIP, "", StageState.UNCERTAIN, 5),
        (SONG, "https://gifts.example", StageState.UNCERTAIN, 1800),
        (SONG, "", StageState.ATTENTION, 0),
    ],
)
def test_a_submit_without_an_answer_is_doubted_at_once(
    order: Order,
    stage_type: StageType,
    public_url: str,
    state: StageState,
    wait: int,
    error: type[ProviderError],
    change_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change_settings(public_url=public_url)
    kind = KINDS[stage_type]
    refuse(stage_type, "submit", error(kind, "cut", request_id="req-1"), monkeypatch)
    set_state(order.id, stage_type, StageState.QUEUED, due_at=utc_now() - SECOND)

    with changes_of(order, stage_type) as changed:
        run(order, stage_type)

    doubt = {name: changed[name] for name in ("state", "reason", "due_at", "lost_answers")}
    assert doubt == {"state": state, "reason": "answer_lost", "due_at": utc_now() + wait * SECOND, "lost_answers": 1}
    assert "lease_until" not in changed
    attempt = attempt_of(order, stage_type)
    assert (attempt["state"], attempt["code"]) == (AttemptState.UNCERTAIN, error.code)
    assert (attempt["ended_at"], attempt["provider_request_id"]) == (utc_now(), "req-1")
    assert attempt["api_key_encrypted"]


@pytest.mark.parametrize("losses", range(1, LAST))
def test_a_clip_is_sent_again_after_growing_waits(
    lost_clip: Order, losses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    due(lost_clip, CLIP, lost_answers=losses, reason=None)
    refuse(CLIP, "submit", OutcomeUnknown(KINDS[CLIP], "cut"), monkeypatch)

    with changes_of(lost_clip, CLIP) as changed:
        assert reconcile.resolve_due(utc_now()) == []

    wait = {"due_at": utc_now() + RESEND_WAITS[losses], "lost_answers": losses + 1}
    assert changed == {"claim": 2, "reason": "answer_lost", **wait}


@pytest.mark.parametrize("error", [OutcomeUnknown, InvalidResponse, Unavailable, RateLimited])
def test_after_the_last_wait_a_person_decides(
    lost_clip: Order, error: type[ProviderError], monkeypatch: pytest.MonkeyPatch
) -> None:
    due(lost_clip, CLIP, lost_answers=LAST, reason=None)
    refuse(CLIP, "submit", error(KINDS[CLIP]), monkeypatch)

    with changes_of(lost_clip, CLIP) as changed:
        reconcile.resolve_due(utc_now())

    assert changed == {"claim": 2, **ASKED}
    assert stage_of(lost_clip, CLIP).order.state is OrderState.ATTENTION


def test_a_clip_that_is_refused_as_it_is_sent_again_has_not_been_taken(
    lost_clip: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(CLIP, "submit", ContentBlocked(KINDS[CLIP], "words"), monkeypatch)

    with changes_of(lost_clip, CLIP) as changed:
        assert reconcile.resolve_due(utc_now()) == []

    ended = {"state": StageState.FAILED, "reason": "content_blocked", "detail": "words", "finished_at": utc_now()}
    assert changed == {"claim": 2, **ended}
    assert attempt_of(lost_clip, CLIP)["state"] is AttemptState.REFUSED


def test_a_key_that_is_refused_as_a_clip_is_sent_again_is_checked(
    lost_clip: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(CLIP, "submit", KeyRejected(KINDS[CLIP]), monkeypatch)

    assert reconcile.resolve_due(utc_now()) == [CLIP]

    assert (stage_of(lost_clip, CLIP).state, stage_of(lost_clip, CLIP).reason) == (StageState.WAITING, "rejected")


def test_a_clip_that_was_sent_again_is_looked_at_as_any_other(lost_clip: Order) -> None:
    with changes_of(lost_clip, CLIP) as changed:
        reconcile.resolve_due(utc_now())

    assert changed.pop("provider_request_id") == attempt_of(lost_clip, CLIP)["provider_request_id"]
    usual = JOB_ADAPTERS[KINDS[CLIP]].usual_seconds
    submitted = {"state": StageState.SUBMITTED, "reason": None, "due_at": utc_now() + usual * SECOND}
    assert changed == {"claim": 2, **submitted}


@pytest.mark.parametrize("losses", range(LAST + 1))
def test_a_clip_whose_key_does_not_open_waits_as_long_as_for_an_answer(
    lost_clip: Order, losses: int, app: Flask
) -> None:
    due(lost_clip, CLIP, lost_answers=losses)

    with changes_of(lost_clip, CLIP) as changed, other_secret(app):
        reconcile.resolve_due(utc_now())

    if losses < LAST:
        wait = {"due_at": utc_now() + RESEND_WAITS[losses], "lost_answers": losses + 1}
        assert changed == {"claim": 2, "reason": StageReason.JOB_KEY_UNREADABLE, **wait}
    else:
        assert changed == {"claim": 2, "state": StageState.ATTENTION}
        assert stage_of(lost_clip, CLIP).reason == "answer_lost"


def test_a_song_that_nothing_has_named_is_left_to_a_person(lost_song: Order) -> None:
    due(lost_song, SONG, reason=None)

    with changes_of(lost_song, SONG) as changed:
        reconcile.resolve_due(utc_now())

    assert changed == {"claim": 2, **ASKED}


@pytest.mark.parametrize("stage_type", [SONG, CLIP])
def test_an_uncertain_stage_of_an_attempt_that_has_ended_is_left_to_a_person(
    order: Order, stage_type: StageType
) -> None:
    run(order, stage_type)
    give_attempt(order, stage_type, state=AttemptState.LOST)
    due(order, stage_type)

    with changes_of(order, stage_type) as changed:
        reconcile.resolve_due(utc_now())

    assert changed == {"claim": 2, **ASKED}


def test_a_job_that_was_named_and_is_known_is_looked_at_at_once(lost_song: Order, emulator: Emulator) -> None:
    [job_id] = emulator.suno.jobs
    give_attempt(lost_song, SONG, hinted_job_id=job_id)
    due(lost_song, SONG, passing_failures=2)

    with changes_of(lost_song, SONG) as changed:
        reconcile.resolve_due(utc_now())

    assert changed == {"claim": 2, "state": StageState.SUBMITTED, "reason": None, "passing_failures": 0}
    assert stage_of(lost_song, SONG).model
    attempt = attempt_of(lost_song, SONG)
    assert (attempt["state"], attempt["job_id"], attempt["code"]) == (AttemptState.ACCEPTED, job_id, None)


def test_a_clip_whose_job_was_named_and_is_known_is_not_sent_again(lost_clip: Order, emulator: Emulator) -> None:
    [job_id] = emulator.pika.jobs
    give_attempt(lost_clip, CLIP, hinted_job_id=job_id)

    reconcile.resolve_due(utc_now())

    assert (stage_of(lost_clip, CLIP).state, attempt_of(lost_clip, CLIP)["job_id"]) == (StageState.SUBMITTED, job_id)
    assert len([call for call in emulator.requests if call.route == SUBMIT_ROUTES[CLIP]]) == 1


@pytest.mark.parametrize(("losses", "moved"), [(1, {"due_at", "lost_answers"}), (LAST, {"state"})])
def test_a_provider_that_cannot_be_asked_about_a_named_job_is_asked_again_later(
    lost_song: Order, losses: int, moved: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    give_attempt(lost_song, SONG, hinted_job_id="named")
    due(lost_song, SONG, lost_answers=losses)
    refuse(SONG, "poll", Unavailable(KINDS[SONG]), monkeypatch)

    with changes_of(lost_song, SONG) as changed:
        reconcile.resolve_due(utc_now())

    assert changed.keys() == moved | {"claim"}
    if losses < LAST:
        assert (changed["due_at"], changed["lost_answers"]) == (utc_now() + RESEND_WAITS[losses], losses + 1)


def test_a_clip_is_sent_again_where_a_named_job_cannot_be_asked_about(
    lost_clip: Order, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_attempt(lost_clip, CLIP, hinted_job_id="named")
    refuse(CLIP, "poll", Unavailable(KINDS[CLIP]), monkeypatch)

    reconcile.resolve_due(utc_now())

    [job_id] = emulator.pika.jobs
    assert attempt_of(lost_clip, CLIP)["job_id"] == job_id


def test_a_job_that_is_named_as_a_person_is_about_to_be_asked_is_looked_into_first(
    lost_song: Order, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    [job_id] = emulator.suno.jobs
    token = attempt_of(lost_song, SONG)["token"]
    due(lost_song, SONG)

    def called_meanwhile(*args: Any) -> object:
        callbacks.note(token, suno_says(job_id), utc_now() - SECOND)
        return open_job_provider(*args)

    monkeypatch.setattr(reconcile, "open_job_provider", called_meanwhile)
    with changes_of(lost_song, SONG) as changed:
        reconcile.resolve_due(utc_now())

    assert changed == {"claim": 2}
    reconcile.resolve_due(utc_now())
    assert stage_of(lost_song, SONG).state is StageState.SUBMITTED


def test_a_named_job_that_the_provider_does_not_know_is_not_looked_into_for_ever(lost_song: Order) -> None:
    give_attempt(lost_song, SONG, hinted_job_id="0" * 32)
    due(lost_song, SONG)

    with changes_of(lost_song, SONG) as changed:
        reconcile.resolve_due(utc_now())

    assert changed == {"claim": 2, "state": StageState.ATTENTION}


def test_whoever_was_frozen_leaves_it_to_others_to_find_out(
    lost_clip: Order, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = len(emulator.requests)
    monkeypatch.setattr(Lease, "is_fresh", lambda _lease: False)

    with changes_of(lost_clip, CLIP) as changed:
        reconcile.resolve_due(utc_now())

    assert changed == {"claim": 2, "lease_until": utc_now() + LEASE}
    assert len(emulator.requests) == requests


def test_whoever_has_lost_the_stage_meanwhile_finds_out_nothing(
    lost_clip: Order, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = len(emulator.requests)
    take_due = stages.take_due

    def taken_by_another(*args: Any) -> object:
        taken = take_due(*args)
        for each in taken:
            db.session.get_one(Stage, each.id).claim += 1
        return taken

    monkeypatch.setattr(stages, "take_due", taken_by_another)
    with changes_of(lost_clip, CLIP) as changed:
        reconcile.resolve_due(utc_now())

    assert changed == {"claim": 3, "lease_until": utc_now() + LEASE}
    assert len(emulator.requests) == requests


def test_whoever_loses_the_stage_while_asking_asks_no_person(lost_song: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    due(lost_song, SONG)
    stage_id = stage_of(lost_song, SONG).id

    def taken_by_another(*args: Any) -> object:
        db.session.get_one(Stage, stage_id).claim += 1
        db.session.commit()
        return open_job_provider(*args)

    monkeypatch.setattr(reconcile, "open_job_provider", taken_by_another)
    with changes_of(lost_song, SONG) as changed:
        reconcile.resolve_due(utc_now())

    assert changed == {"claim": 3, "lease_until": utc_now() + LEASE}


def test_a_round_finds_out_about_no_more_than_a_batch(
    lost_clip: Order, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "BATCH", 1)
    other = place_order(frozenset({CLIP}), poem=POEM)
    emulator.pika.fail("submit", cut=True)
    run(other, CLIP)
    due(other, CLIP)
    set_state(lost_clip.id, CLIP, StageState.UNCERTAIN, due_at=utc_now() - SECOND)

    reconcile.resolve_due(utc_now())

    assert [stage_of(each, CLIP).state for each in (lost_clip, other)] == [StageState.SUBMITTED, StageState.UNCERTAIN]


def test_an_attempt_keeps_the_job_that_it_has(order: Order, stage_type: StageType) -> None:
    run(order, stage_type)
    [attempt] = attempts_of(order, stage_type)
    call = submit.call_of(stage_of(order, stage_type), attempt)
    assert call is not None
    assert (call.model, call.config.model) == (attempt.model, attempt.model)
    before = attempt_of(order, stage_type)

    with changes_of(order, stage_type) as changed:
        submit.store_ticket(call, Ticket("another", "m"))

    assert changed == {}
    assert differences(before, attempt_of(order, stage_type)) == {}


def test_a_job_of_an_attempt_that_was_given_up_is_written_down_and_moves_nobody(
    lost_clip: Order,
) -> None:
    [attempt] = attempts_of(lost_clip, CLIP)
    call = submit.call_of(stage_of(lost_clip, CLIP), attempt)
    assert call is not None
    give_attempt(lost_clip, CLIP, state=AttemptState.LOST)
    before = attempt_of(lost_clip, CLIP)

    with changes_of(lost_clip, CLIP) as changed:
        submit.store_ticket(call, Ticket("late", "m", "req-1"))

    assert changed == {}
    assert differences(before, attempt_of(lost_clip, CLIP)) == {
        "job_id": "late",
        "submitted_at": utc_now(),
        "provider_request_id": "req-1",
    }


def test_a_job_that_another_attempt_has_is_left_to_a_person(order: Order, stage_type: StageType) -> None:
    run(order, stage_type)
    [taken] = attempts_of(order, stage_type)
    job_id = str(taken.job_id)
    other = place_order(frozenset({stage_type}), poem=POEM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JOB_ADAPTERS[KINDS[stage_type]], "submit", lambda *_: Ticket(job_id, "m"))
        with changes_of(other, stage_type) as changed:
            run(other, stage_type)

    assert (changed["state"], changed["reason"]) == (StageState.ATTENTION, "job_id_taken")
    assert "lease_until" not in changed
    assert attempt_of(other, stage_type)["job_id"] is None


def test_a_worker_that_was_frozen_doubts_nothing_that_was_decided_since(
    order: Order, stage_type: StageType, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, order_id = KINDS[stage_type], order.id

    def answered_late(*_: object) -> None:
        set_state(order_id, stage_type, StageState.QUEUED, lease_until=None)
        claimed(stage_of(order_id, stage_type).id)
        raise OutcomeUnknown(kind, "cut")

    monkeypatch.setattr(JOB_ADAPTERS[kind], "submit", answered_late)
    run(order, stage_type)

    stage = stage_of(order, stage_type)
    assert (stage.state, stage.claim, stage.lost_answers) == (StageState.RUNNING, 2, 0)
    assert attempt_of(order, stage_type)["state"] is AttemptState.OPEN


def test_a_job_of_which_nobody_knows_by_which_settings_blames_no_section(
    order: Order, stage_type: StageType, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(order, stage_type)
    give_attempt(order, stage_type, config_version=None)
    set_state(order.id, stage_type, StageState.SUBMITTED, due_at=utc_now())
    refuse(stage_type, "poll", KeyRejected(KINDS[stage_type]), monkeypatch)

    assert poll.poll_due(utc_now()).checks == []
