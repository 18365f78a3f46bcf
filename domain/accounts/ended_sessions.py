"""Sessions that were signed out before their time: their cookies are good signatures still, and copies may be about."""

from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Table, Text, delete, exists
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from domain.db import Base, UtcDateTime, db, insert_into


class EndedSession(Base):
    """One session that serves no more, kept until its time would have been over anyhow."""

    __tablename__ = "ended_sessions"

    session_id: Mapped[str] = mapped_column(Text, primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


def end_session(session_id: str, until: datetime, now: datetime) -> None:
    """Let the session serve no more, and commit; twice is as good as once. Forgets those whose time is over."""
    db.session.execute(delete(EndedSession).where(EndedSession.until < now))
    new = insert_into(cast(Table, EndedSession.__table__), db.engine.dialect.name)
    db.session.execute(new.values(session_id=session_id, until=until).on_conflict_do_nothing())
    db.session.commit()


def was_ended(session_id: str | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Whether the session was signed out, as a condition of a query."""
    return exists().where(EndedSession.session_id == session_id)
