"""A stage that is taken for one call: what is written before it, what the call says, and how it is given back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from domain import quotas
from domain.db import db, utc_now
from domain.generation.calls import (
    NO_ROOM_PAUSE,
    NOBODYS_URL,
    Call,
    Throttled,
    may_send,
    release_claim,
    take,
    with_first_model,
)
from domain.orders import works
from domain.orders.leases import LEASE, Lease
from domain.orders.models import Attempt, AttemptState, Order, OrderState, StageReason, StageState
from domain.quotas import Quota
from domain.secrets.context import current_vault
from domain.secrets.vault import KeyContext
from providers.base import Limits
from providers.errors import InvalidResponse
from providers.kinds import ProviderKind, StageType
from providers.registry import open_instant_provider
from tests.builders import claimed, place_order, set_state, stage_of, working_section
from tests.database_kinds import on_one_database
from tests.domain.row_changes import changes_of, columns, differences
from tests.emulated_sections import KEY, KINDS, OWN_POEM, works_with
from tests.emulator.server import Emulator
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

POEM, VOICE, SONG, CLIP = StageType
DUMMY = ProviderKind.DUMMY
SECOND = timedelta(seconds=1)


def order_of(stage_type: StageType) -> Order:
    return place_order(frozenset({stage_type}), poem=None if stage_type is POEM else OWN_POEM)


def taken(order: Order, stage_type: StageType = POEM) -> Call:
    call = take(stage_of(order, stage_type).id)
    assert isinstance(call, Call)
    return call


def attempt_of(call: Call) -> dict[str, Any]:
    db.session.rollback()
    return columns(db.session.get_one(Attempt, call.attempt_id))


def lease_of(call: Call, clock: StoppedClock) -> Lease:
    return Lease(call.id, call.claim, clock.seconds())


def running() -> dict[str, Any]:
    """What a stage has that was taken just now."""
    now = utc_now()
    return {"state": StageState.RUNNING, "claim": 1, "lease_until": now + LEASE, "started_at": now, "resolved_at": now}


def test_a_call_is_written_down_before_it_is_made(clock: StoppedClock) -> None:
    version = working_section(model="dummy-haiku").version
    order = place_order()
    clock.shift(7)

    with changes_of(order) as changed:
        call = taken(order)

    served = {"provider_kind": DUMMY, "model": "dummy-haiku", "config_version": version}
    assert changed == {**running(), "attempts": 1, **served}
    attempt = attempt_of(call)
    assert {name: attempt[name] for name in served} == served
    assert (attempt["stage_id"], attempt["number"], attempt["state"]) == (call.id, 1, AttemptState.OPEN)
    assert (attempt["token"], attempt["started_at"], attempt["api_key_encrypted"]) == (call.token, utc_now(), None)


def test_a_call_says_whose_it_is() -> None:
    working_section(model="dummy-haiku")
    order = place_order()

    call = taken(order)

    stage = stage_of(order)
    assert (call.id, call.order_id, call.stage_type, call.claim) == (stage.id, order.id, POEM, 1)
    assert (call.brief, call.poem, call.model, call.counted_at) == (order.brief, "", "dummy-haiku", None)
    assert call.facts == {
        "stage_id": stage.id,
        "stage_type": POEM,
        "provider": DUMMY,
        "model": "dummy-haiku",
        "claim": 1,
    }


@pytest.mark.parametrize("stage_type", [POEM, VOICE, SONG, CLIP])
def test_a_request_holds_what_its_work_needs(
    stage_type: StageType, emulator: Emulator, change_settings: Callable[..., None]
) -> None:
    change_settings(public_url="https://gifts.example/")
    works_with(stage_type, emulator)
    order = order_of(stage_type)

    call = taken(order, stage_type)

    request = call.request()
    assert request == call.request()
    assert (request.stage_type, request.model, request.brief) == (stage_type, call.model, order.brief)
    assert (request.token, request.poem) == (call.token, "" if stage_type is POEM else OWN_POEM)
    if stage_type is POEM:
        assert request.instructions
        assert "Анна" in request.prompt
    else:
        assert (request.instructions, request.prompt) == ("", "")
    assert request.callback_url == f"https://gifts.example/callbacks/{call.token}"
    assert call.credentials.api_key == KEY
    assert KINDS[stage_type].lower() in call.credentials.base_url


def test_a_provider_is_told_to_call_nobody_where_nobody_listens() -> None:
    working_section()

    call = taken(place_order())

    assert call.request().callback_url == f"{NOBODYS_URL}/callbacks/{call.token}"


def test_a_job_keeps_the_key_that_it_is_handed_over_with_sealed_for_itself(emulator: Emulator) -> None:
    works_with(SONG, emulator)

    call = taken(order_of(SONG), SONG)

    sealed = attempt_of(call)["api_key_encrypted"]
    assert current_vault().open(sealed, KeyContext(SONG, ProviderKind.SUNO, "job")) == KEY


def test_a_second_attempt_has_the_next_number() -> None:
    working_section()
    order = place_order()
    release_claim(taken(order))

    assert attempt_of(taken(order))["number"] == 2


def test_there_is_nothing_to_call_for_a_stage_that_another_has() -> None:
    working_section()
    order = place_order()
    claimed(stage_of(order).id)

    assert take(stage_of(order).id) is None


def test_a_stage_whose_poem_is_gone_is_blocked_until_there_is_one() -> None:
    working_section(VOICE)
    order = place_order(frozenset({POEM, VOICE}))
    set_state(order.id, VOICE, StageState.QUEUED)

    with changes_of(order, VOICE) as changed:
        assert take(stage_of(order, VOICE).id) is None

    expected = running() | {"state": StageState.BLOCKED, "reason": "no_poem"}
    del expected["lease_until"]
    assert changed == expected


@pytest.mark.parametrize("seconds_waited", [0, 5])
def test_a_stage_whose_section_does_not_work_waits_since_it_did_so_first(
    seconds_waited: int, clock: StoppedClock
) -> None:
    order = place_order()
    since = utc_now()
    set_state(order.id, POEM, StageState.QUEUED, config_version=3, waiting_since=since if seconds_waited else None)
    clock.shift(seconds_waited)

    with changes_of(order) as changed:
        assert take(stage_of(order).id) is None

    assert stage_of(order).waiting_since == since
    changed.pop("waiting_since", None)
    expected = running() | {"state": StageState.WAITING, "reason": "not_configured", "config_version": None}
    del expected["lease_until"]
    assert changed == expected
    assert stage_of(order).order.state is OrderState.WAITING


def test_what_cannot_be_kept_is_not_begun_and_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    working_section(VOICE)
    order = order_of(VOICE)
    monkeypatch.setattr(works, "can_be_kept", lambda: False)
    monkeypatch.setattr("domain.generation.retries.random.uniform", lambda least, most: (least + most) / 2)

    with changes_of(order, VOICE) as changed:
        assert take(stage_of(order, VOICE).id) is None

    again = {"state": StageState.QUEUED, "reason": "storage_full", "due_at": utc_now() + NO_ROOM_PAUSE}
    expected = running() | again | {"published_at": None}
    del expected["lease_until"]
    del expected["state"]
    assert changed == expected


def test_a_stage_that_is_held_is_told_of_when_its_provider_takes_more(emulator: Emulator, clock: StoppedClock) -> None:
    works_with(SONG, emulator)
    order = order_of(SONG)
    quotas.close(ProviderKind.SUNO, 30, utc_now())
    db.session.commit()
    clock.shift(7)

    with changes_of(order, SONG) as changed:
        assert take(stage_of(order, SONG).id) == Throttled(utc_now() + 23 * SECOND)

    now = utc_now()
    held = {"reason": StageReason.THROTTLED, "due_at": now, "published_at": None, "provider_kind": ProviderKind.SUNO}
    assert changed == {"claim": 1, "started_at": now, "resolved_at": now, **held}


@pytest.mark.parametrize("state", [StageState.RUNNING, StageState.UNCERTAIN, StageState.ATTENTION])
@pytest.mark.parametrize("attempt", [AttemptState.OPEN, AttemptState.UNCERTAIN])
def test_what_was_not_sent_is_given_back_as_if_it_had_not_been_taken(
    state: StageState, attempt: AttemptState, emulator: Emulator, clock: StoppedClock
) -> None:
    works_with(SONG, emulator)
    order = order_of(SONG)
    call = taken(order, SONG)
    set_state(order.id, SONG, state, reason="answer_lost")
    db.session.get_one(Attempt, call.attempt_id).state = attempt
    db.session.commit()
    before = attempt_of(call)
    clock.shift(7)

    with changes_of(order, SONG) as changed:
        release_claim(call)

    again = {"state": StageState.QUEUED, "lease_until": None, "due_at": utc_now(), "published_at": None}
    assert changed == {"reason": None, **again}
    assert differences(before, attempt_of(call)) == {
        "state": AttemptState.REFUSED,
        "code": "not_sent",
        "ended_at": utc_now(),
        "api_key_encrypted": None,
    }


def test_nothing_is_given_back_that_another_has_taken_since(emulator: Emulator) -> None:
    works_with(SONG, emulator)
    order = order_of(SONG)
    call = taken(order, SONG)
    set_state(order.id, SONG, StageState.RUNNING, claim=2)
    before = attempt_of(call)

    with changes_of(order, SONG) as changed:
        release_claim(call)

    assert (changed, differences(before, attempt_of(call))) == ({}, {})


def test_an_attempt_that_was_given_up_stays_the_loss_that_it_was() -> None:
    working_section()
    order = place_order()
    call = taken(order)
    db.session.get_one(Attempt, call.attempt_id).state = AttemptState.LOST
    db.session.commit()
    before = attempt_of(call)

    release_claim(call)

    assert stage_of(order).state is StageState.QUEUED
    assert differences(before, attempt_of(call)) == {}


def test_a_call_that_is_fresh_may_leave_and_one_that_is_not_may_not(clock: StoppedClock) -> None:
    working_section()
    call = taken(place_order())
    lease = lease_of(call, clock)

    assert may_send(call, lease)
    assert not may_send(replace(call, model=""), lease)
    clock.shift(LEASE.total_seconds() / 2)
    assert not may_send(call, lease)


def test_a_call_may_not_leave_whose_lease_ran_out_as_it_was_counted(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    working_section()
    call = taken(place_order())
    monkeypatch.setattr(quotas, "leave", lambda *_: clock.shift(LEASE))

    assert not may_send(call, lease_of(call, clock))


def test_a_call_that_leaves_late_is_counted_for_when_it_leaves(
    emulator: Emulator, clock: StoppedClock, change_settings: Callable[..., None]
) -> None:
    works_with(SONG, emulator)
    change_settings(provider_limits={ProviderKind.SUNO: Limits(calls=20, seconds=10)})
    clock.shift(60)
    call = taken(order_of(SONG), SONG)
    assert call.counted_at == utc_now().timestamp()
    clock.shift(2)

    assert may_send(call, lease_of(call, clock))

    assert db.session.get_one(Quota, ProviderKind.SUNO).calls == [utc_now().timestamp()]


@pytest.fixture
def from_the_environment(emulator: Emulator, change_settings: Callable[..., None]) -> Call:
    """The call of a poem by a key that names no model."""
    emulator.openai.add_key("environment", KEY)
    change_settings(openai_api_key=SecretStr(KEY))
    return taken(place_order())


def test_a_key_from_the_environment_takes_the_first_model_of_its_list(
    from_the_environment: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = from_the_environment
    assert (call.model, call.attempt_id, call.token) == ("", 0, "")
    provider = open_instant_provider(ProviderKind.OPENAI, call.credentials)

    monkeypatch.setattr(type(provider), "list_models", lambda _provider, stage: (f"first for {stage}", "second"))
    with_model = with_first_model(call, provider)

    assert with_model.model == "first for POEM"
    assert attempt_of(with_model)["model"] == with_model.model
    assert stage_of(call.order_id).model == with_model.model


def test_an_empty_list_of_models_is_an_answer_that_nobody_can_read(
    from_the_environment: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = open_instant_provider(ProviderKind.OPENAI, from_the_environment.credentials)
    monkeypatch.setattr(type(provider), "list_models", lambda *_: ())

    with pytest.raises(InvalidResponse) as raised:
        with_first_model(from_the_environment, provider)

    assert (raised.value.kind, raised.value.detail) == (ProviderKind.OPENAI, "empty list")


def test_a_call_whose_stage_was_taken_away_gets_no_model(from_the_environment: Call) -> None:
    call = from_the_environment
    set_state(call.order_id, POEM, StageState.RUNNING, claim=2)
    provider = open_instant_provider(ProviderKind.OPENAI, call.credentials)

    assert with_first_model(call, provider) == call
    assert db.session.query(Attempt).count() == 0


@pytest.fixture
def break_after_the_next_commit(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the connection break as soon as the next transaction was kept."""
    commit = db.session.commit

    def keep_and_break() -> None:
        monkeypatch.setattr(db.session, "commit", commit)
        commit()
        raise OperationalError("COMMIT", {}, Exception("server closed the connection"))

    return lambda: monkeypatch.setattr(db.session, "commit", keep_and_break)


def test_a_call_that_may_have_been_kept_as_the_database_broke_is_given_back(
    break_after_the_next_commit: Callable[[], None],
) -> None:
    working_section()
    order = place_order()
    stage_id = stage_of(order).id

    break_after_the_next_commit()
    with pytest.raises(OperationalError):
        take(stage_id)

    assert stage_of(order).state is StageState.QUEUED
    assert db.session.scalars(db.select(Attempt.code)).all() == ["not_sent"]


def test_a_call_that_has_got_its_model_is_given_back_in_the_same_way(
    from_the_environment: Call, break_after_the_next_commit: Callable[[], None]
) -> None:
    provider = open_instant_provider(ProviderKind.OPENAI, from_the_environment.credentials)

    break_after_the_next_commit()
    with pytest.raises(OperationalError):
        with_first_model(from_the_environment, provider)

    assert stage_of(from_the_environment.order_id).state is StageState.QUEUED
    assert db.session.scalars(db.select(Attempt.code)).all() == ["not_sent"]
