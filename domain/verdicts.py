"""What the answer to a check means for the section: promoted, refused, healed. The caller commits."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from domain import history
from domain.provider_configs import PASSING_REASONS, Finding, ProviderConfig, Reason, Status

log = structlog.get_logger(__name__)

ACTOR = "check"


@dataclass(frozen=True, slots=True)
class Answer:
    """The models of a key that passed, or why it did not."""

    models: tuple[str, ...] = ()
    finding: Finding | None = None


def store_candidate(row: ProviderConfig, answer: Answer, now: datetime) -> None:
    """Promote the candidate if it passed, else say why not; the live setting is touched only by a promotion."""
    row.candidate_checked_at = now
    finding = answer.finding or _unlisted(row.candidate_model, answer)
    row.candidate_models = list(answer.models)
    if finding is not None:
        row.candidate_status, row.candidate_reason, row.candidate_detail = (
            Status.INVALID,
            finding.reason,
            finding.detail,
        )
        if finding.reason in PASSING_REASONS:
            row.plan_healing(now)
        history.record(ACTOR, "candidate_refused", row.stage_type, reason=finding.reason, detail=finding.detail)
        return
    kept = row.model if row.model in answer.models else None
    row.model = row.candidate_model or kept or answer.models[0]
    row.provider_kind = row.candidate_provider_kind
    row.api_key_encrypted, row.api_key_last4 = row.candidate_api_key_encrypted, row.candidate_api_key_last4
    row.clear_candidate()
    row.version += 1
    row.updated_at, row.status_since = now, now
    history.record(ACTOR, "candidate_promoted", row.stage_type, provider_kind=row.provider_kind, model=row.model)
    _pass(row, answer.models, now)


def store_live(row: ProviderConfig, answer: Answer, now: datetime) -> None:
    """Take the list of a live setting that passed, or keep the old one, mark the section and plan its healing."""
    row.checked_at = now
    finding = answer.finding
    if finding is None and not row.has_live:
        finding = _unlisted(row.model, answer)
        if finding:
            # The key is good and its list is known: show it, so that the administrator can choose.
            row.models_cache, row.models_cache_updated_at = list(answer.models), now
    if finding is None and row.reason is Reason.MODEL_NOT_FOUND:
        # The provider refused to generate with this model; that it listed others does not bring it back.
        finding = _unlisted(row.model, answer) and Finding(Reason.MODEL_NOT_FOUND)
    if finding is None:
        _pass(row, answer.models, now)
        return
    if row.status is not Status.INVALID:
        history.record(ACTOR, "section_invalid", row.stage_type, reason=finding.reason, detail=finding.detail)
    log.warning("section invalid", stage_type=row.stage_type, reason=finding.reason, detail=finding.detail)
    row.set_status(Status.INVALID, finding, now)
    row.plan_healing(now)


def _pass(row: ProviderConfig, models: tuple[str, ...], now: datetime) -> None:
    """The live setting works: take its list, and its first model where none was chosen."""
    if row.status is Status.INVALID:
        history.record(ACTOR, "section_recovered", row.stage_type)
    row.models_cache, row.models_cache_updated_at = list(models), now
    row.model = row.model or models[0]
    row.set_status(Status.ACTIVE, None, now)
    row.checked_at = row.passed_at = now
    row.activated_at = row.activated_at or now
    row.stop_healing()


def _unlisted(model: str | None, answer: Answer) -> Finding | None:
    """A finding if ``model`` was chosen and is not among the models of the key."""
    return Finding(Reason.MODEL_NOT_LISTED, model) if model and model not in answer.models else None
