"""Where administrators are signed in, for them to look at and to end: since when, last used, from where, on what.

Not what lets anybody in: that is the cookie, and what says that it has ended. So nobody waits for these rows to be
written; one that could not be is made up for when the session is used next.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ForeignKey, Table, Text, delete, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.accounts.ended_sessions import end_session, was_ended
from domain.db import Base, UtcDateTime, db, insert_into, write_if_free
from settings import current_settings


class OpenSession(Base):
    """One session of an administrator, kept until it ends or somebody begins another one after its time."""

    __tablename__ = "open_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(Text, unique=True)
    administrator_id: Mapped[int] = mapped_column(ForeignKey("administrators.id", ondelete="CASCADE"), index=True)
    # That of the administrator when the session began: with another one it has ended.
    epoch: Mapped[int]
    signed_in_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(Text)
    device: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class Use:
    """A session as it is used now: whose, and all that is known of who uses it.

    ``address`` is that of the connection, of IPv6 the network; ``device`` has a few words or none.
    """

    session_id: str
    administrator_id: int
    epoch: int
    signed_in_at: datetime
    seen_at: datetime
    address: str
    device: str


def note_use(use: Use) -> None:
    """Write down that the session is used. The caller's own transaction has to be one of ``reading``."""
    facts = {name: getattr(use, name) for name in Use.__slots__}
    now_known = {name: facts[name] for name in ("seen_at", "address", "device")}
    row = insert_into(cast(Table, OpenSession.__table__), db.engine.dialect.name).values(**facts)
    write_if_free(row.on_conflict_do_update(index_elements=["session_id"], set_=now_known))


def forget_old(now: datetime) -> None:
    """Delete what is known of sessions whose time is over. The caller's transaction has to be one of ``reading``."""
    longest, idle = _limits()
    is_old = or_(OpenSession.signed_in_at <= now - longest, OpenSession.seen_at <= now - idle)
    write_if_free(delete(OpenSession).where(is_old))


def forget_all(administrator_id: int) -> None:
    """Delete what is known of the administrator's sessions, all of which end; does not commit."""
    db.session.execute(delete(OpenSession).where(OpenSession.administrator_id == administrator_id))


def list_open(administrator_id: int, epoch: int, now: datetime) -> list[OpenSession]:
    """The administrator's sessions that are not over, the latest used first."""
    longest, idle = _limits()
    theirs = select(OpenSession).where(OpenSession.administrator_id == administrator_id, OpenSession.epoch == epoch)
    in_time = theirs.where(OpenSession.signed_in_at > now - longest, OpenSession.seen_at > now - idle)
    # A request that was on its way as its session ended may have written the row again.
    rows = in_time.where(~was_ended(OpenSession.session_id))
    return list(db.session.scalars(rows.order_by(OpenSession.seen_at.desc(), OpenSession.id.desc())))


def end_one(row_id: int, administrator_id: int, now: datetime) -> bool:
    """Let that session of the administrator serve no more, and commit. False where there is none, as when ended."""
    row = db.session.scalar(
        select(OpenSession).where(OpenSession.id == row_id, OpenSession.administrator_id == administrator_id)
    )
    if row is None:
        db.session.rollback()
        return False
    end(row.session_id, row.signed_in_at, now)
    return True


def end(session_id: str, signed_in_at: datetime, now: datetime) -> None:
    """Let the session serve no more, forget what is known of it, and commit; twice is as good as once."""
    db.session.execute(delete(OpenSession).where(OpenSession.session_id == session_id))
    longest, _idle = _limits()
    end_session(session_id, signed_in_at + longest, now)


def _limits() -> tuple[timedelta, timedelta]:
    settings = current_settings()
    return timedelta(hours=settings.session_hours), timedelta(minutes=settings.session_idle_minutes)
