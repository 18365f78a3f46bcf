"""Orders, their stages, the attempts made for them and the works that came of it: the tables and the states."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from domain.db import Base, UtcDateTime, enum_type, utc_now
from domain.secrets.redaction import RedactedJSON, RedactedText
from providers.base import Brief
from providers.kinds import ProviderKind, StageType, makes_samples


class StageState(StrEnum):
    """Where a stage stands; ``domain.orders.stages`` has every move between them."""

    BLOCKED = "blocked"
    QUEUED = "queued"
    RUNNING = "running"
    SUBMITTED = "submitted"
    FETCHING = "fetching"
    UNCERTAIN = "uncertain"
    WAITING = "waiting"
    ATTENTION = "attention"
    DONE = "done"
    FAILED = "failed"


class OrderState(StrEnum):
    """What follows for an order from its stages."""

    RUNNING = "running"
    WAITING = "waiting"
    ATTENTION = "attention"
    DONE = "done"
    FAILED = "failed"


class StageReason(StrEnum):
    """Why a stage stands where it does, or what its attempt came to, where the reason is one of ours.

    The columns hold the codes of providers' errors, and those of ``provider_configs.models.Reason``, as well. Stored,
    and told by the API.
    """

    ANSWER_LOST = "answer_lost"
    DOWNLOAD_FAILED = "download_failed"
    #: It was cancelled because its order was erased; or its call came to nothing by that.
    ERASED = "erased"
    #: Two stages were given the same job.
    JOB_ID_TAKEN = "job_id_taken"
    #: The job can be neither polled nor sent again: the key that it was ordered with cannot be opened.
    JOB_KEY_UNREADABLE = "job_key_unreadable"
    JOB_TOO_LONG = "job_too_long"
    JOB_UNKNOWN = "job_unknown"
    NO_POEM = "no_poem"
    #: The attempt was written down and never made.
    NOT_SENT = "not_sent"
    #: A work cannot be stored; of an attempt: what it brought could not be.
    STORAGE_FULL = "storage_full"
    #: The pace of its provider holds it.
    THROTTLED = "provider_pace"
    WAITED_TOO_LONG = "waited_too_long"
    WORKER_GONE = "worker_gone"


class AttemptState(StrEnum):
    """What became of one call to a provider. OPEN is written before the call, so that a crash leaves a trace.

    ACCEPTED: a job runs at the provider. UNCERTAIN: nobody knows yet whether the provider has taken it.
    """

    OPEN = "open"
    ACCEPTED = "accepted"
    UNCERTAIN = "uncertain"
    ANSWERED = "answered"
    REFUSED = "refused"
    LOST = "lost"

    @classmethod
    def unended(cls) -> tuple["AttemptState", ...]:
        """The states of an attempt that may still bring, or cost, something."""
        return cls.OPEN, cls.ACCEPTED, cls.UNCERTAIN


@dataclass(frozen=True, slots=True)
class Ready:
    """A stage that can start: what a message is sent about."""

    stage_id: int
    stage_type: StageType


_ERASE_DUE = text("erase_due_at IS NOT NULL")
_ENDED = text("erase_requested_at IS NULL AND state IN ('done', 'failed')")


class Order(Base):
    """What was asked for. ``poem`` is the customer's own text, where one was given instead of ordering POEM.

    An order that is erased keeps its row without words (``domain.orders.erasure``): ``erase_requested_at`` is when they
    went, ``erased_at`` when nothing of them was left on any disk, None until then. ``erase_due_at`` is when to look
    after it next, None when all is done.
    """

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    recipient: Mapped[str] = mapped_column(Text)
    occasion: Mapped[str] = mapped_column(Text)
    details: Mapped[str] = mapped_column(Text, default="")
    tone: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(Text, default="ru")
    poem: Mapped[str | None] = mapped_column(Text)
    state: Mapped[OrderState] = mapped_column(enum_type(OrderState), default=OrderState.RUNNING)
    placed_by: Mapped[str] = mapped_column(Text)
    #: The token that has placed it, None from the pages. No foreign key: on SQLite there would be no way back from one,
    #: and tokens are never deleted.
    api_token_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    erase_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    erased_by: Mapped[str | None] = mapped_column(Text)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    erase_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    stages: Mapped[list["Stage"]] = relationship(back_populates="order", order_by="Stage.id")

    __table_args__ = (
        Index("ix_orders_state_id", "state", "id"),
        # Each sweep asks for them: the few that are being erased, and those that ended longest ago.
        Index("ix_orders_erase_due_at", "erase_due_at", sqlite_where=_ERASE_DUE, postgresql_where=_ERASE_DUE),
        Index("ix_orders_ended", "state", "updated_at", sqlite_where=_ENDED, postgresql_where=_ENDED),
    )

    @property
    def is_erased(self) -> bool:
        """Whether its words are gone: whoever asks for it is told so, and nothing is done for it any more."""
        return self.erase_requested_at is not None

    @property
    def brief(self) -> Brief:
        """The words of the order, as providers take them."""
        return Brief(self.recipient, self.occasion, self.details, self.tone, self.language)


_THROTTLED = text(f"reason = '{StageReason.THROTTLED}'")
_IN_TROUBLE = text("state IN ('attention', 'failed')")


class Stage(Base):
    """One work of one order.

    ``claim`` goes up with each worker that takes the stage; a write that carries an older one changes nothing.
    ``due_at`` is when the stage may run next. ``passing_failures`` counts since the last success of anything else.
    """

    __tablename__ = "stages"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    stage_type: Mapped[StageType] = mapped_column(enum_type(StageType))
    state: Mapped[StageState] = mapped_column(enum_type(StageState))
    reason: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(RedactedText, default="")

    claim: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    waiting_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When the settings of the latest attempt were read, and their version: what a later check has to be newer than.
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    config_version: Mapped[int | None]

    attempts: Mapped[int] = mapped_column(default=0)
    passing_failures: Mapped[int] = mapped_column(default=0)
    unreadable_answers: Mapped[int] = mapped_column(default=0)
    lost_answers: Mapped[int] = mapped_column(default=0)

    provider_kind: Mapped[ProviderKind | None] = mapped_column(enum_type(ProviderKind))
    model: Mapped[str | None] = mapped_column(Text)
    provider_request_id: Mapped[str | None] = mapped_column(RedactedText)
    usage: Mapped[dict[str, Any]] = mapped_column(RedactedJSON, default=dict)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    order: Mapped[Order] = relationship(back_populates="stages")
    work: Mapped["Work | None"] = relationship(viewonly=True)

    @property
    def is_sample(self) -> bool:
        """Whether the work is a sample: made, or to be made, by the provider of the latest attempt."""
        return makes_samples(self.provider_kind)

    __table_args__ = (
        UniqueConstraint("order_id", "stage_type"),
        Index("ix_stages_state_due_at", "state", "due_at"),
        # Few are held, however many are queued, and each claim and each sweep asks for them.
        Index("ix_stages_held", "stage_type", "id", sqlite_where=_THROTTLED, postgresql_where=_THROTTLED),
        # Alerts ask for them every few seconds: the few of late among all that ever failed.
        Index(
            "ix_stages_in_trouble",
            "state",
            "stage_type",
            "finished_at",
            sqlite_where=_IN_TROUBLE,
            postgresql_where=_IN_TROUBLE,
        ),
    )


_UNCOUNTED = text("NOT counted")
_UNENDED = text("state IN ('open', 'accepted', 'uncertain')")


class Attempt(Base):
    """One call to a provider, written down before it is made.

    A job keeps the key that it was handed over with, sealed, until it has ended: it is asked about with no other.
    ``deadline_at`` is when a person is asked about a job that still runs.
    """

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"), index=True)
    number: Mapped[int]
    token: Mapped[str] = mapped_column(Text, unique=True, default=lambda: uuid.uuid4().hex)
    state: Mapped[AttemptState] = mapped_column(enum_type(AttemptState), default=AttemptState.OPEN)
    provider_kind: Mapped[ProviderKind] = mapped_column(enum_type(ProviderKind))
    model: Mapped[str] = mapped_column(Text)
    config_version: Mapped[int | None]
    api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    job_id: Mapped[str | None] = mapped_column(Text)
    #: What a call to us has named as the job of this attempt, before anybody has confirmed it.
    hinted_job_id: Mapped[str | None] = mapped_column(Text)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deadline_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    looks: Mapped[int] = mapped_column(default=0)
    code: Mapped[str | None] = mapped_column(Text)
    provider_request_id: Mapped[str | None] = mapped_column(RedactedText)
    usage: Mapped[dict[str, Any]] = mapped_column(RedactedJSON, default=dict)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Whether it is in the figures (``domain/monitoring/call_counters.py``).
    counted: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        UniqueConstraint("stage_id", "number"),
        Index("ix_attempts_uncounted", "id", sqlite_where=_UNCOUNTED, postgresql_where=_UNCOUNTED),
        # Two submits of one stage at a time, or one job for two stages, cannot even be written down.
        Index("uq_attempts_unended", "stage_id", unique=True, sqlite_where=_UNENDED, postgresql_where=_UNENDED),
        UniqueConstraint("provider_kind", "job_id"),
    )


class Work(Base):
    """What a stage produced: a text in the row, or the name of a media file (``domain.media.store``)."""

    __tablename__ = "works"

    id: Mapped[int] = mapped_column(primary_key=True)
    stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"), unique=True)
    content_type: Mapped[str] = mapped_column(Text)
    text: Mapped[str | None] = mapped_column(Text)
    file_name: Mapped[str | None] = mapped_column(Text)
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
