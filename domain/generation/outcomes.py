"""What an answer, a refusal or a silence of a provider means for the stage, its order and its section.

Each function writes with the claim that the stage was taken with, so that a worker that comes back from the dead
changes nothing, and commits.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from sqlalchemy import bindparam, select, update

from domain import quotas
from domain.db import Base, db, utc_now
from domain.generation import retries
from domain.orders import stages, works
from domain.orders.models import AttemptState, Ready, Stage, StageReason, StageState
from domain.orders.stages import Claimed
from domain.orders.works import StoredWork
from domain.provider_configs import check_results, probes, release
from domain.provider_configs.models import FoundBy, Problem, ProviderConfig, Reason, find
from domain.provider_configs.release import BACKOFF
from domain.provider_configs.resolver import ResolvedConfig
from domain.storage_retry import retry_while_storage_down
from providers.base import GenerationResult
from providers.errors import (
    ContentError,
    InvalidResponse,
    JobFailed,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    SettingsError,
)
from providers.kinds import StageType
from providers.registry import runs_jobs

#: Where a work is welcome that comes late: its worker was given up, but nobody has begun anew.
ACCEPTING_STATES = (*retries.IN_FLIGHT, StageState.QUEUED, StageState.ATTENTION)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has to be told to the workers now that stages have moved.

    ``again_at`` is when to look for stages that their provider's pace throttles (``domain/quotas.py``).
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


def record_success(job: Called, result: GenerationResult, stored: StoredWork) -> list[Ready]:
    """Store the work and what it unblocks in one transaction; returns the stages that can start.

    The work of a probe lets those go that wait for its section; so does one made with a key of the environment, which
    has no section whose checks could.
    """
    # A job may have been the probe when it was handed over, long ago.
    may_be_probe = job.config.is_probe or (runs_jobs(job.config.provider_kind) and probes.is_probe(job.id))
    done, ready = _record_success(job, result, stored, may_be_probe=may_be_probe)
    if not done:
        # Nobody waits for it any more; its order may have been erased.
        works.discard(job.id, stored)
    if may_be_probe or not job.config.version:
        ready += retry_while_storage_down(release.release)(job.stage_type, utc_now(), from_now_on=True)
    return ready


@retry_while_storage_down
def _record_success(
    job: Called, result: GenerationResult, stored: StoredWork, *, may_be_probe: bool
) -> tuple[bool, list[Ready]]:
    """Whether the stage has taken the work, and the stages that can start."""
    now = utc_now()
    usage = dict(result.usage)
    done = stages.move_first(
        job,
        ACCEPTING_STATES,
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
    _close_attempt(job, AttemptState.ANSWERED, now, request_id=result.request_id, usage=usage)
    ready: list[Ready] = []
    if done:
        works.attach(job.id, stored)
        if job.stage_type is StageType.POEM:
            ready = stages.unblock(job.order_id, now)
        stages.update_order_states([job.order_id])
        if may_be_probe:
            probes.pass_if_probe(job.id, job.stage_type, now)
    db.session.commit()
    return done, ready


@retry_while_storage_down
def record_error(job: Called, error: ProviderError, *, paid: bool) -> StageType | None:
    """Give the stage what the error means; returns its type if the section must be checked now."""
    now = utc_now()
    # A call that was not written down was a question that costs nothing.
    paid = paid and bool(job.attempt_id)
    lost = isinstance(error, OutcomeUnknown) and paid
    unreadable = isinstance(error, InvalidResponse)
    stages.lock_order(job.order_id)
    _close_attempt(job, AttemptState.LOST if lost or (unreadable and paid) else AttemptState.REFUSED, now, error=error)
    stage = _awaiting(job)
    check: StageType | None = None
    if stage is None:
        pass
    elif lost:
        retries.handle_lost_response(stage, now, paid=True)
    elif isinstance(error, SettingsError):
        retries.wait(stage, error.code, waiting_since=stage.waiting_since or now, **retries.said(error))
        check = mark_invalid(job, error, now)
    elif isinstance(error, ContentError):
        retries.fail(stage, error.code, now, **retries.said(error))
    elif unreadable:
        retries.count_unreadable(stage, error, now, paid=paid)
    else:
        check = retries.retry_transient(stage, error, now)
    if isinstance(error, RateLimited):
        quotas.close(job.config.provider_kind, error.retry_after, now)
    db.session.commit()
    return check


#: As ``record_error``, of a call that cannot have been charged.
record_refusal = partial(record_error, paid=False)


@retry_while_storage_down
def record_failed_job(job: Called, error: ProviderError, *, charged: bool) -> StageType | None:
    """A job that the provider had taken has ended there without a work; returns as ``record_error``.

    What was charged is not tried again unasked. What was not is: at once where the words are not at fault.
    """
    if not charged and not isinstance(error, JobFailed):
        return record_refusal(job, error)
    now = utc_now()
    stages.lock_order(job.order_id)
    _close_attempt(job, AttemptState.REFUSED, now, error=error)
    stage = _awaiting(job)
    check: StageType | None = None
    if stage is None:
        pass
    elif charged:
        retries.fail(stage, error.code, now, **retries.said(error))
    else:
        check = retries.retry_transient(stage, error, now)
    db.session.commit()
    return check


@retry_while_storage_down
def record_full_disk(job: Called, *, paid: bool) -> None:
    """The work was made and could not be stored: it is lost, as is one whose answer never came.

    It is made again where that is allowed, after a pause in which there may be room again.
    """
    now = utc_now()
    stages.lock_order(job.order_id)
    _close_attempt(job, AttemptState.LOST, now, code=StageReason.STORAGE_FULL)
    stage = _awaiting(job)
    if stage is not None:
        retries.handle_lost_response(stage, now, paid=paid, pause=BACKOFF[-1], reason=StageReason.STORAGE_FULL)
    db.session.commit()


def _awaiting(job: Called) -> Stage | None:
    """The stage, if it still waits for what came of this call; the order has to be locked."""
    stage = db.session.get(Stage, job.id, populate_existing=True)
    if stage is None or stage.claim != job.claim or stage.state not in retries.IN_FLIGHT:
        return None
    return stage


def mark_invalid(job: Called, error: ProviderError, now: datetime) -> StageType | None:
    """Mark the section as not working, so that no other order tries it in vain, and want a check at once.

    What it says of key and list is worth knowing; that it works again, it cannot say.
    Returns the section's type if a check must be started; the caller commits.
    """
    row = find(job.stage_type, lock=True)
    if row is None or row.version != job.config.version:
        return None
    if row.is_refused and row.probe_stage_id != job.id:
        return None
    check_results.refuse_by_generation(row, Problem(Reason(error.code), error.detail, FoundBy.GENERATION), now)
    return _want_check(row, now)


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
    """The order has to be locked: the sweep may be about to give up on the same attempt."""
    if not job.attempt_id:
        return
    values = {
        "attempt_id": job.attempt_id,
        "of_stage": job.id,
        "held_claim": job.claim,
        "new_state": state,
        "now": now,
        "new_code": error.code if error else code,
        "new_request_id": error.request_id if error else request_id,
        "new_usage": usage or {},
    }
    db.session.execute(_CLOSE, values)


_ATTEMPTS, _STAGES = Base.metadata.tables["attempts"], Base.metadata.tables["stages"]
#: An attempt that was given up, and after which another worker has begun anew, stays the loss that it was.
_STILL_OURS = select(_STAGES.c.id).where(
    _STAGES.c.id == bindparam("of_stage"), _STAGES.c.claim == bindparam("held_claim")
)
_CLOSE = (
    update(_ATTEMPTS)
    .where(_ATTEMPTS.c.id == bindparam("attempt_id"), _ATTEMPTS.c.stage_id.in_(_STILL_OURS))
    .values(
        state=bindparam("new_state"),
        ended_at=bindparam("now"),
        code=bindparam("new_code"),
        provider_request_id=bindparam("new_request_id"),
        usage=bindparam("new_usage"),
        api_key_encrypted=None,
    )
)
