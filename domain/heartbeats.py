"""When each kind of process was last seen at work, and who does what several beats ask for once in each interval."""

from datetime import datetime, timedelta

from sqlalchemy import Text, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, UtcDateTime, db

WORKER = "worker"
BEAT = "beat"
#: The sweep beats every few seconds; this leaves room for a restart of beat or worker.
WORKER_SILENCE = timedelta(seconds=60)
#: A beat is never exactly on time; what it asks for this much early still belongs to the next interval.
EARLY_SHARE = 0.2
EARLIEST = timedelta(seconds=1)


class Heartbeat(Base):
    """One row for each kind of process, and for each thing that is done once in an interval."""

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


def claim_interval(name: str, every: timedelta, now: datetime) -> bool:
    """Whether the caller is the first to ask in this interval of ``every``; the others are to do nothing.

    Commits nothing, so that a claim and its work can be one transaction: whoever dies before the end has claimed
    nothing. A time in the future is that of a clock that was set back since, and counts for nothing.
    """
    before = now - every + min(every * EARLY_SHARE, EARLIEST)
    claimed = db.session.scalar(
        update(Heartbeat)
        .where(Heartbeat.name == name, or_(Heartbeat.seen_at <= before, Heartbeat.seen_at > now))
        .values(seen_at=now)
        .returning(Heartbeat.name)
        .execution_options(synchronize_session=False)
    )
    return claimed is not None or _is_the_first_ever(name, now)


def _is_the_first_ever(name: str, now: datetime) -> bool:
    if db.session.get(Heartbeat, name) is not None:
        return False
    try:
        with db.session.begin_nested():
            db.session.add(Heartbeat(name=name, seen_at=now))
    except IntegrityError:
        # Another one asked at the same moment, and was faster.
        return False
    return True
