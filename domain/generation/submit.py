"""Handing jobs to providers: a submit may cost money the moment that it is received.

What became of one whose answer was lost is found out in ``domain/generation/reconcile.py``.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from domain.db import db, utc_now
from domain.generation import calls, outcomes
from domain.generation.calls import Call, snapshot_place
from domain.generation.outcomes import Outcome
from domain.orders import stages
from domain.orders.leases import Lease
from domain.orders.models import Attempt, AttemptState, Order, Stage, StageReason, StageState
from domain.provider_configs.resolver import ResolvedConfig
from domain.secrets.context import current_vault
from domain.secrets.vault import Unreadable
from domain.storage_retry import retry_while_storage_down
from providers.base import JobProvider, Ticket
from providers.errors import InvalidResponse, OutcomeUnknown, ProviderError
from providers.registry import JOB_ADAPTERS
from settings import current_settings

log = structlog.get_logger(__name__)

RESEND_WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900, 1800))
#: The first look at a job, in parts of the time that it usually takes: whoever calls us when it is done is only looked
#: at in case that its call got lost.
FIRST_LOOK, FIRST_LOOK_IF_CALLED = 1.0, 2.0
#: A submit that cannot have been taken has cost nothing.
record_refusal = partial(outcomes.record_error, paid=False)
TAKEN_STATES = (StageState.RUNNING, StageState.UNCERTAIN, StageState.ATTENTION)


def submit(call: Call, provider: JobProvider, lease: Lease) -> Outcome:
    """Hand the job over and store its id at once; commits at each step."""
    try:
        if not call.model:
            call = calls.with_first_model(call, provider)
        if not calls.may_send(call, lease):
            calls.release_claim(call)
            return Outcome()
        ticket = provider.submit(call.request())
    except ProviderError as error:
        call.hide_words(error)
        log.info("submit failed", **call.facts, outcome=error.code, detail=error.detail, status=error.status)
        if call.attempt_id and may_have_been_taken(error):
            _doubt(call, error)
            return Outcome()
        return Outcome(check=record_refusal(call, error))
    store_ticket(call, ticket)
    return Outcome()


def may_have_been_taken(error: ProviderError) -> bool:
    """Whether the job may run although the submit failed; the adapter knows which of its provider's 5xx say so."""
    return isinstance(error, OutcomeUnknown | InvalidResponse)


def doubt(stage: Stage, attempt: Attempt, code: str, now: datetime) -> None:
    """Nobody knows whether the attempt was taken: look for its answer, or ask a person. The caller commits."""
    attempt.state, attempt.code = AttemptState.UNCERTAIN, code
    until = _first_look(attempt, now)
    stages.transition(
        stage,
        {StageState.RUNNING, StageState.UNCERTAIN},
        state=StageState.UNCERTAIN if until else StageState.ATTENTION,
        reason=StageReason.ANSWER_LOST,
        lease_until=None,
        due_at=until or now,
        lost_answers=stage.lost_answers + 1,
    )


def open_attempt(stage_id: int) -> Attempt | None:
    """The attempt of the stage whose end is not known, or whose job runs; there is one at most."""
    unended = Attempt.state.in_(AttemptState.unended())
    return db.session.scalar(select(Attempt).where(Attempt.stage_id == stage_id, unended))


def call_of(stage: Stage, attempt: Attempt) -> Call | None:
    """The call of an attempt as it was made, with its own key; None if the key cannot be opened."""
    place = snapshot_place(stage.stage_type, attempt.provider_kind)
    try:
        key = current_vault().open(attempt.api_key_encrypted or "", place)  # pragma: no mutate  # as in sealed_keys
    except Unreadable:
        return None
    order = db.session.get_one(Order, stage.order_id)
    return Call(
        stage.id,
        order.id,
        stage.stage_type,
        stage.claim,
        brief=order.brief,
        poem=calls.poem_for(stage, order) or "",  # pragma: no mutate  # there is one: it has been sent
        config=ResolvedConfig(attempt.provider_kind, key, attempt.model, attempt.config_version or 0),
        model=attempt.model,
        base_url=current_settings().base_url(attempt.provider_kind),
        attempt_id=attempt.id,
        token=attempt.token,
    )


@retry_while_storage_down
def store_ticket(call: Call, ticket: Ticket, first_look: datetime | None = None) -> None:
    """Keep the job's id, whoever holds the stage meanwhile: the job runs and is paid for.

    The attempt decides, not the claim: as long as it has not been given up, this is the answer that it waits for.
    """
    now = utc_now()
    adapter = JOB_ADAPTERS[call.config.provider_kind]
    stages.lock_order(call.order_id)
    attempt = db.session.get_one(Attempt, call.attempt_id)
    if attempt.job_id not in (None, ticket.job_id):
        log.error("second job for one attempt", **call.facts, job_id=ticket.job_id)
        db.session.rollback()
        return
    waited_for = attempt.state in AttemptState.unended()
    if waited_for:
        attempt.state, attempt.code = AttemptState.ACCEPTED, None
        attempt.deadline_at = now + timedelta(seconds=adapter.longest_seconds)
    attempt.job_id, attempt.submitted_at, attempt.provider_request_id = ticket.job_id, now, ticket.request_id
    try:
        db.session.flush()
    except IntegrityError:
        # The provider gave us an id that another attempt has: whose job it is, only a person can tell.
        db.session.rollback()
        _move_whoever_holds_it(call, state=StageState.ATTENTION, reason=StageReason.JOB_ID_TAKEN, lease_until=None)
        db.session.commit()
        return
    if waited_for:
        _move_whoever_holds_it(
            call,
            state=StageState.SUBMITTED,
            reason=None,
            detail="",
            lease_until=None,
            due_at=first_look or now + timedelta(seconds=adapter.usual_seconds * _first_look_at(adapter)),
            provider_request_id=ticket.request_id,
            model=ticket.model,
            passing_failures=0,
        )
    db.session.commit()
    log.info("job submitted", **call.facts, job_id=ticket.job_id, request_id=ticket.request_id)


def _move_whoever_holds_it(call: Call, **values: Any) -> None:
    stages.lock_order(call.order_id)
    stages.transition(db.session.get_one(Stage, call.id), TAKEN_STATES, **values)


@retry_while_storage_down
def _doubt(call: Call, error: ProviderError) -> None:
    stage = db.session.get_one(Stage, call.id)
    attempt = db.session.get_one(Attempt, call.attempt_id)
    if stage.claim == call.claim and attempt.state is AttemptState.OPEN:
        attempt.ended_at, attempt.provider_request_id = utc_now(), error.request_id
        doubt(stage, attempt, error.code, utc_now())
    db.session.commit()


def will_call(adapter: type[JobProvider]) -> bool:
    """Whether the provider tells us when a job has ended, so that looks are the exception."""
    return adapter.calls_back and bool(current_settings().public_url)


def _first_look_at(adapter: type[JobProvider]) -> float:
    return FIRST_LOOK_IF_CALLED if will_call(adapter) else FIRST_LOOK


def _first_look(attempt: Attempt, now: datetime) -> datetime | None:
    """When to do something about an uncertain submit; None if nothing can be done.

    That is to send it again, to confirm what we were called about, or to stop waiting to be called.
    """
    adapter = JOB_ADAPTERS[attempt.provider_kind]
    if attempt.hinted_job_id:
        return now
    if adapter.idempotent_submit:
        return now + RESEND_WAITS[0]
    if not current_settings().public_url:
        return None
    return now + timedelta(seconds=adapter.longest_seconds)
