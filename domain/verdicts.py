"""What the answer to a check means for the section: promoted, refused, healed. The caller commits."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from domain import history, model_lists
from domain.model_lists import spelled_as_listed
from domain.provider_configs import PASSING_REASONS, Finding, FoundBy, ProviderConfig, Reason, Status

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """Two verdicts: ``finding`` is why the key did not pass, ``list_finding`` why its models are not known."""

    models: tuple[str, ...] = ()
    finding: Finding | None = None
    list_finding: Finding | None = None


def store_candidate(row: ProviderConfig, answer: Answer, now: datetime) -> None:
    """Promote the candidate if it passed, else say why not; the live setting is touched only by a promotion."""
    row.candidate_checked_at = now
    finding = answer.finding or _no_list(answer) or _unlisted(row.candidate_model, answer)
    row.candidate_models = list(answer.models)
    if finding is not None:
        row.candidate_status, row.candidate_reason, row.candidate_detail = (
            Status.INVALID,
            finding.reason,
            finding.detail,
        )
        if finding.reason in PASSING_REASONS:
            row.plan_candidate(now)
        history.record_check(row.stage_type, "candidate_refused", reason=finding.reason, detail=finding.detail)
        return
    _promote(row, answer, now)


def _promote(row: ProviderConfig, answer: Answer, now: datetime) -> None:
    row.keep_as_previous()
    wanted = row.candidate_model or row.model
    row.model = spelled_as_listed(wanted, answer.models) or answer.models[0]
    row.provider_kind = row.candidate_provider_kind
    row.api_key_encrypted, row.api_key_last4 = row.candidate_api_key_encrypted, row.candidate_api_key_last4
    row.clear_candidate()
    # Nothing of another key's list is missing in this one's, and nothing in this one is new.
    row.forget_models()
    row.models_cache, row.models_cache_updated_at = [], None
    row.version += 1
    row.key_version = row.version
    row.updated_at, row.status_since = now, now
    history.record_check(row.stage_type, "candidate_promoted", provider_kind=row.provider_kind, model=row.model)
    _pass(row, answer, now, is_told=True)


def store_live(row: ProviderConfig, answer: Answer, now: datetime) -> None:
    """Take the list of a live setting that passed, or keep the old one, mark the section and plan its healing."""
    row.checked_at = now
    finding = answer.finding
    if finding is None and not row.has_live:
        finding = _no_list(answer) or _unlisted(row.model, answer)
        if finding and answer.models:
            # The key is good and its list is known: show it, so that the administrator can choose.
            row.models_cache, row.models_cache_updated_at = list(answer.models), now
    if finding is None and row.reason is Reason.MODEL_NOT_FOUND and (_no_list(answer) or _unlisted(row.model, answer)):
        # The provider refused to generate with this model; that it listed others does not bring it back.
        finding = Finding(Reason.MODEL_NOT_FOUND, row.detail, FoundBy.GENERATION)
    if finding is None:
        has_recovered = row.status is Status.INVALID
        if has_recovered:
            history.record_check(row.stage_type, "section_recovered")
        _pass(row, answer, now, is_told=has_recovered)
        return
    history.record_check(row.stage_type, "section_invalid", reason=finding.reason, detail=finding.detail)
    log.warning("section invalid", stage_type=row.stage_type, reason=finding.reason, detail=finding.detail)
    row.set_status(Status.INVALID, finding, now)
    row.plan_healing(now)


def _pass(row: ProviderConfig, answer: Answer, now: datetime, *, is_told: bool) -> None:
    """The live setting works: take its list where that came, and its first model where none was chosen.

    ``is_told`` is whether the history says already that the check has passed.
    """
    row.set_status(Status.ACTIVE, None, now)
    row.checked_at = row.passed_at = now
    row.activated_at = row.activated_at or now
    row.stop_healing()
    if answer.list_finding is not None:
        _keep_list(row, answer.list_finding, now)
    elif not model_lists.take(row, answer.models, now) and not is_told:
        # Nothing else to tell: the same again is counted in one line.
        history.record_check(row.stage_type, "check_passed", models=len(answer.models))
    if not row.model and answer.models:
        row.model = answer.models[0]


def _keep_list(row: ProviderConfig, finding: Finding, now: datetime) -> None:
    history.record_check(row.stage_type, "list_not_fetched", reason=finding.reason, detail=finding.detail)
    row.models_reason, row.models_detail, row.models_tried_at = finding.reason, finding.detail, now


def _no_list(answer: Answer) -> Finding | None:
    """A finding if there is no list to choose from: nobody knows then which model could serve."""
    return answer.list_finding or (None if answer.models else Finding(Reason.UNAVAILABLE, "empty list"))


def _unlisted(model: str | None, answer: Answer) -> Finding | None:
    """A finding if ``model`` was chosen and is not among the models of the key."""
    if not model or spelled_as_listed(model, answer.models):
        return None
    return Finding(Reason.MODEL_NOT_LISTED, model)
