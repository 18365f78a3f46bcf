"""Handing jobs to providers, and finding out what became of a submit whose answer was lost.

A submit may cost money the moment that it is received. After a lost answer it is sent again only to a provider that
promises to take the same token for the same job; at any other the provider's own call back may still name the job,
and after that a person decides.
"""

import time
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from domain import calls, leases, outcomes, stages
from domain.calls import Call, snapshot_place
from domain.context import current_vault
from domain.db import db, utc_now
from domain.leases import Lease
from domain.orders import Attempt, AttemptState, Order, Stage, StageState
from domain.outcomes import Outcome
from domain.persistence import persisted
from domain.resolver import ResolvedConfig
from domain.stages import Taken
from domain.vault import Unreadable
from providers.base import JobProvider, Ticket
from providers.errors import AnswerLost, PassingError, ProviderError, UnreadableAnswer
from providers.kinds import StageType
from providers.registry import JOB_ADAPTERS, open_job_provider
from settings import current_settings

log = structlog.get_logger(__name__)

BATCH = 50
RESEND_WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900, 1800))
#: The first look at a job, in parts of the time that it usually takes: whoever calls us when it is done is only looked
#: at in case that its call got lost.
FIRST_LOOK, FIRST_LOOK_IF_CALLED = 1.0, 2.0
#: Why a stage stands whose job can be neither looked at nor sent again: the key that ordered it cannot be opened.
JOB_KEY_UNREADABLE: Final = "job_key_unreadable"
TAKEN_STATES = (StageState.RUNNING, StageState.UNCERTAIN, StageState.ATTENTION)


def submit(call: Call, provider: JobProvider, lease: Lease) -> Outcome:
    """Hand the job over and store its id at once; commits at each step."""
    try:
        if not call.model:
            call = calls.with_first_model(call, provider)
        if not calls.may_leave(call, lease):
            calls.give_back(call)
            return Outcome()
        ticket = provider.submit(call.request())
    except ProviderError as error:
        log.info("submit failed", **call.facts, outcome=error.code, detail=error.detail, status=error.status)
        if call.attempt_id and may_have_been_taken(error):
            _doubt(call, error)
            return Outcome()
        return Outcome(check=outcomes.record_error(call, error, paid=False))
    _store_ticket(call, ticket)
    return Outcome()


def may_have_been_taken(error: ProviderError) -> bool:
    """Whether the job may run although the submit failed; the adapter knows which of its provider's 5xx say so."""
    return isinstance(error, AnswerLost | UnreadableAnswer)


def doubt(stage: Stage, attempt: Attempt, code: str, now: datetime) -> None:
    """Nobody knows whether the attempt was taken: look for its answer, or ask a person. The caller commits."""
    attempt.state, attempt.code = AttemptState.UNCERTAIN, code
    until = _first_look(attempt, now)
    stages.move(
        stage,
        {StageState.RUNNING, StageState.UNCERTAIN},
        state=StageState.UNCERTAIN if until else StageState.ATTENTION,
        reason="answer_lost",
        lease_until=None,
        due_at=until or now,
        lost_answers=stage.lost_answers + 1,
    )


def resolve_due(now: datetime) -> list[StageType]:
    """Find out about uncertain submits, and give up what was waited for long enough; commits at each step.

    Returns the types of the stages whose section must be checked now.
    """
    asked_at = time.monotonic()
    due = stages.take_due(StageState.UNCERTAIN, now, BATCH)
    db.session.commit()
    with leases.renewed(*((each.id, each.claim) for each in due), asked_at=asked_at) as held:
        checks = [_resolve(each, lease, now) for each, lease in zip(due, held, strict=True)]
    return [check for check in checks if check]


def _resolve(taken: Taken, lease: Lease, now: datetime) -> StageType | None:
    stage = db.session.get_one(Stage, taken.id, populate_existing=True)
    if stage.claim != taken.claim or not lease.is_fresh():
        # Frozen meanwhile, or slow: somebody else sees to it, or will when the lease has run out.
        db.session.rollback()
        return None
    attempt = open_attempt(taken.id)
    call = call_of(stage, attempt) if attempt is not None else None
    if call is None and attempt is not None and _needs_its_key(attempt):
        _wait_for_the_key(stage, now)
        db.session.commit()
        return None
    order_id, losses, hinted = stage.order_id, stage.lost_answers, attempt.hinted_job_id if attempt else None
    db.session.commit()
    if call is None:
        _leave_to_a_person(taken, order_id, hinted)
        return None
    provider = open_job_provider(call.config.provider_kind, call.credentials)
    if hinted and _confirm(call, provider, hinted, losses, now):
        return None
    if provider.honours_tokens:
        return _send_again(call, provider, losses, now)
    _leave_to_a_person(taken, order_id, hinted)
    return None


def _needs_its_key(attempt: Attempt) -> bool:
    """Whether there is something to find out at the provider, which its key has to be opened for."""
    return bool(attempt.hinted_job_id) or JOB_ADAPTERS[attempt.provider_kind].honours_tokens


def _wait_for_the_key(stage: Stage, now: datetime) -> None:
    """Look again whether the key can be opened, as often as an answer would be looked for; then a person decides."""
    losses = stage.lost_answers
    if losses < len(RESEND_WAITS):
        moved = {"reason": JOB_KEY_UNREADABLE, "due_at": now + RESEND_WAITS[losses], "lost_answers": losses + 1}
    else:
        moved = {"reason": "answer_lost", "state": StageState.ATTENTION}
    stages.move(stage, {StageState.UNCERTAIN}, lease_until=None, **moved)


def _confirm(call: Call, provider: JobProvider, job_id: str, losses: int, now: datetime) -> bool:
    """Adopt the job that a call to us has named, if the provider, asked with the attempt's own key, knows it.

    Whether that is settled, or will be when the provider can be asked again.
    """
    try:
        provider.poll(job_id)
    except ProviderError as error:
        log.info("call back not confirmed", **call.facts, outcome=error.code)
        if isinstance(error, PassingError) and not provider.honours_tokens:
            _look_again(call, losses, now)
            return True
        return False
    _store_ticket(call, Ticket(job_id, call.model), first_look=now)
    return True


def open_attempt(stage_id: int) -> Attempt | None:
    """The attempt of the stage whose end is not known, or whose job runs; there is one at most."""
    return db.session.scalar(
        select(Attempt).where(Attempt.stage_id == stage_id, Attempt.state.in_(AttemptState.unended())),
        execution_options={"populate_existing": True},
    )


def call_of(stage: Stage, attempt: Attempt) -> Call | None:
    """The call of an attempt as it was made, with its own key; None if the key cannot be opened."""
    place = snapshot_place(stage.stage_type, attempt.provider_kind)
    try:
        key = current_vault().open(attempt.api_key_encrypted or "", place)
    except Unreadable:
        return None
    order = db.session.get_one(Order, stage.order_id)
    return Call(
        stage.id,
        order.id,
        stage.stage_type,
        stage.claim,
        brief=order.brief,
        poem=calls.poem_for(stage, order) or "",
        config=ResolvedConfig(attempt.provider_kind, key, attempt.model, attempt.config_version or 0),
        model=attempt.model,
        base_url=current_settings().base_url(attempt.provider_kind),
        attempt_id=attempt.id,
        token=attempt.token,
    )


@persisted
def _store_ticket(call: Call, ticket: Ticket, first_look: datetime | None = None) -> None:
    """Keep the job's id, whoever holds the stage meanwhile: the job runs and is paid for.

    The attempt decides, not the claim: as long as it has not been given up, this is the answer that it waits for.
    """
    now = utc_now()
    adapter = JOB_ADAPTERS[call.config.provider_kind]
    stages.lock_order(call.order_id)
    attempt = db.session.get_one(Attempt, call.attempt_id, populate_existing=True)
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
        _move_whoever_holds_it(call, state=StageState.ATTENTION, reason="job_id_taken", lease_until=None)
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
    stages.move(db.session.get_one(Stage, call.id, populate_existing=True), TAKEN_STATES, **values)


@persisted
def _doubt(call: Call, error: ProviderError) -> None:
    stage = db.session.get_one(Stage, call.id, populate_existing=True)
    attempt = db.session.get_one(Attempt, call.attempt_id, populate_existing=True)
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
    if adapter.honours_tokens:
        return now + RESEND_WAITS[0]
    if not current_settings().public_url:
        return None
    return now + timedelta(seconds=adapter.longest_seconds)


def _send_again(call: Call, provider: JobProvider, losses: int, now: datetime) -> StageType | None:
    """The same token and body once more: the provider answers with the job that it has, or takes it now."""
    try:
        ticket = provider.submit(call.request())
    except ProviderError as error:
        log.info("submit repeated", **call.facts, outcome=error.code, detail=error.detail)
        if not (may_have_been_taken(error) or isinstance(error, PassingError)):
            return outcomes.record_error(call, error, paid=False)
        _look_again(call, losses, now)
        return None
    _store_ticket(call, ticket)
    return None


@persisted
def _look_again(call: Call, losses: int, now: datetime) -> None:
    if losses >= len(RESEND_WAITS):
        stages.move(call, {StageState.UNCERTAIN}, state=StageState.ATTENTION, reason="answer_lost", lease_until=None)
    else:
        moved = {"due_at": now + RESEND_WAITS[losses], "lost_answers": losses + 1, "reason": "answer_lost"}
        stages.move(call, {StageState.UNCERTAIN}, lease_until=None, **moved)
    db.session.commit()


@persisted
def _leave_to_a_person(taken: Taken, order_id: int, hinted: str | None) -> None:
    """Nothing more can be found out; unless a call to us has named another job just now."""
    stages.lock_order(order_id)
    stage = db.session.get_one(Stage, taken.id, populate_existing=True)
    attempt = open_attempt(taken.id)
    if stage.claim == taken.claim:
        if attempt is not None and attempt.hinted_job_id not in (None, hinted):
            stages.move(stage, {StageState.UNCERTAIN}, due_at=utc_now(), lease_until=None)
        else:
            stages.move(
                stage, {StageState.UNCERTAIN}, state=StageState.ATTENTION, reason="answer_lost", lease_until=None
            )
    db.session.commit()
