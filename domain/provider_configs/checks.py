"""Checking a key and fetching its models: after a save, on demand, by itself while invalid, and every 24 hours.

What is new, what a person asks for, and what an order was refused for is proven as well: key and model have to
generate (``providers.base.Proof``). The daily refresh asks nothing that costs.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
import tenacity
from sqlalchemy import ColumnElement, and_, or_, select, update

from domain import quotas
from domain.db import db, utc_now
from domain.orders import leases
from domain.orders.leases import LEASE
from domain.orders.models import Ready
from domain.provider_configs import check_results, release
from domain.provider_configs.check_results import CheckResult
from domain.provider_configs.model_lists import spelled_as_listed
from domain.provider_configs.models import FoundBy, Problem, ProviderConfig, Reason, Status, find, live_place
from domain.secrets.context import current_vault
from domain.secrets.vault import Unreadable
from domain.storage_retry import retry_while_storage_down
from providers.base import Credentials, Proof, Provider
from providers.errors import (
    ContentBlocked,
    InvalidResponse,
    PermissionMissing,
    ProviderError,
    RequestRefused,
    TransientError,
)
from providers.kinds import ProviderKind, StageType
from providers.registry import has_adapter, open_provider
from settings import current_settings

log = structlog.get_logger(__name__)

ATTEMPTS = 4
BUDGET_SECONDS = 30.0
#: Of a provider that counts calls: the models of such are those of its documentation.
CALLS_OF_A_CHECK = 1
#: Answers of a gateway to a question that it does not know.
NO_SUCH_ADDRESS = (404, 405, 501)
#: Renewed while the check lasts: a check whose worker was killed is begun anew after this.
CLAIM = LEASE


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What is to be checked, as it was when the check began."""

    stage_type: StageType
    version: int
    is_candidate: bool
    provider_kind: ProviderKind
    api_key_encrypted: str | None = field(repr=False)
    #: Since when this check was wanted: one that is wanted later is another.
    requested_at: datetime
    #: Whether key and model have to be shown to generate.
    proof: bool
    #: The model that was chosen; empty where the first of the list is to be taken.
    model: str
    #: Whether ``model`` worked before, so that it is kept even if the list does not have it.
    model_is_kept: bool = False
    #: Whether somebody chose ``model`` for this key, so that it can be proven although the list cannot be fetched.
    model_is_named: bool = True


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
        return release.release(question.stage_type, utc_now(), from_now_on=bool(answer.proven))
    release.update_wait_reason(question.stage_type)
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
    """Sections whose check was asked for more than ``patience`` ago and has not begun, or that heal now; commits.

    One that does not work and that nobody is to look at, whatever has come between, heals from now on.
    """
    unclaimed = or_(ProviderConfig.check_claimed_until.is_(None), ProviderConfig.check_claimed_until < now)
    rows = db.session.scalars(
        select(ProviderConfig)
        .where(
            unclaimed,
            or_(
                ProviderConfig.check_requested_at <= now - patience,
                ProviderConfig.next_check_at <= now,
                ProviderConfig.candidate_next_check_at <= now,
                _is_forgotten(),
            ),
        )
        .with_for_update()
    ).all()
    due = [row.stage_type for row in rows if _want(row, now)]
    db.session.commit()
    return due


def _is_forgotten() -> ColumnElement[bool]:
    """Whether a section does not work and nothing is planned that could find out that it works again."""
    return and_(
        ProviderConfig.status == Status.INVALID,
        ProviderConfig.provider_kind.is_not(None),
        ProviderConfig.check_requested_at.is_(None),
        ProviderConfig.next_check_at.is_(None),
        ProviderConfig.probe_stage_id.is_(None),
    )


def _want(row: ProviderConfig, now: datetime) -> bool:
    """Want what is due of ``row``; False where nothing is yet."""
    heals = _is_past(row.next_check_at, now)
    if not (row.check_requested_at or heals or row.candidate_is_due(now)):
        row.resume_healing(now)
        return False
    row.proof_requested = row.proof_requested or (row.is_refused and heals)
    row.check_requested_at = now
    return True


def _begin(stage_type: StageType, now: datetime) -> CheckRequest | None:
    row = find(stage_type, lock=True)
    if row is None or row.provider_kind is None or (row.check_claimed_until and row.check_claimed_until > now):
        db.session.rollback()
        return None
    row.check_claimed_until = now + CLAIM
    row.check_requested_at = row.check_requested_at or now
    question = _question(row, row.provider_kind, row.check_requested_at, now)
    if not question.is_candidate and _is_past(row.next_check_at, now) and (question.proof or not row.is_refused):
        row.next_check_at = None
    if has_adapter(question.provider_kind):
        quotas.note(question.provider_kind, CALLS_OF_A_CHECK, now)
    db.session.commit()
    return question


def _question(row: ProviderConfig, live_kind: ProviderKind, requested_at: datetime, now: datetime) -> CheckRequest:
    kind = row.candidate_provider_kind
    if kind is not None and row.candidate_is_due(now):
        inherited = row.model if kind == row.provider_kind else None
        return CheckRequest(
            row.stage_type,
            row.version,
            True,
            kind,
            row.candidate_api_key_encrypted,
            requested_at,
            proof=True,
            model=row.candidate_model or inherited or "",
            model_is_named=row.candidate_model is not None,
        )
    return CheckRequest(
        row.stage_type,
        row.version,
        False,
        live_kind,
        row.api_key_encrypted,
        requested_at,
        proof=row.proof_requested or not row.has_live,
        model=row.model or "",
        model_is_kept=row.has_live,
    )


def _is_past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _keep_claim(question: CheckRequest) -> None:
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


def _ask(question: CheckRequest) -> CheckResult:
    """What the provider says to the question; nothing is stored."""
    if not has_adapter(question.provider_kind):
        return CheckResult(finding=Problem(Reason.PROVIDER_OFF))
    try:
        key = _open_key(question)
    except Unreadable:
        return CheckResult(finding=Problem(Reason.UNREADABLE))
    base_url = current_settings().base_url(question.provider_kind)
    provider = open_provider(question.provider_kind, Credentials(key, base_url))
    return _patiently(provider, question)


def _finding(error: ProviderError, found_by: FoundBy = FoundBy.CHECK) -> Problem:
    """What an error of a check says; one that is not about the settings has learnt nothing of them."""
    if found_by is FoundBy.PROOF and isinstance(error, RequestRefused):
        return Problem(Reason.MODEL_UNFIT, error.detail or error.code, found_by)
    known = error.code in Reason.__members__.values()
    return Problem(Reason(error.code) if known else Reason.UNAVAILABLE, error.detail or error.code, found_by)


def _open_key(question: CheckRequest) -> str:
    if question.api_key_encrypted is None:
        return ""
    return current_vault().open(question.api_key_encrypted, live_place(question.stage_type, question.provider_kind))


def _patiently(provider: Provider, question: CheckRequest) -> CheckResult:
    """Ask all that the question wants, trying again while a failure may pass: 4 attempts within 30 s.

    What has been answered is not asked again, and nobody sleeps for a provider that asks for more than is left.
    """
    asking = _Asking(provider, question)
    try:
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception(asking.may_pass),
            stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_before_delay(BUDGET_SECONDS),
            wait=_wait,
            reraise=True,
        ):
            with attempt:
                asking.go_on()
    except ProviderError as error:
        asking.end(error)
    return asking.answer


@dataclass(slots=True)
class _Asking:
    """How far a check has come. Two verdicts: what the list meets says nothing of a key that was accepted."""

    provider: Provider
    question: CheckRequest
    answer: CheckResult = field(default_factory=CheckResult)
    is_accepted: bool = False
    is_listed: bool = False

    def go_on(self) -> None:
        """Ask what has not been answered yet. Raises what the provider raises."""
        if not (self.is_accepted or self.question.proof):
            self.answer = replace(self.answer, balance=self.provider.check_key(self.question.stage_type))
            self.is_accepted = True
        if not self.is_listed:
            models = self._listed()
            self.answer = replace(self.answer, models=models)
            self.is_listed = True
        if self.question.proof:
            self._prove()

    def may_pass(self, error: BaseException) -> bool:
        """Whether asking once more may help. A proof that cannot be read was paid for, if with next to nothing."""
        is_paid = self.is_listed and self.question.proof and isinstance(error, InvalidResponse)
        return isinstance(error, TransientError) and not is_paid

    def end(self, error: ProviderError) -> None:
        """The last attempt has failed, or one that none can follow."""
        if self.is_listed:
            self.answer = replace(self.answer, finding=_finding(error, FoundBy.PROOF))
        elif self._can_do_without_list(error):
            self.answer = replace(self.answer, list_finding=self._finding_of_list(error))
            self.is_listed = True
            self._prove_once()
        elif self.is_accepted or self._is_about_the_list(error):
            # Of a key that may not list: what it may generate was shown before.
            self.answer = replace(self.answer, list_finding=self._finding_of_list(error))
        else:
            self.answer = replace(self.answer, finding=_finding(error))

    def _can_do_without_list(self, error: ProviderError) -> bool:
        """Whether the proof can tell although nobody says which models there are: some gateways never do."""
        question = self.question
        return question.proof and bool(question.model) and question.model_is_named and isinstance(error, TransientError)

    def _prove_once(self) -> None:
        try:
            self._prove()
        except ProviderError as error:
            self.end(error)

    def _listed(self) -> tuple[str, ...]:
        try:
            return self.provider.list_models(self.question.stage_type)
        except ProviderError as error:
            if not (self._is_about_the_list(error) or self._has_no_list(error)):
                raise
            self.answer = replace(self.answer, list_finding=self._finding_of_list(error))
            return ()

    def _is_about_the_list(self, error: ProviderError) -> bool:
        """Whether the refusal says nothing of generating: a key may have the right to one and not to the other."""
        return isinstance(error, PermissionMissing) and self.provider.proof is Proof.TEXT

    def _has_no_list(self, error: ProviderError) -> bool:
        """Whether there is no such address: a gateway that lists nothing is not away."""
        return error.status in NO_SUCH_ADDRESS and self.provider.proof is Proof.TEXT

    def _finding_of_list(self, error: ProviderError) -> Problem:
        return Problem(Reason.NO_LIST, error.detail) if self._has_no_list(error) else _finding(error)

    def _prove(self) -> None:
        model = self._model()
        if isinstance(model, Problem):
            self.answer = replace(self.answer, finding=model)
            return
        with suppress(ContentBlocked):
            # Whoever dislikes the words has read them, with a key and a model that serve.
            balance = self.provider.prove(self.question.stage_type, model)
            self.answer = replace(self.answer, balance=balance)
        self.answer = replace(self.answer, proven=model)

    def _model(self) -> str | Problem:
        """The model to be proven, or why there is none."""
        chosen, models = self.question.model, self.answer.models
        listed = spelled_as_listed(chosen, models)
        if listed or (chosen and (self.question.model_is_kept or self.answer.list_finding)):
            return listed or chosen
        if chosen and models:
            return Problem(Reason.MODEL_NOT_LISTED, chosen)
        if models:
            return models[0]
        if self.answer.list_finding:
            return Problem(Reason.MODEL_NOT_CHOSEN, self.answer.list_finding.detail)
        return Problem(Reason.UNAVAILABLE, "empty list")


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds: what the provider asked for, else 1, 2, 4, each with up to a second more."""
    error = state.outcome and state.outcome.exception()
    if isinstance(error, ProviderError) and error.retry_after is not None:
        return error.retry_after
    return tenacity.wait_exponential_jitter()(state)


def _forget_if_answered(row: ProviderConfig, question: CheckRequest) -> None:
    """Whatever has been asked for since is still to be done: of the live setting, beside a candidate, or once more."""
    if row.check_requested_at != question.requested_at:
        return
    if question.is_candidate and row.proof_requested:
        row.check_claimed_until = None
    else:
        row.forget_check()


@retry_while_storage_down
def _store(question: CheckRequest, answer: CheckResult) -> bool:
    """Store what the check has found; whether the section works now. Changes nothing the second time."""
    now = utc_now()
    row = find(question.stage_type, lock=True)
    if row is None or row.version != question.version:
        # A newer save is in force. Its own check is asked for already.
        db.session.rollback()
        log.info("check outdated", stage_type=question.stage_type)
        return False
    _forget_if_answered(row, question)
    if question.is_candidate:
        check_results.store_candidate(row, answer, now)
    else:
        check_results.store_live(row, answer, now)
    works = row.status is Status.ACTIVE
    db.session.commit()
    log.info(
        "check finished",
        stage_type=question.stage_type,
        provider=question.provider_kind,
        candidate=question.is_candidate,
        outcome=answer.finding.reason if answer.finding else "passed",
        models=len(answer.models),
    )
    return works
