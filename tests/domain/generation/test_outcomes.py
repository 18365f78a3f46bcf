"""What came of a call, as it is written down: in the stage, its attempt, its order and its section."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain import quotas
from domain.db import db, utc_now
from domain.generation import calls, outcomes
from domain.generation.calls import Call
from domain.orders import works
from domain.orders.models import Attempt, AttemptState, OrderState, Ready, StageState
from domain.orders.works import StoredWork
from domain.provider_configs.models import FoundBy, Problem, Reason, Status
from domain.provider_configs.release import BACKOFF
from domain.provider_configs.resolver import ResolvedConfig
from domain.quotas import Quota
from providers.base import GenerationResult
from providers.errors import (
    ContentBlocked,
    CreditExhausted,
    InvalidResponse,
    JobFailed,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Unavailable,
)
from providers.kinds import ProviderKind, StageType
from tests.builders import claimed, place_order, section, set_state, stage_of, text_of, working_section
from tests.database_kinds import on_one_database
from tests.domain.row_changes import changes_of, columns, differences
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

POEM, VOICE, SONG, CLIP = StageType
KIND = ProviderKind.SUNO
WORDS: dict[str, Any] = {"detail": "server_busy", "request_id": "req-1"}
SAID = {"detail": "server_busy", "provider_request_id": "req-1"}
RESULT = GenerationResult("dummy-1", text="Море", request_id="req-1", usage={"characters": 4})
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def no_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as long as they are meant to be."""
    monkeypatch.setattr("domain.generation.retries.random.uniform", lambda least, most: (least + most) / 2)


def under_way(*also: StageType, **values: Any) -> Call:
    """A call for a poem, written down and sent; its stage has these values."""
    working_section()
    order = place_order(frozenset({POEM, *also}))
    call = calls.take(stage_of(order).id)
    assert isinstance(call, Call)
    set_state(order.id, POEM, StageState.RUNNING, **values)
    return call


def stored(call: Call) -> StoredWork:
    return works.store(call.id, call.claim, RESULT)


def attempt_of(call: Call) -> Attempt:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Attempt, call.attempt_id)


@contextmanager
def attempt_changes(call: Call) -> Iterator[dict[str, Any]]:
    """As ``changes_of``, of the attempt."""
    before = columns(attempt_of(call))
    changed: dict[str, Any] = {}
    yield changed
    changed |= differences(before, columns(attempt_of(call)))


def queued(reason: str, after: timedelta, **counted: Any) -> dict[str, Any]:
    again = {"state": StageState.QUEUED, "due_at": utc_now() + after, "published_at": None, "lease_until": None}
    return {**again, "reason": reason, **counted}


def closed(state: AttemptState, code: str, **values: Any) -> dict[str, Any]:
    return {"state": state, "ended_at": utc_now(), "code": code, **values}


def test_a_work_is_written_in_every_column_and_the_others_start_after_it(clock: StoppedClock) -> None:
    call = under_way(VOICE, reason="why", detail="what was", waiting_since=utc_now())
    voice = stage_of(call.order_id, VOICE).id
    clock.shift(7)

    with changes_of(call.order_id) as changed, attempt_changes(call) as of_attempt:
        assert outcomes.record_success(call, RESULT, stored(call)) == [Ready(voice, VOICE)]

    now, made = utc_now(), {"provider_request_id": "req-1", "usage": {"characters": 4}}
    over = {"reason": None, "detail": "", "lease_until": None, "waiting_since": None}
    assert changed == {"state": StageState.DONE, "finished_at": now, "model": "dummy-1", **over, **made}
    assert of_attempt == {"state": AttemptState.ANSWERED, "ended_at": now, **made}
    assert text_of(call.order_id) == "Море"


def test_the_last_work_ends_the_order() -> None:
    call = under_way()

    assert outcomes.record_success(call, RESULT, stored(call)) == []

    assert stage_of(call.order_id).order.state is OrderState.DONE


def test_a_work_whose_stage_somebody_else_has_taken_changes_nothing() -> None:
    call = under_way(VOICE)
    set_state(call.order_id, POEM, StageState.QUEUED)
    claimed(call.id)

    with changes_of(call.order_id) as changed, attempt_changes(call) as of_attempt:
        assert outcomes.record_success(call, RESULT, stored(call)) == []

    assert changed == of_attempt == {}
    assert stage_of(call.order_id).work is None


def blocked_section(call: Call) -> Call:
    """The section was refused, and this call is its probe."""
    row = section()
    row.set_status(Status.INVALID, Problem(Reason.NO_CREDIT, found_by=FoundBy.GENERATION), utc_now())
    row.probe_stage_id = call.id
    db.session.commit()
    return replace(call, config=replace(call.config, is_probe=True))


@pytest.mark.parametrize("is_probe", [True, False])
def test_only_the_work_of_a_probe_ends_the_pauses_of_others(is_probe: bool) -> None:
    call = under_way(VOICE)
    other = place_order()
    later = {"reason": "unavailable", "due_at": utc_now() + MINUTE}
    set_state(other.id, POEM, StageState.QUEUED, **later)
    if is_probe:
        call = blocked_section(call)

    ready = outcomes.record_success(call, RESULT, stored(call))

    voice = Ready(stage_of(call.order_id, VOICE).id, VOICE)
    assert ready == ([voice, Ready(stage_of(other).id, POEM)] if is_probe else [voice])


@pytest.mark.parametrize(("kind", "shows"), [(ProviderKind.SUNO, True), (ProviderKind.DUMMY, False)])
def test_a_job_may_have_become_the_probe_since_it_was_handed_over(kind: ProviderKind, shows: bool) -> None:
    call = blocked_section(under_way())
    call = replace(call, config=replace(call.config, is_probe=False, provider_kind=kind))

    outcomes.record_success(call, RESULT, stored(call))

    assert (section().status is Status.ACTIVE) is shows


def test_the_work_of_a_probe_that_somebody_else_has_taken_shows_nothing() -> None:
    call = blocked_section(under_way())
    set_state(call.order_id, POEM, StageState.QUEUED)
    claimed(call.id)

    assert outcomes.record_success(call, RESULT, stored(call)) == []

    assert section().status is Status.INVALID


def test_a_refusal_of_the_settings_is_written_in_every_column_and_blocks_the_section(clock: StoppedClock) -> None:
    call = under_way()
    clock.shift(7)

    with changes_of(call.order_id) as changed, attempt_changes(call) as of_attempt:
        assert outcomes.record_error(call, CreditExhausted(KIND, **WORDS), paid=True) is POEM

    now = utc_now()
    assert changed == {
        "state": StageState.WAITING,
        "reason": "no_credit",
        "lease_until": None,
        "waiting_since": now,
        **SAID,
    }
    assert of_attempt == closed(AttemptState.REFUSED, "no_credit", provider_request_id="req-1")
    row = section()
    assert (row.status, row.reason, row.detail) == (Status.INVALID, Reason.NO_CREDIT, "server_busy")
    assert (row.found_by, row.check_requested_at) == (FoundBy.GENERATION, now)


def test_whoever_is_refused_again_has_waited_since_the_first_time(clock: StoppedClock) -> None:
    since = utc_now()
    call = under_way(waiting_since=since)
    row = section()
    row.check_requested_at = since
    db.session.commit()
    clock.shift(7)

    outcomes.record_error(call, CreditExhausted(KIND), paid=True)

    assert stage_of(call.order_id).waiting_since == since
    assert section().check_requested_at == since


@pytest.mark.parametrize(("version", "reason"), [(0, Reason.NO_CREDIT), (1, None), (None, None)])
def test_a_refusal_blocks_the_settings_that_were_refused_and_no_others(
    version: int | None, reason: Reason | None
) -> None:
    call = under_way()
    row = section()
    if version is None:
        db.session.delete(row)
    else:
        row.version += version
    db.session.commit()

    check = outcomes.record_error(call, CreditExhausted(KIND), paid=True)

    assert check is (POEM if reason else None)
    assert stage_of(call.order_id).state is StageState.WAITING
    if version is not None:
        assert section().reason is reason


@pytest.mark.parametrize("is_probe", [True, False])
def test_what_is_refused_already_is_refused_anew_only_for_its_probe(is_probe: bool) -> None:
    call = blocked_section(under_way())
    if not is_probe:
        section().probe_stage_id = call.id + 1
        db.session.commit()
    probe = section().probe_stage_id

    checked = outcomes.record_error(call, CreditExhausted(KIND, "server_busy"), paid=True)

    row = section()
    assert (row.probe_stage_id, row.detail) == ((None, "server_busy") if is_probe else (probe, ""))
    assert (checked, row.check_requested_at) == ((row.stage_type, utc_now()) if is_probe else (None, None))


def test_words_that_are_refused_end_the_stage_in_every_column() -> None:
    call = under_way()

    with changes_of(call.order_id) as changed, attempt_changes(call) as of_attempt:
        assert outcomes.record_error(call, ContentBlocked(KIND, **WORDS), paid=True) is None

    over = {"state": StageState.FAILED, "reason": "content_blocked", "lease_until": None, "finished_at": utc_now()}
    assert changed == {**over, **SAID}
    assert of_attempt == closed(AttemptState.REFUSED, "content_blocked", provider_request_id="req-1")
    assert section().status is Status.ACTIVE


@pytest.mark.parametrize(
    ("error", "paid", "attempt", "written"),
    [
        (OutcomeUnknown, True, AttemptState.LOST, {"reason": "answer_lost", "lost_answers": 1}),
        (OutcomeUnknown, False, AttemptState.REFUSED, {"reason": "unavailable", "passing_failures": 1, **SAID}),
        (InvalidResponse, True, AttemptState.LOST, {"reason": "unreadable_answer", "unreadable_answers": 1, **SAID}),
        (
            InvalidResponse,
            False,
            AttemptState.REFUSED,
            {"reason": "unreadable_answer", "unreadable_answers": 1, **SAID},
        ),
        (Unavailable, True, AttemptState.REFUSED, {"reason": "unavailable", "passing_failures": 1, **SAID}),
    ],
)
def test_what_brought_nothing_is_tried_again_and_its_attempt_says_whether_it_may_have_been_charged(
    error: type[ProviderError], paid: bool, attempt: AttemptState, written: dict[str, Any]
) -> None:
    call = under_way()

    with changes_of(call.order_id) as changed, attempt_changes(call) as of_attempt:
        assert outcomes.record_error(call, error(KIND, **WORDS), paid=paid) is None

    assert changed == queued(after=BACKOFF[0], **written)
    assert of_attempt == closed(attempt, error.code, provider_request_id="req-1")


@pytest.mark.parametrize(
    ("error", "before", "paid", "state"),
    [
        (OutcomeUnknown, "lost_answers", True, StageState.ATTENTION),
        (OutcomeUnknown, "lost_answers", False, StageState.QUEUED),
        (InvalidResponse, "unreadable_answers", True, StageState.FAILED),
        (InvalidResponse, "unreadable_answers", False, StageState.QUEUED),
    ],
)
def test_what_may_have_been_charged_twice_is_not_asked_for_again(
    error: type[ProviderError], before: str, paid: bool, state: StageState
) -> None:
    call = under_way(**{before: 1})

    outcomes.record_error(call, error(KIND), paid=paid)

    assert stage_of(call.order_id).state is state


@pytest.mark.parametrize("error", [OutcomeUnknown, InvalidResponse])
def test_a_question_before_the_call_cannot_have_been_charged(error: type[ProviderError]) -> None:
    call = under_way(unreadable_answers=1)

    with attempt_changes(call) as of_attempt:
        outcomes.record_error(replace(call, attempt_id=0), error(KIND), paid=True)

    stage = stage_of(call.order_id)
    assert (stage.state, stage.reason, stage.lost_answers) == (StageState.QUEUED, error.code, 0)
    assert of_attempt == {}


def test_after_the_last_wait_the_section_is_checked() -> None:
    call = under_way(passing_failures=len(BACKOFF))

    assert outcomes.record_error(call, Unavailable(KIND), paid=True) is POEM


@pytest.mark.parametrize(("asked_for", "seconds"), [(40, 40), (None, quotas.CLOSED_FOR.total_seconds())])
def test_a_provider_that_is_asked_too_often_is_left_alone(asked_for: float | None, seconds: float) -> None:
    call = under_way()
    call = replace(call, config=ResolvedConfig(KIND, "", "dummy-1", call.config.version))

    outcomes.record_error(call, RateLimited(KIND, retry_after=asked_for), paid=True)

    assert db.session.get_one(Quota, KIND).closed_until == utc_now() + timedelta(seconds=seconds)


def test_a_provider_that_is_away_is_not_closed() -> None:
    call = under_way()

    outcomes.record_error(call, Unavailable(KIND, retry_after=40), paid=True)

    assert db.session.get(Quota, KIND) is None


def record_all(call: Call) -> list[object]:
    """Tell of every end that a call can come to."""
    return [
        outcomes.record_error(call, CreditExhausted(KIND), paid=True),
        outcomes.record_error(call, OutcomeUnknown(KIND), paid=True),
        outcomes.record_error(call, ContentBlocked(KIND), paid=True),
        outcomes.record_failed_job(call, JobFailed(KIND), charged=True),
        outcomes.record_failed_job(call, JobFailed(KIND), charged=False),
        outcomes.record_full_disk(call, paid=True),
    ]


def test_whoever_comes_back_to_a_stage_that_another_has_taken_changes_nothing() -> None:
    call = under_way()
    set_state(call.order_id, POEM, StageState.QUEUED)
    claimed(call.id)

    with changes_of(call.order_id) as changed, attempt_changes(call) as of_attempt:
        assert set(record_all(call)) == {None}

    assert changed == of_attempt == {}
    assert section().status is Status.ACTIVE


@pytest.mark.parametrize("state", [StageState.QUEUED, StageState.WAITING, StageState.DONE, StageState.ATTENTION])
def test_a_stage_that_waits_for_no_answer_is_left_where_it_is(state: StageState) -> None:
    call = under_way()
    set_state(call.order_id, POEM, state)

    with changes_of(call.order_id) as changed:
        assert set(record_all(call)) == {None}

    assert changed == {}


def test_of_a_stage_that_is_gone_nothing_is_written() -> None:
    call = replace(under_way(), id=77, attempt_id=0)

    assert set(record_all(call)) == {None}


def test_a_job_that_failed_and_was_charged_ends_the_stage_in_every_column(clock: StoppedClock) -> None:
    call = under_way()
    clock.shift(7)

    with changes_of(call.order_id) as changed, attempt_changes(call) as of_attempt:
        assert outcomes.record_failed_job(call, CreditExhausted(KIND, **WORDS), charged=True) is None

    over = {"state": StageState.FAILED, "reason": "no_credit", "lease_until": None, "finished_at": utc_now()}
    assert changed == {**over, **SAID}
    assert of_attempt == closed(AttemptState.REFUSED, "no_credit", provider_request_id="req-1")
    assert section().status is Status.ACTIVE


def test_a_job_that_failed_and_cost_nothing_is_handed_over_again(clock: StoppedClock) -> None:
    call = under_way()
    clock.shift(7)

    with changes_of(call.order_id) as changed, attempt_changes(call) as of_attempt:
        assert outcomes.record_failed_job(call, JobFailed(KIND, **WORDS), charged=False) is None

    assert changed == queued("job_failed", BACKOFF[0], passing_failures=1, **SAID)
    assert of_attempt == closed(AttemptState.REFUSED, "job_failed", provider_request_id="req-1")


def test_jobs_that_fail_for_nothing_again_and_again_have_the_section_checked() -> None:
    call = under_way(passing_failures=len(BACKOFF))

    assert outcomes.record_failed_job(call, JobFailed(KIND), charged=False) is POEM


@pytest.mark.parametrize(
    ("error", "reason", "check"), [(CreditExhausted, "no_credit", POEM), (OutcomeUnknown, "unavailable", None)]
)
def test_a_job_that_cost_nothing_and_failed_for_another_reason_is_as_a_call_that_did(
    error: type[ProviderError], reason: str, check: StageType | None
) -> None:
    call = under_way()

    assert outcomes.record_failed_job(call, error(KIND), charged=False) is check

    assert stage_of(call.order_id).reason == reason
    assert attempt_of(call).state is AttemptState.REFUSED


@pytest.mark.parametrize("paid", [True, False])
def test_a_work_that_found_no_room_is_lost_and_made_again_when_there_may_be_room(
    paid: bool, clock: StoppedClock
) -> None:
    call = under_way(unreadable_answers=0 if paid else 1)
    clock.shift(7)

    with changes_of(call.order_id) as changed, attempt_changes(call) as of_attempt:
        outcomes.record_full_disk(call, paid=paid)

    assert changed == queued("storage_full", timedelta(minutes=20), lost_answers=1)
    assert of_attempt == closed(AttemptState.LOST, "storage_full")


def test_a_work_that_was_charged_and_found_no_room_twice_is_left_to_a_person() -> None:
    call = under_way(lost_answers=1)

    outcomes.record_full_disk(call, paid=True)

    assert stage_of(call.order_id).state is StageState.ATTENTION
