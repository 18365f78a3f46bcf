"""The sections: one row for each stage type, with the live setting and, while it is checked, a candidate.

A key that has not passed never replaces one that works. The live columns are those of the customer's table; a new
provider or key waits in the ``candidate_`` columns until a check promotes it. Only the very first setting of a
section, which has nothing to protect, is written to the live columns at once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import JSON, Float, Select, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, UtcDateTime, db, enum_type, utc_now
from domain.secrets.redaction import RedactedText
from domain.secrets.vault import KeyContext
from providers.kinds import ProviderKind, StageType

#: How soon a candidate that met a passing failure is checked again, by its age: a person may be waiting for it.
CANDIDATE_STEPS = ((timedelta(minutes=10), timedelta(minutes=1)), (timedelta(hours=1), timedelta(minutes=5)))
CANDIDATE_LATER = timedelta(minutes=60)
HEALING_STEPS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=60))


class Status(StrEnum):
    """What is known of a setting."""

    ACTIVE = "active"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a setting does not serve, or did not pass. All but ``PASSING_REASONS`` block generation."""

    REJECTED = "rejected"
    NO_PERMISSION = "no_permission"
    NO_CREDIT = "no_credit"
    REGION = "region"
    UNREADABLE = "unreadable"
    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    MODEL_NOT_LISTED = "model_not_listed"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_NOT_CHOSEN = "model_not_chosen"
    MODEL_UNFIT = "model_unfit"
    NO_LIST = "no_list"
    NOT_CONFIGURED = "not_configured"
    CHECKING = "checking"
    PROVIDER_OFF = "provider_off"


class FoundBy(StrEnum):
    """By which call to the provider a reason was found out.

    A finding stands until something at least as strong has passed: what a generation or a proof has found is lifted by
    one of these, never by a CHECK, which only asks whether the key is known and which models there are.
    """

    CHECK = "check"
    PROOF = "proof"
    GENERATION = "generation"


PASSING_REASONS = (Reason.UNAVAILABLE, Reason.RATE_LIMITED)
#: Those that block generation.
REFUSALS = tuple(reason for reason in Reason if reason not in PASSING_REASONS)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something does not work: a reason, the provider's own short words, and which call has shown it."""

    reason: Reason
    detail: str = ""
    found_by: FoundBy = FoundBy.CHECK


class ProviderConfig(Base):
    """A section. ``version`` goes up with every accepted change, and guards forms and checks against stale ones."""

    __tablename__ = "provider_configs"

    id: Mapped[int] = mapped_column(primary_key=True)
    stage_type: Mapped[StageType] = mapped_column(enum_type(StageType), unique=True)
    version: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_by: Mapped[str] = mapped_column(Text, default="")
    #: The form and what stood in it, if this version was saved with one: see ``domain.provider_configs.changes``.
    saved_form: Mapped[str | None] = mapped_column(Text)

    provider_kind: Mapped[ProviderKind | None] = mapped_column(enum_type(ProviderKind))
    api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    api_key_last4: Mapped[str | None] = mapped_column(Text)
    #: The ``version`` with which this key came into force: jobs of an older one still run with the key before it.
    key_version: Mapped[int] = mapped_column(default=0)
    model: Mapped[str | None] = mapped_column(Text)

    #: What became of the list is a verdict of its own, beside that of the key (``model_lists``).
    models_cache: Mapped[list[str]] = mapped_column(JSON, default=list)
    models_cache_updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Why the list could not be fetched when it was asked for last, though the key was accepted.
    models_reason: Mapped[Reason | None] = mapped_column(enum_type(Reason))
    models_detail: Mapped[str] = mapped_column(RedactedText, default="")
    models_tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: A list that is not believed yet, and since when the provider gives it.
    models_doubted: Mapped[list[str]] = mapped_column(JSON, default=list)
    models_doubted_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When models that are new were first seen, and when those end that will; in ISO 8601.
    models_added: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    models_retiring: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    #: Since when the chosen model is missing in the list, and when a second list has confirmed it.
    model_missing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    model_gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    status: Mapped[Status] = mapped_column(enum_type(Status), default=Status.UNKNOWN)
    reason: Mapped[Reason | None] = mapped_column(enum_type(Reason))
    detail: Mapped[str] = mapped_column(RedactedText, default="")
    found_by: Mapped[FoundBy | None] = mapped_column(enum_type(FoundBy))
    status_since: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    #: Set once the live setting has passed a check; until then there is nothing that a candidate could harm.
    activated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    passed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    #: The live setting before this one, for "back to the previous settings".
    previous_provider_kind: Mapped[ProviderKind | None] = mapped_column(enum_type(ProviderKind))
    previous_api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    previous_api_key_last4: Mapped[str | None] = mapped_column(Text)
    previous_model: Mapped[str | None] = mapped_column(Text)

    candidate_provider_kind: Mapped[ProviderKind | None] = mapped_column(enum_type(ProviderKind))
    candidate_api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    candidate_api_key_last4: Mapped[str | None] = mapped_column(Text)
    candidate_model: Mapped[str | None] = mapped_column(Text)
    candidate_models: Mapped[list[str]] = mapped_column(JSON, default=list)
    candidate_status: Mapped[Status | None] = mapped_column(enum_type(Status))
    candidate_reason: Mapped[Reason | None] = mapped_column(enum_type(Reason))
    candidate_detail: Mapped[str] = mapped_column(RedactedText, default="")
    candidate_saved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    candidate_checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When the candidate is checked again by itself, after a passing failure.
    candidate_next_check_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)

    #: What was left on the account when that was asked last, in the provider's own unit, where it tells.
    balance: Mapped[float | None] = mapped_column(Float)
    #: What was left when a generation was refused for want of money: that much was not enough.
    refused_balance: Mapped[float | None] = mapped_column(Float)

    #: A check is wanted since then; None when none is.
    check_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    #: Whether that check has to prove that key and model generate.
    proof_requested: Mapped[bool] = mapped_column(default=False)
    #: A worker is checking until then; another one keeps away.
    check_claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failed_checks: Mapped[int] = mapped_column(default=0)
    next_check_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    #: The stage that may try the settings although they are blocked (``domain.provider_configs.probes``).
    probe_stage_id: Mapped[int | None]

    @property
    def has_live(self) -> bool:
        """Whether the live setting has ever worked, so that a candidate must not touch it."""
        return self.activated_at is not None

    @property
    def has_candidate(self) -> bool:
        """Whether a new setting waits beside the live one."""
        return self.candidate_provider_kind is not None

    @property
    def is_checking(self) -> bool:
        """Whether the page should say that a check is under way or about to start."""
        return self.check_requested_at is not None

    @property
    def is_refused(self) -> bool:
        """Whether the live setting is blocked by what a generation or a proof has found."""
        return (
            self.status is Status.INVALID
            and self.found_by in (FoundBy.PROOF, FoundBy.GENERATION)
            and self.reason not in PASSING_REASONS
        )

    def candidate_is_due(self, now: datetime) -> bool:
        """Whether the candidate is to be checked: a new one, or one whose time has come after a passing failure."""
        again_at = self.candidate_next_check_at
        is_due = self.candidate_status is Status.UNKNOWN or (again_at is not None and again_at <= now)
        return self.has_candidate and is_due

    def set_status(self, status: Status, finding: Problem | None, now: datetime) -> None:
        """Give the live setting a status; remembers since when it differs."""
        reason = finding.reason if finding else None
        if (self.status, self.reason) != (status, reason):
            self.status_since = now
        self.status, self.reason, self.detail = status, reason, finding.detail if finding else ""
        self.found_by = finding.found_by if finding else None

    def clear_live(self, now: datetime) -> None:
        """Forget the live setting, its key and its list."""
        self.provider_kind = self.api_key_encrypted = self.api_key_last4 = self.model = None
        self.forget_models()
        self.models_cache, self.models_cache_updated_at = [], None
        self.activated_at = self.passed_at = self.checked_at = self.balance = None
        self.stop_healing()
        self.set_status(Status.UNKNOWN, None, now)

    def forget_models(self) -> None:
        """Forget what is known of the list beside the list itself: it was about another key."""
        self.models_reason, self.models_detail, self.models_tried_at = None, "", None
        self.models_doubted, self.models_doubted_since = [], None
        self.models_added, self.models_retiring = {}, {}
        self.model_missing_since = self.model_gone_at = None

    def keep_as_previous(self) -> None:
        """Keep the live setting beside the one that is about to replace it."""
        self.previous_provider_kind, self.previous_model = self.provider_kind, self.model
        self.previous_api_key_encrypted, self.previous_api_key_last4 = self.api_key_encrypted, self.api_key_last4

    def clear_previous(self) -> None:
        """Forget the setting before this one, and its key."""
        self.previous_provider_kind = self.previous_model = None
        self.previous_api_key_encrypted = self.previous_api_key_last4 = None

    def clear_candidate(self) -> None:
        """Forget the candidate and its key."""
        self.candidate_provider_kind = self.candidate_api_key_encrypted = self.candidate_api_key_last4 = None
        self.candidate_model = self.candidate_status = self.candidate_reason = None
        self.candidate_models, self.candidate_detail = [], ""
        self.candidate_saved_at = self.candidate_checked_at = self.candidate_next_check_at = None

    def request_check(self, now: datetime) -> None:
        """Want a check; one that is under way is about older settings and no longer counts."""
        self.check_requested_at = now
        self.check_claimed_until = None

    def forget_check(self) -> None:
        """Want no check any more, and count none that is under way."""
        self.check_requested_at = self.check_claimed_until = None
        self.proof_requested = False

    def plan_healing(self, now: datetime) -> None:
        """Count a failed check and set when the next one comes by itself: after 1, 5, 15, then every 60 minutes."""
        self.resume_healing(now)
        self.failed_checks += 1

    def resume_healing(self, now: datetime) -> None:
        """Set when the next check comes by itself, where none was made that could be counted."""
        self.next_check_at = now + HEALING_STEPS[min(self.failed_checks, len(HEALING_STEPS) - 1)]

    def plan_candidate(self, now: datetime) -> None:
        """Set when the candidate is checked again by itself."""
        age = now - (self.candidate_saved_at or now)
        self.candidate_next_check_at = now + next(
            (step for until, step in CANDIDATE_STEPS if age < until), CANDIDATE_LATER
        )

    def look_again_at(self, moment: datetime) -> None:
        """Have a check come by itself at ``moment``, or sooner where one is planned."""
        self.next_check_at = min(moment, self.next_check_at or moment)

    def stop_healing(self) -> None:
        """No check comes by itself until one fails again, and no stage tries the settings."""
        self.failed_checks, self.next_check_at = 0, None
        self.probe_stage_id = self.refused_balance = None


def live_place(stage_type: StageType, kind: ProviderKind) -> KeyContext:
    """Where a section's key is sealed for; a promoted candidate keeps its token, so both are one place."""
    return KeyContext(stage_type, kind)


def find(stage_type: StageType, *, lock: bool = False) -> ProviderConfig | None:
    """The section's row, or None while it was never set; ``lock`` holds it until the transaction ends."""
    query: Select[ProviderConfig] = select(ProviderConfig).where(ProviderConfig.stage_type == stage_type)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return db.session.scalar(query)
