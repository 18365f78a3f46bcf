"""What providers call about: a hint, confirmed before it is believed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from domain.db import db, utc_now
from domain.generation import callbacks, poll
from domain.generation.callbacks import Heard
from domain.orders import stages
from domain.orders.models import Attempt, AttemptState, Order, StageState
from providers.base import GenerationRequest, Ticket
from providers.kinds import ProviderKind, StageType
from providers.registry import JOB_ADAPTERS
from tests.builders import place_order, run, set_state, stage_of
from tests.database_kinds import on_one_database
from tests.domain.generation.jobs.job_orders import POEM, SONG, attempts_of, charges, look, suno_says
from tests.domain.row_changes import changes_of
from tests.emulator.server import Emulator
from tests.stopped_clock import StoppedClock


def test_a_call_back_brings_the_job_of_a_lost_answer(lost_song: Order, emulator: Emulator) -> None:
    [attempt] = attempts_of(lost_song, SONG)
    [job_id] = emulator.suno.jobs

    assert callbacks.note(attempt.token, suno_says(job_id), utc_now()) is Heard.LOOK_NOW
    poll.poll_due(utc_now())
    look(lost_song, SONG)

    assert (stage_of(lost_song, SONG).state, charges(emulator)) == (StageState.DONE, 1)


@on_one_database
def test_a_forged_call_back_brings_nothing(lost_song: Order, emulator: Emulator) -> None:
    [attempt] = attempts_of(lost_song, SONG)

    callbacks.note(attempt.token, suno_says("0" * 32), utc_now())
    poll.poll_due(utc_now())

    assert stage_of(lost_song, SONG).state is StageState.ATTENTION
    assert attempts_of(lost_song, SONG)[0].job_id is None


@on_one_database
def test_a_late_call_back_still_helps_after_a_person_was_asked(lost_song: Order, emulator: Emulator) -> None:
    poll.poll_due(utc_now() + timedelta(hours=5))
    assert stage_of(lost_song, SONG).state is StageState.ATTENTION
    [attempt] = attempts_of(lost_song, SONG)
    [job_id] = emulator.suno.jobs

    callbacks.note(attempt.token, suno_says(job_id), utc_now())
    poll.poll_due(utc_now())

    assert (stage_of(lost_song, SONG).state, charges(emulator)) == (StageState.DONE, 1)


def test_the_job_of_another_order_is_not_adopted(lost_song: Order, emulator: Emulator) -> None:
    other = place_order(frozenset({SONG}), poem=POEM)
    run(other, SONG)
    [taken] = [attempt.job_id for attempt in attempts_of(other, SONG)]
    [attempt] = attempts_of(lost_song, SONG)

    callbacks.note(attempt.token, suno_says(str(taken)), utc_now())
    poll.poll_due(utc_now())

    assert (stage_of(lost_song, SONG).state, stage_of(lost_song, SONG).reason) == (
        StageState.ATTENTION,
        "job_id_taken",
    )
    look(other, SONG)
    assert stage_of(other, SONG).state is StageState.DONE


@on_one_database
def test_a_call_back_brings_the_next_look_forward(stage_type: StageType, order: Order) -> None:
    run(order, stage_type)
    [attempt] = attempts_of(order, stage_type)
    now = utc_now()

    assert callbacks.note(attempt.token, {"anything": ["at", "all"]}, now) is Heard.LOOK_NOW
    poll.poll_due(now)

    assert stage_of(order, stage_type).state is StageState.DONE


def test_a_call_back_that_comes_while_the_job_is_looked_at_asks_for_another_look(
    emulator: Emulator, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.suno.job_seconds = 600
    order = place_order(frozenset({SONG}), poem=POEM)
    run(order, SONG)
    [attempt] = attempts_of(order, SONG)
    token = attempt.token
    settle = poll._settle

    def called_meanwhile(*args: Any) -> StageType | None:
        clock.shift(1)
        callbacks.note(token, {}, utc_now())
        return settle(*args)

    with monkeypatch.context() as patch:
        patch.setattr(poll, "_settle", called_meanwhile)
        look(order, SONG)

    assert stage_of(order, SONG).due_at <= utc_now()


@on_one_database
def test_a_call_back_that_only_says_that_the_job_goes_on_costs_no_look(emulator: Emulator) -> None:
    order = place_order(frozenset({SONG}), poem=POEM)
    run(order, SONG)
    [attempt] = attempts_of(order, SONG)
    now = utc_now()

    for callback_type in ("text", "first"):
        looks = sum(request.route == "record" for request in emulator.requests)
        body = {"data": {"callbackType": callback_type, "task_id": attempt.job_id}}
        says_more = Heard.LOOK_NOW if callback_type == "first" else Heard.NOTHING_NEW
        assert callbacks.note(attempt.token, body, now) is says_more
        poll.poll_due(now)
        assert sum(request.route == "record" for request in emulator.requests) == looks + (callback_type == "first")

    assert stage_of(order, SONG).state is StageState.DONE


@on_one_database
@pytest.mark.parametrize("body", [None, [], "text", 7, {"data": {"task_id": ["x"]}}, {"data": None}])
def test_a_call_back_says_nothing_and_may_come_at_any_time(stage_type: StageType, order: Order, body: object) -> None:
    assert callbacks.note("0" * 32, body, utc_now()) is Heard.NOBODYS
    run(order, stage_type)
    [attempt] = attempts_of(order, stage_type)
    token = attempt.token
    look(order, stage_type)
    finished_at = stage_of(order, stage_type).finished_at

    assert callbacks.note(token, body, utc_now()) is Heard.NOTHING_NEW

    assert (stage_of(order, stage_type).state, stage_of(order, stage_type).finished_at) == (
        StageState.DONE,
        finished_at,
    )


@on_one_database
def test_the_token_is_in_the_address_that_the_provider_is_to_call(
    emulator: Emulator, change_settings: Callable[..., None]
) -> None:
    change_settings(public_url="https://gifts.example/")
    order = place_order(frozenset({SONG}), poem=POEM)

    run(order, SONG)

    [submit] = [call for call in emulator.requests if call.route == "generate"]
    [attempt] = attempts_of(order, SONG)
    assert submit.body["callBackUrl"] == f"https://gifts.example/callbacks/{attempt.token}"


@on_one_database
def test_a_call_back_moves_nothing_but_the_time_of_the_next_look(order: Order, stage_type: StageType) -> None:
    run(order, stage_type)
    other = place_order(frozenset({stage_type}), poem=POEM)
    run(other, stage_type)
    [attempt] = attempts_of(order, stage_type)
    now = utc_now()

    with changes_of(order, stage_type) as changed, changes_of(other, stage_type) as of_other:
        assert callbacks.note(attempt.token, {}, now) is Heard.LOOK_NOW

    assert (changed, of_other) == ({"due_at": now}, {})


@on_one_database
def test_a_call_back_about_a_job_that_is_being_fetched_says_nothing_new(order: Order, stage_type: StageType) -> None:
    run(order, stage_type)
    set_state(order.id, stage_type, StageState.FETCHING)
    [attempt] = attempts_of(order, stage_type)

    with changes_of(order, stage_type) as changed:
        assert callbacks.note(attempt.token, {}, utc_now()) is Heard.NOTHING_NEW

    assert changed == {}


@on_one_database
@pytest.mark.parametrize("state", [StageState.UNCERTAIN, StageState.ATTENTION])
def test_a_named_job_is_kept_until_it_is_confirmed(lost_song: Order, state: StageState, clock: StoppedClock) -> None:
    set_state(lost_song.id, SONG, state)
    [attempt] = attempts_of(lost_song, SONG)
    clock.shift(7)

    with changes_of(lost_song, SONG) as changed:
        assert callbacks.note(attempt.token, suno_says("named"), utc_now()) is Heard.LOOK_NOW

    moved = {} if state is StageState.UNCERTAIN else {"state": StageState.UNCERTAIN}
    assert changed == {"due_at": utc_now(), **moved}
    [attempt] = attempts_of(lost_song, SONG)
    assert (attempt.hinted_job_id, attempt.job_id, attempt.state) == ("named", None, AttemptState.UNCERTAIN)


@on_one_database
def test_a_call_back_that_names_no_job_does_not_forget_the_one_that_was_named(lost_song: Order) -> None:
    [attempt] = attempts_of(lost_song, SONG)
    token = attempt.token
    assert callbacks.note(token, {}, utc_now()) is Heard.NOTHING_NEW
    callbacks.note(token, suno_says("named"), utc_now())

    assert callbacks.note(token, {}, utc_now()) is Heard.LOOK_NOW

    assert attempts_of(lost_song, SONG)[0].hinted_job_id == "named"


@on_one_database
def test_a_job_that_is_named_while_it_is_handed_over_is_remembered_and_moves_nothing(
    order: Order, stage_type: StageType
) -> None:
    run(order, stage_type)
    set_state(order.id, stage_type, StageState.RUNNING)
    [attempt] = attempts_of(order, stage_type)
    attempt.state, attempt.job_id = AttemptState.OPEN, None
    db.session.commit()

    with changes_of(order, stage_type) as changed:
        assert callbacks.note(attempt.token, suno_says("named"), utc_now()) is Heard.NOTHING_NEW

    assert changed == {}
    named = "named" if stage_type is SONG else None
    assert attempts_of(order, stage_type)[0].hinted_job_id == named


@on_one_database
def test_a_job_that_was_named_before_its_submit_lost_its_answer_is_confirmed_at_once(
    emulator: Emulator, change_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(public_url="https://gifts.example")
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.fail("generate", cut=True)
    adapter = JOB_ADAPTERS[ProviderKind.SUNO]
    submit = adapter.submit

    def submit_and_be_called(provider: Any, request: GenerationRequest) -> Ticket:
        try:
            return submit(provider, request)
        finally:
            [job_id] = emulator.suno.jobs
            callbacks.note(request.token, suno_says(job_id), utc_now())

    monkeypatch.setattr(adapter, "submit", submit_and_be_called)
    run(order, SONG)
    assert stage_of(order, SONG).state is StageState.UNCERTAIN
    poll.poll_due(utc_now())

    assert (stage_of(order, SONG).state, charges(emulator)) == (StageState.DONE, 1)


@on_one_database
@pytest.mark.parametrize(
    ("state", "callback_type", "heard"),
    [
        (AttemptState.ACCEPTED, "complete", Heard.LOOK_NOW),
        (AttemptState.ACCEPTED, "text", Heard.NOTHING_NEW),
        (AttemptState.LOST, "complete", Heard.NOTHING_NEW),
    ],
)
def test_what_became_of_an_attempt_while_the_order_was_waited_for_counts(
    lost_song: Order, state: AttemptState, callback_type: str, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_state(lost_song.id, SONG, StageState.SUBMITTED)
    [attempt] = attempts_of(lost_song, SONG)
    attempt_id = attempt.id
    monkeypatch.setattr(
        stages,
        "lock_order",
        lambda _order_id: db.session.execute(update(Attempt).where(Attempt.id == attempt_id).values(state=state)),
    )

    body = {"data": {"callbackType": callback_type, "task_id": "named"}}
    assert callbacks.note(attempt.token, body, utc_now()) is heard

    assert attempts_of(lost_song, SONG)[0].hinted_job_id is None


@on_one_database
def test_a_call_back_to_an_attempt_that_was_no_job_is_nobodys(order: Order, stage_type: StageType) -> None:
    run(order, stage_type)
    [attempt] = attempts_of(order, stage_type)
    attempt.provider_kind = ProviderKind.DUMMY
    db.session.commit()

    assert callbacks.note(attempt.token, {}, utc_now()) is Heard.NOBODYS
