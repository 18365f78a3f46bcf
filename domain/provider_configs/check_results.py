"""What the answer to a check, or to a probe, means for the section: promoted, refused, healed. The caller commits.

One rule: a finding stands until something at least as strong has passed (``FoundBy``).
"""

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from domain.provider_configs import history, model_lists
from domain.provider_configs.models import PASSING_REASONS, Problem, ProviderConfig, Reason, Status

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Two verdicts: ``finding`` is why the key did not pass, ``list_finding`` why its models are not known.

    ``proven`` is the model with which the key was shown to generate; empty where that was not asked, or not shown.
    ``balance`` is in the provider's own unit, where it tells.
    """

    models: tuple[str, ...] = ()
    finding: Problem | None = None
    list_finding: Problem | None = None
    proven: str = ""
    balance: float | None = None


def store_candidate(row: ProviderConfig, answer: CheckResult, now: datetime) -> None:
    """Promote the candidate if it was proven, else say why not; the live setting is touched only by a promotion."""
    row.candidate_checked_at, row.candidate_next_check_at = now, None
    row.candidate_models = list(answer.models)
    finding = answer.finding
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


def _promote(row: ProviderConfig, answer: CheckResult, now: datetime) -> None:
    row.keep_as_previous()
    row.model = answer.proven
    row.provider_kind = row.candidate_provider_kind
    has_new_key = row.api_key_encrypted != row.candidate_api_key_encrypted
    row.api_key_encrypted, row.api_key_last4 = row.candidate_api_key_encrypted, row.candidate_api_key_last4
    row.clear_candidate()
    # Nothing of another key's list is missing in this one's, and nothing in this one is new.
    row.forget_models()
    row.models_cache, row.models_cache_updated_at = [], None
    row.version += 1
    if has_new_key:
        row.key_version = row.version
    row.updated_at, row.status_since = now, now
    history.record_check(row.stage_type, "candidate_promoted", provider_kind=row.provider_kind, model=row.model)
    _pass(row, answer, now, is_told=True)


def store_live(row: ProviderConfig, answer: CheckResult, now: datetime) -> None:
    """Take the list of a live setting, and what the check has found of its key: healed, refused, or as it was."""
    row.checked_at = now
    refused_before = row.is_refused
    if answer.finding is not None:
        if not row.has_live and answer.models:
            # Its list is known: show it, so that the administrator can choose.
            row.models_cache, row.models_cache_updated_at = list(answer.models), now
        _refuse(row, answer.finding, now)
    elif refused_before and not _lifts(row, answer):
        _plan(row, now)
        _take_list(row, answer, now, is_told=True)
    else:
        has_recovered = row.status is Status.INVALID
        if has_recovered:
            history.record_check(row.stage_type, "section_recovered")
        _pass(row, answer, now, is_told=has_recovered)


def refuse_by_generation(row: ProviderConfig, finding: Problem, now: datetime) -> None:
    """A generation was refused for the settings: the section is blocked until something as strong has passed.

    Found again by the probe, it stays what it is, and the next probe comes later.
    """
    history.record_generation(row.stage_type, "section_invalid", reason=finding.reason, detail=finding.detail)
    if not row.is_refused:
        row.failed_checks, row.refused_balance = 0, None
    row.set_status(Status.INVALID, finding, now)
    row.probe_stage_id = None
    row.plan_healing(now)


def pass_by_generation(row: ProviderConfig, now: datetime) -> None:
    """A generation has brought a work with settings that were blocked: nothing can be stronger."""
    history.record_generation(row.stage_type, "section_recovered")
    _activate(row, now)


def _refuse(row: ProviderConfig, finding: Problem, now: datetime) -> None:
    """Mark the live setting and plan its healing; a passing failure never hides that it was refused."""
    if row.is_refused:
        if finding.reason in PASSING_REASONS:
            _plan(row, now)
            return
        # Whatever it lacks now: a list alone does not bring back what a generation was refused for.
        finding = replace(finding, found_by=row.found_by or finding.found_by)
    history.record_check(row.stage_type, "section_invalid", reason=finding.reason, detail=finding.detail)
    log.warning("section invalid", stage_type=row.stage_type, reason=finding.reason, detail=finding.detail)
    if row.status is not Status.INVALID:
        row.stop_healing()
    row.set_status(Status.INVALID, finding, now)
    _plan(row, now)


def _plan(row: ProviderConfig, now: datetime) -> None:
    """Plan the next look where this one was planned; one that a person has asked for puts nothing off."""
    if row.next_check_at is None and row.probe_stage_id is None:
        row.plan_healing(now)


def _lifts(row: ProviderConfig, answer: CheckResult) -> bool:
    """Whether a check that has met no refusal is as strong as what has found the present one."""
    if not answer.proven:
        if row.reason is Reason.NO_CREDIT and row.refused_balance is None:
            row.refused_balance = answer.balance
        return False
    if answer.balance is None or row.refused_balance is None:
        return True
    return answer.balance > row.refused_balance


def _pass(row: ProviderConfig, answer: CheckResult, now: datetime, *, is_told: bool) -> None:
    """The live setting works: take its list where that came, and its first model where none was chosen.

    ``is_told`` is whether the history says already that the check has passed.
    """
    _activate(row, now)
    row.model = row.model or answer.proven or next(iter(answer.models), None)
    row.checked_at = now
    _take_list(row, answer, now, is_told=is_told)


def _activate(row: ProviderConfig, now: datetime) -> None:
    row.set_status(Status.ACTIVE, None, now)
    row.passed_at = now
    row.activated_at = row.activated_at or now
    row.stop_healing()


def _take_list(row: ProviderConfig, answer: CheckResult, now: datetime, *, is_told: bool) -> None:
    if answer.balance is not None:
        row.balance = answer.balance
    finding = answer.list_finding
    if finding is not None:
        history.record_check(row.stage_type, "list_not_fetched", reason=finding.reason, detail=finding.detail)
        row.models_reason, row.models_detail, row.models_tried_at = finding.reason, finding.detail, now
    elif not model_lists.take(row, answer.models, now) and not is_told:
        # Nothing else to tell: the same again is counted in one line.
        history.record_check(row.stage_type, "check_passed", models=len(answer.models))
