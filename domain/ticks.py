"""Ticks: work that several beats ask for, and that is done once in each span of time."""

from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError

from domain.db import db
from domain.heartbeats import Heartbeat

#: A beat is never exactly on time; a tick that comes this much early still counts as the next one.
EARLY_SHARE = 0.2
EARLIEST = timedelta(seconds=1)


def claim(name: str, every: timedelta, now: datetime) -> bool:
    """Whether the caller is the first to ask in this span of ``every``; the others are to do nothing.

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
