"""A person's decision that a stage is to go on."""

from datetime import datetime, timedelta

from domain.db import db
from domain.generation import submit
from domain.orders import stages
from domain.orders.models import Attempt, AttemptState, Stage, StageReason, StageState
from domain.provider_configs import release
from providers.registry import JOB_ADAPTERS

RETRYABLE_STATES = (StageState.FAILED, StageState.ATTENTION)
PAUSING_STATES = (StageState.QUEUED,)
ANEW = {
    "reason": None,
    "detail": "",
    "claim": Stage.claim + 1,
    "waiting_since": None,
    "finished_at": None,
    "passing_failures": 0,
    "unreadable_answers": 0,
    "lost_answers": 0,
}


def retry_by_hand(stage: Stage, now: datetime) -> bool:
    """Queue a failed stage, or one that needs attention, as if it were new; False if it is neither.

    A stage that only makes a pause after a failure ends it.
    A job whose id we have is looked at again instead: it is paid for. Otherwise the provider is asked anew, which may
    cost a second time; that is what the person has decided, also of a job whose key nobody can open any more.
    Of an order that was erased nothing is made. The caller commits.
    """
    if stage.order.is_erased:
        return False
    if release.is_pausing(stage, now):
        # The same failure again makes the same pause again, not a longer one.
        failures = max(stage.passing_failures - 1, 0)
        anew = {"claim": Stage.claim + 1, "passing_failures": failures}
        return stages.transition(stage, PAUSING_STATES, due_at=now, published_at=now, **anew)
    if stage.state not in RETRYABLE_STATES:
        return False
    attempt = submit.open_attempt(stage.id)
    if attempt is not None and attempt.state is AttemptState.ACCEPTED and not _is_out_of_reach(stage, attempt):
        _give_time(attempt, now)
        return stages.transition(stage, RETRYABLE_STATES, state=StageState.SUBMITTED, due_at=now, **ANEW)
    if attempt is not None:
        attempt.state, attempt.ended_at, attempt.api_key_encrypted = AttemptState.LOST, now, None
        db.session.flush()
    return stages.transition(stage, RETRYABLE_STATES, state=StageState.QUEUED, due_at=now, published_at=now, **ANEW)


def _is_out_of_reach(stage: Stage, attempt: Attempt) -> bool:
    """Whether the person was told that the job's key cannot be opened, and it still cannot."""
    return stage.reason == StageReason.JOB_KEY_UNREADABLE and submit.call_of(stage, attempt) is None


def _give_time(attempt: Attempt, now: datetime) -> None:
    attempt.deadline_at = now + timedelta(seconds=JOB_ADAPTERS[attempt.provider_kind].longest_seconds)
