"""Checking a key and fetching its models: after a save, on demand, by itself while invalid, and every 24 hours."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog
import tenacity
from sqlalchemy import or_, select, update

from domain import leases, quotas, verdicts, waiting
from domain.context import current_vault
from domain.db import db, utc_now
from domain.leases import LEASE
from domain.orders import Ready
from domain.persistence import persisted
from domain.provider_configs import (
    PASSING_REASONS,
    Finding,
    ProviderConfig,
    Reason,
    Status,
    find,
    live_place,
)
from domain.vault import Unreadable
from domain.verdicts import Answer
from providers.base import Credentials, Provider
from providers.errors import PassingError, ProviderError, UnreadableAnswer
from providers.kinds import ProviderKind, StageType
from providers.registry import has_adapter, open_provider
from settings import current_settings

log = structlog.get_logger(__name__)

ATTEMPTS = 4
BUDGET_SECONDS = 30.0
#: Of a provider that counts calls: the models of such are those of its documentation.
CALLS_OF_A_CHECK = 1
#: Renewed while the check lasts: a check whose worker was killed is begun anew after this.
CLAIM = LEASE


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be checked, as it was when the check began."""

    stage_type: StageType
    version: int
    is_candidate: bool
    provider_kind: ProviderKind
    api_key_encrypted: str | None = field(repr=False)


def check(stage_type: StageType) -> list[Ready]:
    """Ask the provider about the candidate, or the live setting where none waits, and store what it says.

    Commits before it asks and after. Called twice at once, the second does nothing. An answer about settings that
    were changed meanwhile is thrown away. Returns the stages that can start because the section works now.
    """
    question = _begin(stage_type, utc_now())
    if question is None:
        return []
    with leases.renewing(partial(_keep_claim, question)):
        answer = _ask(question)
        works = _store(question, answer)
    if works:
        return waiting.release(question.stage_type, utc_now())
    waiting.tell_why(question.stage_type)
    return []


def request_stale_refreshes(now: datetime) -> list[StageType]:
    """Want a check for each live section whose list is 24 hours old or older; commits, and returns them."""
    oldest = now - timedelta(hours=current_settings().models_max_age_hours)
    rows = db.session.scalars(
        select(ProviderConfig)
        .where(
            ProviderConfig.provider_kind.is_not(None),
            or_(ProviderConfig.models_cache_updated_at.is_(None), ProviderConfig.models_cache_updated_at <= oldest),
            ProviderConfig.check_requested_at.is_(None),
        )
        .with_for_update()
    ).all()
    for row in rows:
        row.check_requested_at = now
    stale = [row.stage_type for row in rows]
    db.session.commit()
    return stale


def due_checks(now: datetime, patience: timedelta) -> list[StageType]:
    """Sections whose check was asked for more than ``patience`` ago and has not begun, or that heal now; commits."""
    unclaimed = or_(ProviderConfig.check_claimed_until.is_(None), ProviderConfig.check_claimed_until < now)
    rows = db.session.scalars(
        select(ProviderConfig)
        .where(
            unclaimed,
            or_(ProviderConfig.check_requested_at <= now - patience, ProviderConfig.next_check_at <= now),
        )
        .with_for_update()
    ).all()
    for row in rows:
        row.check_requested_at = now
    due = [row.stage_type for row in rows]
    db.session.commit()
    return due


def _begin(stage_type: StageType, now: datetime) -> Question | None:
    row = find(stage_type, lock=True)
    if row is None or row.provider_kind is None or (row.check_claimed_until and row.check_claimed_until > now):
        db.session.rollback()
        return None
    row.check_claimed_until = now + CLAIM
    row.check_requested_at = row.check_requested_at or now
    row.next_check_at = None
    undecided = row.candidate_status is Status.UNKNOWN or row.candidate_reason in PASSING_REASONS
    if row.candidate_provider_kind is not None and undecided:
        question = Question(stage_type, row.version, True, row.candidate_provider_kind, row.candidate_api_key_encrypted)
    else:
        question = Question(stage_type, row.version, False, row.provider_kind, row.api_key_encrypted)
    quotas.note(question.provider_kind, CALLS_OF_A_CHECK, now)
    db.session.commit()
    return question


def _keep_claim(question: Question) -> None:
    """Nobody else is to begin this check for another while; commits."""
    db.session.execute(
        update(ProviderConfig)
        .where(
            ProviderConfig.stage_type == question.stage_type,
            ProviderConfig.version == question.version,
            ProviderConfig.check_claimed_until.is_not(None),
        )
        .values(check_claimed_until=utc_now() + CLAIM)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def _ask(question: Question) -> Answer:
    """Two questions to the provider: is the key accepted, and which models can it use."""
    if not has_adapter(question.provider_kind):
        return Answer(finding=Finding(Reason.PROVIDER_OFF))
    try:
        key = _open_key(question)
    except Unreadable:
        return Answer(finding=Finding(Reason.UNREADABLE))
    base_url = current_settings().base_url(question.provider_kind)
    provider = open_provider(question.provider_kind, Credentials(key, base_url))
    return _patiently(provider, question.stage_type)


def _finding(error: ProviderError) -> Finding:
    """What an error of a check says; one that is not about the settings has learnt nothing of them."""
    known = error.code in Reason.__members__.values() and not isinstance(error, UnreadableAnswer)
    return Finding(Reason(error.code) if known else Reason.UNAVAILABLE, error.detail or error.code)


def _open_key(question: Question) -> str:
    if question.api_key_encrypted is None:
        return ""
    return current_vault().open(question.api_key_encrypted, live_place(question.stage_type, question.provider_kind))


def _patiently(provider: Provider, stage_type: StageType) -> Answer:
    """Check the key and list the models, trying again while the failure may pass: 4 attempts within 30 s.

    Two verdicts: what the list meets says nothing of a key that was accepted, and which is not asked about again.
    """
    accepted = False
    try:
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PassingError),
            stop=_stop,
            wait=_wait,
            reraise=True,
        ):
            with attempt:
                if not accepted:
                    provider.check_key(stage_type)
                    accepted = True
                return Answer(provider.list_models(stage_type))
    except ProviderError as error:
        return Answer(list_finding=_finding(error)) if accepted else Answer(finding=_finding(error))
    raise AssertionError("tenacity ended without a result or an error")


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds: what the provider asked for, else 1, 2, 4 with jitter."""
    error = state.outcome.exception() if state.outcome else None
    asked_for = error.retry_after if isinstance(error, ProviderError) else None
    return asked_for if asked_for is not None else tenacity.wait_exponential_jitter(initial=1, max=8, jitter=1)(state)


def _stop(state: tenacity.RetryCallState) -> bool:
    """Whether the attempts are used up, or the next would begin after the budget: no sleeping for a long hint."""
    late = (state.seconds_since_start or 0) + state.upcoming_sleep > BUDGET_SECONDS
    return late or state.attempt_number >= ATTEMPTS


@persisted
def _store(question: Question, answer: Answer) -> bool:
    """Store what the check has found; whether the section works now. Changes nothing the second time."""
    now = utc_now()
    row = find(question.stage_type, lock=True)
    if row is None or row.version != question.version:
        # A newer save is in force. Its own check is asked for already.
        db.session.rollback()
        log.info("check outdated", stage_type=question.stage_type)
        return False
    row.check_requested_at = row.check_claimed_until = None
    if question.is_candidate:
        verdicts.store_candidate(row, answer, now)
    else:
        verdicts.store_live(row, answer, now)
    works = row.status is Status.ACTIVE
    db.session.commit()
    finding = answer.finding
    log.info(
        "check finished",
        stage_type=question.stage_type,
        provider=question.provider_kind,
        candidate=question.is_candidate,
        outcome=finding.reason if finding else "passed",
        models=len(answer.models),
    )
    return works
