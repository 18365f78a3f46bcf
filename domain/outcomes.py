"""What an answer, a refusal or a silence of a provider means for the stage, its order and its section.

Each function writes with the claim that the stage was taken with, so that a worker that comes back from the dead
changes nothing, and commits.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import select, update

from domain import history, quotas, stages, works
from domain.db import db, utc_now
from domain.orders import Attempt, AttemptState, Ready, Stage, StageState
from domain.persistence import persisted
from domain.provider_configs import Finding, ProviderConfig, Reason, Status, find
from domain.resolver import ResolvedConfig
from domain.stages import Claimed
from domain.waiting import BACKOFF
from domain.works import StoredWork
from providers.base import GenerationResult
from providers.errors import (
    AnswerLost,
    ContentError,
    JobFailed,
    ProviderError,
    RateLimited,
    SettingsError,
    UnreadableAnswer,
)
from providers.kinds import StageType

#: Of a provider that costs nothing: after so many answers that nobody can read the stage has failed.
FREE_UNREADABLE_TRIES = 3
#: How often a call is made again that may have been charged and brought nothing, or nothing that can be read.
CHARGES_REPEATED = 1
#: Works that cost little and leave nothing behind at the provider: only they are asked for once more.
REPEATABLE = (StageType.POEM, StageType.VOICE)
#: Of a provider that costs nothing: a stage that kills its worker this often is left to a person.
FREE_LOST_ANSWERS_REPEATED = 2
#: Where a stage stands while an answer about it can come. A late one finds its stage uncertain, and settles that.
HELD = (StageState.RUNNING, StageState.UNCERTAIN, StageState.SUBMITTED, StageState.FETCHING)
#: Where a work is welcome that comes late: its worker was given up, but nobody has begun anew.
WELCOMING = (*HELD, StageState.QUEUED, StageState.ATTENTION)
#: Why a stage stands whose work cannot be stored, and why an attempt was lost whose work could not.
STORAGE_FULL: Final = "storage_full"
JITTER = 0.2
LONGEST_HINT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has to be told to the workers now that stages have moved.

    ``again_at`` is when to look for stages that are held by their provider's pace (``domain/quotas.py``).
    """

    ready: list[Ready] = field(default_factory=list)
    check: StageType | None = None
    again_at: datetime | None = None


class Called(Claimed, Protocol):
    """A stage whose provider was called."""

    @property
    def stage_type(self) -> StageType: ...
    @property
    def attempt_id(self) -> int: ...
    @property
    def config(self) -> ResolvedConfig: ...


@persisted
def record_success(job: Called, result: GenerationResult, stored: StoredWork) -> list[Ready]:
    """Store the work and what it unblocks in one transaction; returns the stages that can start."""
    now = utc_now()
    usage = dict(result.usage)
    _close_attempt(job, AttemptState.ANSWERED, now, request_id=result.request_id, usage=usage)
    done = stages.move(
        job,
        WELCOMING,
        state=StageState.DONE,
        reason=None,
        detail="",
        lease_until=None,
        waiting_since=None,
        finished_at=now,
        model=result.model,
        provider_request_id=result.request_id,
        usage=usage,
    )
    ready: list[Ready] = []
    if done:
        works.attach(job.id, stored)
        if job.stage_type is StageType.POEM:
            ready = stages.unblock(job.order_id, now)
            stages.follow_stages([job.order_id])
    db.session.commit()
    return ready


@persisted
def record_error(job: Called, error: ProviderError, *, paid: bool) -> StageType | None:
    """Give the stage what the error means; returns its type if the section must be checked now."""
    now = utc_now()
    # A call that was not written down was a question that costs nothing.
    paid = paid and bool(job.attempt_id)
    lost = isinstance(error, AnswerLost) and paid
    unreadable = isinstance(error, UnreadableAnswer)
    _close_attempt(job, AttemptState.LOST if lost or (unreadable and paid) else AttemptState.REFUSED, now, error=error)
    stage = db.session.get(Stage, job.id, populate_existing=True)
    check: StageType | None = None
    if stage is None or stage.claim != job.claim or stage.state not in HELD:
        pass
    elif lost:
        lose_answer(stage, now, paid=True)
    elif isinstance(error, SettingsError):
        wait(stage, error.code, waiting_since=stage.waiting_since or now, **_said(error))
        check = doubt_section(job, error, now)
    elif isinstance(error, ContentError):
        _fail(stage, error.code, now, **_said(error))
    elif unreadable:
        _count_unreadable(stage, error, now, paid=paid)
    else:
        check = _count_passing_failure(stage, error, now)
    if isinstance(error, RateLimited):
        quotas.close(job.config.provider_kind, error.retry_after, now)
    db.session.commit()
    return check


@persisted
def record_failed_job(job: Called, error: ProviderError, *, charged: bool) -> StageType | None:
    """A job that the provider had taken has ended there without a work; returns as ``record_error``.

    What was charged is not tried again unasked. What was not is: at once where the words are not at fault.
    """
    if not charged and not isinstance(error, JobFailed):
        return record_error(job, error, paid=False)
    now = utc_now()
    _close_attempt(job, AttemptState.REFUSED, now, error=error)
    stage = db.session.get(Stage, job.id, populate_existing=True)
    check = None
    if stage is not None and stage.claim == job.claim and stage.state in HELD:
        if charged:
            _fail(stage, error.code, now, **_said(error))
        else:
            check = _count_passing_failure(stage, error, now)
    db.session.commit()
    return check


@persisted
def record_full_disk(job: Called, *, paid: bool) -> None:
    """The work was made and could not be stored: it is lost, as is one whose answer never came.

    It is made again where that is allowed, after a pause in which there may be room again.
    """
    now = utc_now()
    _close_attempt(job, AttemptState.LOST, now, code=STORAGE_FULL)
    stage = db.session.get(Stage, job.id, populate_existing=True)
    if stage is not None and stage.claim == job.claim and stage.state in HELD:
        lose_answer(stage, now, paid=paid, pause=BACKOFF[-1], reason=STORAGE_FULL)
    db.session.commit()


def wait(stage: Claimed, reason: str, **values: Any) -> None:
    """Let the stage wait for its section; the caller commits."""
    stages.move(stage, HELD, state=StageState.WAITING, reason=str(reason), lease_until=None, **values)


def lose_answer(
    stage: Stage, now: datetime, *, paid: bool, pause: timedelta = BACKOFF[0], reason: str = "answer_lost"
) -> None:
    """The call may or may not have been carried out: repeat it only where that is allowed, else ask a person.

    The caller commits.
    """
    if _may_be_charged_again(stage) if paid else stage.lost_answers < FREE_LOST_ANSWERS_REPEATED:
        queue_again(stage, now, reason, pause, lost_answers=stage.lost_answers + 1)
        return
    stages.move(
        stage,
        HELD,
        state=StageState.ATTENTION,
        reason=reason,
        lease_until=None,
        lost_answers=stage.lost_answers + 1,
    )


def _may_be_charged_again(stage: Stage) -> bool:
    """Whether a call may be repeated that has probably been charged: docs/decisions/0008."""
    return stage.stage_type in REPEATABLE and stage.lost_answers + stage.unreadable_answers < CHARGES_REPEATED


def _count_unreadable(stage: Stage, error: ProviderError, now: datetime, *, paid: bool) -> None:
    count = stage.unreadable_answers + 1
    if _may_be_charged_again(stage) if paid else count < FREE_UNREADABLE_TRIES:
        queue_again(stage, now, error.code, BACKOFF[count - 1], unreadable_answers=count, **_said(error))
    else:
        _fail(stage, error.code, now, unreadable_answers=count, **_said(error))


def _count_passing_failure(stage: Stage, error: ProviderError, now: datetime) -> StageType | None:
    """Try again with growing waits; after the last, wait for a check of the section to pass."""
    failures = stage.passing_failures + 1
    if failures <= len(BACKOFF):
        hint = min(timedelta(seconds=error.retry_after or 0), LONGEST_HINT)
        delay = max(BACKOFF[failures - 1], hint)
        queue_again(stage, now, error.code, delay, passing_failures=failures, **_said(error))
        return None
    wait(stage, error.code, passing_failures=failures, waiting_since=stage.waiting_since or now, **_said(error))
    row = find(stage.stage_type, lock=True)
    if row is None:
        return None
    row.check_requested_at = row.check_requested_at or now
    return stage.stage_type


def queue_again(stage: Stage, now: datetime, reason: str, delay: timedelta, **values: Any) -> None:
    """Let the stage be taken again after ``delay``, more or less; the caller commits."""
    spread = delay * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # not a secret: it spreads the load
    stages.move(
        stage,
        HELD,
        state=StageState.QUEUED,
        reason=reason,
        lease_until=None,
        due_at=now + spread,
        published_at=None,
        **values,
    )


def _fail(stage: Stage, reason: str, now: datetime, **values: Any) -> None:
    stages.move(
        stage,
        HELD,
        state=StageState.FAILED,
        reason=reason,
        lease_until=None,
        finished_at=now,
        **values,
    )


def doubt_section(job: Called, error: ProviderError, now: datetime) -> StageType | None:
    """Mark the section as not working, so that no other order tries it in vain, and want a check at once.

    Returns its type if a check must be started; the caller commits.
    """
    row = find(job.stage_type, lock=True)
    if row is None or row.version != job.config.version:
        return None
    if row.status is Status.ACTIVE:
        row.set_status(Status.INVALID, Finding(Reason(error.code), error.detail), now)
        history.record("generation", "section_invalid", job.stage_type, reason=error.code, detail=error.detail)
        return _want_check(row, now)
    return None


def _want_check(row: ProviderConfig, now: datetime) -> StageType:
    row.check_requested_at = row.check_requested_at or now
    return row.stage_type


def _close_attempt(
    job: Called,
    state: AttemptState,
    now: datetime,
    *,
    error: ProviderError | None = None,
    code: str | None = None,
    request_id: str | None = None,
    usage: dict[str, Any] | None = None,
) -> None:
    if not job.attempt_id:
        return
    # The order first, as everybody does: the sweep may be about to give up on the same attempt.
    stages.lock_order(job.order_id)
    # An attempt that was given up, and after which another worker has begun anew, stays the loss that it was.
    still_ours = select(Stage.id).where(Stage.id == job.id, Stage.claim == job.claim)
    db.session.execute(
        update(Attempt)
        .where(Attempt.id == job.attempt_id, Attempt.stage_id.in_(still_ours))
        .values(
            state=state,
            ended_at=now,
            code=error.code if error else code,
            provider_request_id=error.request_id if error else request_id,
            usage=usage or {},
            api_key_encrypted=None,
        )
    )


def _said(error: ProviderError) -> dict[str, Any]:
    """What the provider said, for the row: never more than its own codes."""
    return {"detail": error.detail, "provider_request_id": error.request_id}
