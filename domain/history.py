"""Who changed what, and when. Never a key: names of fields, providers, models and last four characters only."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Text
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, UtcDateTime, db, enum_type, utc_now
from providers.kinds import StageType


class HistoryEntry(Base):
    """One change of a section, or one thing that a check found out."""

    __tablename__ = "history"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
    actor: Mapped[str] = mapped_column(Text)
    stage_type: Mapped[StageType | None] = mapped_column(enum_type(StageType), index=True)
    event: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


def record(actor: str, event: str, stage_type: StageType | None = None, **facts: str | int | None) -> None:
    """Write one entry into the caller's transaction; the caller commits."""
    db.session.add(HistoryEntry(actor=actor, event=event, stage_type=stage_type, facts=facts))
