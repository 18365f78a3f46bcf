"""When each kind of process was last seen at work, and each tick was last claimed (``domain/ticks.py``)."""

from datetime import datetime, timedelta

from sqlalchemy import Text, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, UtcDateTime, db

WORKER = "worker"
BEAT = "beat"
#: The sweep beats every few seconds; this leaves room for a restart of beat or worker.
WORKER_SILENCE = timedelta(seconds=60)


class Heartbeat(Base):
    """One row for each kind of process or tick."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


def beat(name: str, now: datetime) -> None:
    """Note that ``name`` is at work, and commit."""
    seen = db.session.scalar(
        update(Heartbeat).where(Heartbeat.name == name).values(seen_at=now).returning(Heartbeat.name)
    )
    if seen is None:
        db.session.add(Heartbeat(name=name, seen_at=now))
    try:
        db.session.commit()
    except IntegrityError:
        # Another process made the row at the same moment, which is as good.
        db.session.rollback()


def last_seen(name: str) -> datetime | None:
    """When ``name`` was last at work, or None if never."""
    return db.session.scalar(select(Heartbeat.seen_at).where(Heartbeat.name == name))
