"""Where a stage goes whose call brought nothing: when it is tried again, how often, and what its row says."""

from datetime import timedelta
from typing import Any

import pytest

from domain.db import db, utc_now
from domain.generation import retries
from domain.generation.retries import MAX_HINT
from domain.orders.models import OrderState, Stage, StageState
from domain.provider_configs.release import BACKOFF
from providers.errors import ContentBlocked, InvalidResponse, RateLimited, Unavailable
from providers.kinds import ProviderKind, StageType
from tests.builders import claimed, place_order, section, stage_of, working_section
from tests.database_kinds import on_one_database
from tests.domain.row_changes import changes_of
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

POEM, VOICE, SONG, CLIP = StageType
KIND = ProviderKind.OPENAI
SAID: dict[str, Any] = {"detail": "server_busy", "provider_request_id": "req-1"}


@pytest.fixture(autouse=True)
def no_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as long as they are meant to be."""
    monkeypatch.setattr("domain.generation.retries.random.uniform", lambda least, most: (least + most) / 2)


def in_hand(stage_type: StageType = POEM, **values: Any) -> Stage:
    """A stage that a worker has, with these values; one that is told of and has been heard of nothing else."""
    order = place_order(frozenset({stage_type}), poem=None if stage_type is POEM else "Море")
    claimed(stage_of(order, stage_type).id)
    stage = stage_of(order, stage_type)
    for name, value in values.items():
        setattr(stage, name, value)
    db.session.commit()
    return stage


def queued(reason: str, after: timedelta, **counted: Any) -> dict[str, Any]:
    """What is written into a stage that is tried again after so long."""
    again = {"state": StageState.QUEUED, "due_at": utc_now() + after, "published_at": None, "lease_until": None}
    return {**again, "reason": reason, **counted}


def ended(state: StageState, reason: str, **values: Any) -> dict[str, Any]:
    """What is written into a stage that no worker has to come back to by itself."""
    return {"state": state, "reason": reason, "lease_until": None, **values}


def unreadable() -> InvalidResponse:
    return InvalidResponse(KIND, "server_busy", request_id="req-1")


@pytest.mark.parametrize(("paid", "repeats"), [(True, 1), (False, 2)])
@pytest.mark.parametrize("stage_type", [POEM, VOICE])
def test_an_answer_that_was_lost_is_asked_for_again_as_often_as_that_is_allowed(
    stage_type: StageType, paid: bool, repeats: int
) -> None:
    for losses in range(repeats + 1):
        stage = in_hand(stage_type, lost_answers=losses)

        with changes_of(stage.order_id, stage_type) as changed:
            retries.handle_lost_response(stage, utc_now(), paid=paid)
            db.session.commit()

        counted = {"lost_answers": losses + 1}
        if losses < repeats:
            assert changed == queued("answer_lost", BACKOFF[0], **counted)
        else:
            assert changed == ended(StageState.ATTENTION, "answer_lost", **counted)


def test_the_reason_and_the_pause_of_a_loss_are_its_callers() -> None:
    stage = in_hand(VOICE)

    with changes_of(stage.order_id, VOICE) as changed:
        retries.handle_lost_response(stage, utc_now(), paid=True, pause=timedelta(0), reason="storage_full")
        db.session.commit()

    # It is due at once, as it was: only its message is missing.
    expected = queued("storage_full", timedelta(0), lost_answers=1)
    del expected["due_at"]
    assert changed == expected


@pytest.mark.parametrize("stage_type", [SONG, CLIP])
def test_a_dear_work_that_may_have_been_charged_is_left_to_a_person_at_once(stage_type: StageType) -> None:
    stage = in_hand(stage_type)

    with changes_of(stage.order_id, stage_type) as changed:
        retries.handle_lost_response(stage, utc_now(), paid=True)
        db.session.commit()

    assert changed == ended(StageState.ATTENTION, "answer_lost", lost_answers=1)


@pytest.mark.parametrize(("paid", "repeats"), [(True, 1), (False, 2)])
def test_an_answer_that_nobody_can_read_is_asked_for_again_as_often_as_that_is_allowed(
    paid: bool, repeats: int
) -> None:
    for count in range(repeats + 1):
        stage = in_hand(unreadable_answers=count)

        with changes_of(stage.order_id) as changed:
            retries.count_unreadable(stage, unreadable(), utc_now(), paid=paid)
            db.session.commit()

        counted = {"unreadable_answers": count + 1, **SAID}
        if count < repeats:
            assert changed == queued("unreadable_answer", BACKOFF[count], **counted)
        else:
            assert changed == ended(StageState.FAILED, "unreadable_answer", finished_at=utc_now(), **counted)


def test_what_may_have_been_charged_is_counted_whatever_was_wrong_with_it() -> None:
    lost, garbled = in_hand(lost_answers=1), in_hand(unreadable_answers=1)

    retries.count_unreadable(lost, unreadable(), utc_now(), paid=True)
    retries.handle_lost_response(garbled, utc_now(), paid=True)
    db.session.commit()

    assert stage_of(lost.order_id).state is StageState.FAILED
    assert stage_of(garbled.order_id).state is StageState.ATTENTION


@pytest.mark.parametrize(("failures", "wait"), list(enumerate(BACKOFF)))
def test_a_failure_that_passes_is_waited_out_for_longer_each_time(failures: int, wait: timedelta) -> None:
    stage = in_hand(passing_failures=failures)
    error = Unavailable(KIND, "server_busy", request_id="req-1")

    with changes_of(stage.order_id) as changed:
        assert retries.retry_transient(stage, error, utc_now()) is None
        db.session.commit()

    assert changed == queued("unavailable", wait, passing_failures=failures + 1, **SAID)


@pytest.mark.parametrize(
    ("hint", "wait"),
    [(9, BACKOFF[0]), (11, timedelta(seconds=11)), (3600 * 5, MAX_HINT)],
)
def test_a_provider_is_left_alone_for_as_long_as_it_asks_for_but_not_for_ever(hint: float, wait: timedelta) -> None:
    stage = in_hand()

    with changes_of(stage.order_id) as changed:
        retries.retry_transient(stage, RateLimited(KIND, retry_after=hint), utc_now())
        db.session.commit()

    assert changed == queued("rate_limited", wait, passing_failures=1)


def test_after_the_last_wait_the_section_is_checked_and_the_stage_waits_for_it(clock: StoppedClock) -> None:
    working_section()
    stage = in_hand(passing_failures=len(BACKOFF))
    clock.shift(7)

    with changes_of(stage.order_id) as changed:
        error = Unavailable(KIND, "server_busy", request_id="req-1")
        assert retries.retry_transient(stage, error, utc_now()) is POEM
        db.session.commit()

    counted = {"passing_failures": len(BACKOFF) + 1, "waiting_since": utc_now(), **SAID}
    assert changed == ended(StageState.WAITING, "unavailable", **counted)
    assert section().check_requested_at == utc_now()


def test_a_stage_that_waits_again_has_waited_since_the_first_time(clock: StoppedClock) -> None:
    since = utc_now()
    row = working_section()
    row.check_requested_at = since
    db.session.commit()
    stage = in_hand(passing_failures=len(BACKOFF), waiting_since=since)
    clock.shift(7)

    retries.retry_transient(stage, Unavailable(KIND), utc_now())
    db.session.commit()

    assert stage_of(stage.order_id).waiting_since == since
    assert section().check_requested_at == since


def test_without_a_section_there_is_none_to_check() -> None:
    stage = in_hand(passing_failures=len(BACKOFF))

    assert retries.retry_transient(stage, Unavailable(KIND), utc_now()) is None
    db.session.commit()

    assert stage_of(stage.order_id).state is StageState.WAITING


def test_the_end_of_a_stage_says_when_and_why_and_its_order_follows() -> None:
    stage = in_hand()
    error = ContentBlocked(KIND, "server_busy", request_id="req-1")

    with changes_of(stage.order_id) as changed:
        retries.fail(stage, error.code, utc_now(), **retries.said(error))
        db.session.commit()

    assert changed == ended(StageState.FAILED, "content_blocked", finished_at=utc_now(), **SAID)
    assert stage_of(stage.order_id).order.state is OrderState.FAILED


@pytest.mark.parametrize(("share", "wait"), [(0, 48), (0.5, 60), (1, 72)])
def test_the_waits_of_many_are_spread_by_a_fifth_to_both_sides(
    share: float, wait: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.generation.retries.random.uniform", lambda least, most: least + share * (most - least))
    stage = in_hand()

    retries.queue_again(stage, utc_now(), "why", timedelta(minutes=1))
    db.session.commit()

    assert (stage_of(stage.order_id).due_at - utc_now()).total_seconds() == pytest.approx(wait)
