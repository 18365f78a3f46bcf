"""A person's decision that a stage is to go on: what is forgotten, what is kept, and from when on."""

from datetime import timedelta
from typing import Any

import pytest

from domain.db import db, utc_now
from domain.generation.manual_retry import retry_by_hand
from domain.orders.models import Attempt, AttemptState, Order, OrderState, StageState
from providers.kinds import ProviderKind, StageType
from providers.registry import JOB_ADAPTERS
from tests.builders import place_order, set_state, stage_of
from tests.database_kinds import on_one_database
from tests.domain.row_changes import changes_of, columns, differences
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

SONG = StageType.SONG
TROUBLED: dict[str, Any] = {
    "reason": "unavailable",
    "detail": "busy",
    "passing_failures": 3,
    "unreadable_answers": 1,
    "lost_answers": 2,
}
FORGOTTEN: dict[str, Any] = {
    "reason": None,
    "detail": "",
    "passing_failures": 0,
    "unreadable_answers": 0,
    "lost_answers": 0,
    "waiting_since": None,
    "finished_at": None,
}


def stands(state: StageState) -> Order:
    """A song that has come to an end, with all that it remembers of how."""
    order = place_order(frozenset({SONG}), poem="Море")
    set_state(order.id, SONG, state, waiting_since=utc_now(), finished_at=utc_now(), **TROUBLED)
    return order


def attempt_of(order: Order, state: AttemptState, **values: object) -> int:
    """The id of an attempt of the song."""
    attempt = Attempt(
        stage_id=stage_of(order, SONG).id,
        number=1,
        state=state,
        provider_kind=ProviderKind.SUNO,
        model="m",
        api_key_encrypted="v1.sealed",
        **values,
    )
    db.session.add(attempt)
    db.session.commit()
    return attempt.id


def retry(order: Order) -> bool:
    retried = retry_by_hand(stage_of(order, SONG), utc_now())
    db.session.commit()
    return retried


@pytest.mark.parametrize("state", [StageState.FAILED, StageState.ATTENTION])
def test_a_stage_without_a_job_is_queued_as_if_it_were_new(state: StageState, clock: StoppedClock) -> None:
    order = stands(state)
    clock.shift(7)

    with changes_of(order, SONG) as changed:
        assert retry(order)

    now = utc_now()
    assert changed == {"state": StageState.QUEUED, "claim": 1, "due_at": now, "published_at": now, **FORGOTTEN}
    assert stage_of(order, SONG).order.state is OrderState.RUNNING


def test_a_job_whose_id_is_known_is_looked_at_again_and_has_as_long_as_a_new_one(clock: StoppedClock) -> None:
    order = stands(StageState.ATTENTION)
    attempt_id = attempt_of(order, AttemptState.ACCEPTED, job_id="job", deadline_at=utc_now())
    before = columns(db.session.get_one(Attempt, attempt_id))
    clock.shift(7)

    with changes_of(order, SONG) as changed:
        assert retry(order)

    assert changed == {"state": StageState.SUBMITTED, "claim": 1, "due_at": utc_now(), **FORGOTTEN}
    longest = timedelta(seconds=JOB_ADAPTERS[ProviderKind.SUNO].longest_seconds)
    after = columns(db.session.get_one(Attempt, attempt_id))
    assert differences(before, after) == {"deadline_at": utc_now() + longest}


@pytest.mark.parametrize("state", [AttemptState.OPEN, AttemptState.UNCERTAIN])
def test_an_attempt_of_which_nobody_knows_is_given_up(state: AttemptState, clock: StoppedClock) -> None:
    order = stands(StageState.ATTENTION)
    attempt_id = attempt_of(order, state)
    before = columns(db.session.get_one(Attempt, attempt_id))
    clock.shift(7)

    assert retry(order)

    assert stage_of(order, SONG).state is StageState.QUEUED
    after = columns(db.session.get_one(Attempt, attempt_id))
    given_up = {"state": AttemptState.LOST, "ended_at": utc_now(), "api_key_encrypted": None}
    assert differences(before, after) == given_up


@pytest.mark.parametrize(
    "state", [state for state in StageState if state not in {StageState.FAILED, StageState.ATTENTION}]
)
def test_a_stage_that_needs_nobody_is_left_alone(state: StageState) -> None:
    order = stands(state)

    with changes_of(order, SONG) as changed:
        assert not retry(order)

    assert changed == {}
