"""Finding out what became of a submit whose answer was lost.

It is sent again only to a provider that promises to take the same token for the same job; at any other the provider's
own call back may still name the job, and after that a person decides.
"""

import time
from datetime import datetime

import structlog

from domain.db import db, utc_now
from domain.generation import submit
from domain.generation.calls import Call
from domain.generation.submit import RESEND_WAITS
from domain.orders import leases, stages
from domain.orders.leases import Lease
from domain.orders.models import Attempt, Stage, StageReason, StageState
from domain.storage_retry import retry_while_storage_down
from providers.base import JobProvider, Ticket
from providers.errors import ProviderError, TransientError
from providers.kinds import StageType
from providers.registry import JOB_ADAPTERS, open_job_provider

log = structlog.get_logger(__name__)

BATCH = 50


def resolve_due(now: datetime) -> list[StageType]:
    """Find out about uncertain submits, and give up what was waited for long enough; commits at each step.

    Returns the types of the stages whose section must be checked now.
    """
    asked_at = time.monotonic()
    due = stages.take_due(StageState.UNCERTAIN, now, BATCH)
    db.session.commit()
    with leases.renewed(*((each.id, each.claim) for each in due), asked_at=asked_at) as held:
        checks = [_resolve(lease, now) for lease in held]
    return [check for check in checks if check is not None]


def _resolve(lease: Lease, now: datetime) -> StageType | None:
    stage = db.session.get_one(Stage, lease.stage_id)
    if stage.claim != lease.claim or not lease.is_fresh():
        # Frozen meanwhile, or slow: somebody else sees to it, or will when the lease has run out.
        db.session.rollback()
        return None
    attempt = submit.open_attempt(stage.id)
    call = submit.call_of(stage, attempt) if attempt is not None else None
    if call is None and attempt is not None and _needs_its_key(attempt):
        _wait_for_the_key(stage, now)
        db.session.commit()
        return None
    losses, hinted = stage.lost_answers, attempt.hinted_job_id if attempt else None
    db.session.commit()
    if call is not None:
        provider = open_job_provider(call.config.provider_kind, call.credentials)
        if hinted and _confirm(call, provider, hinted, losses, now):
            return None
        if provider.idempotent_submit:
            return _send_again(call, provider, losses, now)
    _leave_to_a_person(lease, hinted)
    return None


def _needs_its_key(attempt: Attempt) -> bool:
    """Whether there is something to find out at the provider, which its key has to be opened for."""
    return bool(attempt.hinted_job_id) or JOB_ADAPTERS[attempt.provider_kind].idempotent_submit


def _wait_for_the_key(stage: Stage, now: datetime) -> None:
    """Look again whether the key can be opened, as often as an answer would be looked for; then a person decides."""
    losses = stage.lost_answers
    if losses < len(RESEND_WAITS):
        moved = {
            "reason": StageReason.JOB_KEY_UNREADABLE,
            "due_at": now + RESEND_WAITS[losses],
            "lost_answers": losses + 1,
        }
    else:
        moved = {"reason": StageReason.ANSWER_LOST, "state": StageState.ATTENTION}
    stages.transition(stage, {StageState.UNCERTAIN}, lease_until=None, **moved)


def _confirm(call: Call, provider: JobProvider, job_id: str, losses: int, now: datetime) -> bool:
    """Adopt the job that a call to us has named, if the provider, asked with the attempt's own key, knows it.

    Whether that is settled, or will be when the provider can be asked again.
    """
    try:
        provider.poll(job_id)
    except ProviderError as error:
        call.hide_words(error)
        log.info("call back not confirmed", **call.facts, outcome=error.code)
        if isinstance(error, TransientError) and not provider.idempotent_submit:
            _look_again(call, losses, now)
            return True
        return False
    submit.store_ticket(call, Ticket(job_id, call.model), first_look=now)
    return True


def _send_again(call: Call, provider: JobProvider, losses: int, now: datetime) -> StageType | None:
    """The same token and body once more: the provider answers with the job that it has, or takes it now."""
    try:
        ticket = provider.submit(call.request())
    except ProviderError as error:
        call.hide_words(error)
        log.info("submit repeated", **call.facts, outcome=error.code, detail=error.detail)
        if not isinstance(error, TransientError):
            return submit.record_refusal(call, error)
        _look_again(call, losses, now)
        return None
    submit.store_ticket(call, ticket)
    return None


@retry_while_storage_down
def _look_again(call: Call, losses: int, now: datetime) -> None:
    if losses >= len(RESEND_WAITS):
        stages.transition(
            call, {StageState.UNCERTAIN}, state=StageState.ATTENTION, reason=StageReason.ANSWER_LOST, lease_until=None
        )
    else:
        moved = {"due_at": now + RESEND_WAITS[losses], "lost_answers": losses + 1, "reason": StageReason.ANSWER_LOST}
        stages.transition(call, {StageState.UNCERTAIN}, lease_until=None, **moved)
    db.session.commit()


@retry_while_storage_down
def _leave_to_a_person(lease: Lease, hinted: str | None) -> None:
    """Nothing more can be found out; unless a call to us has named another job just now."""
    stages.lock_order(db.session.get_one(Stage, lease.stage_id).order_id)
    stage = db.session.get_one(Stage, lease.stage_id, populate_existing=True)
    attempt = submit.open_attempt(stage.id)
    if stage.claim == lease.claim:
        if attempt is not None and attempt.hinted_job_id not in (None, hinted):
            stages.transition(stage, {StageState.UNCERTAIN}, due_at=utc_now(), lease_until=None)
        else:
            stages.transition(
                stage,
                {StageState.UNCERTAIN},
                state=StageState.ATTENTION,
                reason=StageReason.ANSWER_LOST,
                lease_until=None,
            )
    db.session.commit()
