"""Who changed what, and when. Never a key: names of fields, providers, models and last four characters only."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Text, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, UtcDateTime, db, enum_type, utc_now
from domain.secrets.redaction import RedactedJSON
from providers.kinds import StageType


class HistoryEntry(Base):
    """One change of a section, or one thing that a check found out."""

    __tablename__ = "history"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
    actor: Mapped[str] = mapped_column(Text)
    stage_type: Mapped[StageType | None] = mapped_column(enum_type(StageType), index=True)
    event: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(RedactedJSON, default=dict)


#: Within it a person who does the same to a section once more has clicked twice: their line is slow.
SECOND_CLICK = timedelta(seconds=10)
#: Who writes what checks, and calls for orders, find out.
CHECK, GENERATION = "check", "generation"


def record(actor: str, event: str, stage_type: StageType | None, **facts: str | int | None) -> None:
    """Write one entry into the caller's transaction; the caller commits."""
    db.session.add(HistoryEntry(actor=actor, event=event, stage_type=stage_type, facts=facts))


def record_check(stage_type: StageType, event: str, **facts: str | int | None) -> None:
    """As ``record``, of what a check has found; found again, it is counted in the same entry: ``times``, ``until``."""
    _record_or_count(CHECK, stage_type, event, facts)


def record_generation(stage_type: StageType, event: str, **facts: str | int | None) -> None:
    """As ``record_check``, of what a call for an order has found."""
    _record_or_count(GENERATION, stage_type, event, facts)


def _record_or_count(actor: str, stage_type: StageType, event: str, facts: dict[str, str | int | None]) -> None:
    latest = db.session.scalar(
        select(HistoryEntry).where(HistoryEntry.stage_type == stage_type).order_by(HistoryEntry.id.desc()).limit(1)
    )
    if latest is not None and (latest.actor, latest.event) == (actor, event):
        counted = dict(latest.facts)
        times = counted.pop("times", 1)
        counted.pop("until", None)
        if counted == facts:
            latest.facts = {**facts, "times": times + 1, "until": utc_now().isoformat()}
            return
    record(actor, event, stage_type, **facts)


def was_just_done(actor: str, event: str, stage_type: StageType) -> bool:
    """Whether ``actor`` has done it so short a while ago that a second time is a second click."""
    just_done = select(HistoryEntry.id).where(
        HistoryEntry.stage_type == stage_type,
        HistoryEntry.actor == actor,
        HistoryEntry.event == event,
        HistoryEntry.at > utc_now() - SECOND_CLICK,
    )
    return db.session.scalar(just_done.limit(1)) is not None


def page_of(stage_type: StageType, size: int, before_id: int | None = None) -> list[HistoryEntry]:
    """The entries of one section, newest first, from ``before_id`` downwards."""
    query = select(HistoryEntry).where(HistoryEntry.stage_type == stage_type)
    if before_id is not None:
        query = query.where(HistoryEntry.id < before_id)
    return list(db.session.scalars(query.order_by(HistoryEntry.id.desc()).limit(size)))
