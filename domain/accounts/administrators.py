"""Administrators, who sign in to the pages. What programs sign in with is in ``api_tokens``."""

import secrets
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Text, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from domain.accounts.ended_sessions import was_ended
from domain.accounts.open_sessions import forget_all
from domain.accounts.passwords import hash_new_password, hash_password, is_outdated, is_right
from domain.accounts.rules import AccountRefused, clean_name
from domain.db import Base, UtcDateTime, db, utc_now, write_if_free

MAX_FIRST_EPOCH = 2**30


class Administrator(Base):
    """A person who may sign in. ``epoch`` goes up when all of their sessions are to end."""

    __tablename__ = "administrators"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(Text, unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    # Begins anywhere: SQLite gives the id of who was removed to who comes next, and the sessions must not go with it.
    epoch: Mapped[int] = mapped_column(default=lambda: secrets.randbelow(MAX_FIRST_EPOCH))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_signed_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def create_administrator(username: str, password: str) -> Administrator:
    """Store a new administrator and commit. Raises ``AccountRefused`` for a taken or unfit name or password."""
    username = clean_name(username)
    administrator = Administrator(username=username, password_hash=hash_new_password(password, username))
    db.session.add(administrator)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise AccountRefused(f"There is an administrator called {username} already.") from None
    return administrator


def set_password(username: str, password: str) -> None:
    """Replace the password, end every session of that administrator, and commit. Raises ``AccountRefused``."""
    administrator = _existing_administrator(username)
    administrator.password_hash = hash_new_password(password, administrator.username)
    administrator.epoch += 1
    forget_all(administrator.id)
    db.session.commit()


def change_password(administrator: Administrator, password: str) -> bool:
    """Let who has just given the present password have another one, end all of their sessions, and commit.

    False, with nothing changed, where the password was replaced meanwhile. Raises ``PasswordRefused``.
    """
    known = (Administrator.id == administrator.id, Administrator.password_hash == administrator.password_hash)
    facts = {"password_hash": hash_new_password(password, administrator.username), "epoch": administrator.epoch + 1}
    administrator_id = administrator.id
    # Written in a transaction that has read nothing: on SQLite nobody may have written since a first look.
    db.session.rollback()
    changed = cast(CursorResult[Any], db.session.execute(update(Administrator).where(*known).values(**facts)))
    if changed.rowcount:
        forget_all(administrator_id)
    db.session.commit()
    return changed.rowcount == 1


def remove_administrator(username: str, *, even_the_last: bool = False) -> None:
    """Remove the administrator, which ends their sessions, and commit. What they did keeps their name.

    Raises ``AccountRefused`` for an unknown name, and for the last one, without whom nobody can sign in.
    """
    # Locked, so that of two who are removed at the same time one sees that the other is gone.
    everybody = list(db.session.scalars(select(Administrator).with_for_update()))
    administrator = _existing_administrator(username)
    if everybody == [administrator] and not even_the_last:
        raise AccountRefused(
            f"{administrator.username} is the last administrator: nobody could sign in any more."
            " Create another one first, or say --even-the-last."
        )
    db.session.delete(administrator)
    db.session.commit()


def end_all_sessions(administrator_id: int) -> None:
    """End every session of that administrator, wherever it is, and commit."""
    db.session.execute(
        update(Administrator).where(Administrator.id == administrator_id).values(epoch=Administrator.epoch + 1)
    )
    forget_all(administrator_id)
    db.session.commit()


def sign_in(username: str, password: str) -> Administrator | None:
    """The administrator with this name and password, or None; any text may be asked for, and takes the same time."""
    administrator = find_by_name(username)
    is_theirs = is_right(administrator.password_hash if administrator else None, password)
    return administrator if is_theirs else None


def note_sign_in(administrator: Administrator, password: str, now: datetime) -> None:
    """Write down when they signed in, and hash the password anew if hashes are made otherwise by now.

    Nobody waits for it: while somebody else writes, it is left to the next time.
    """
    known = administrator.password_hash
    facts: dict[str, Any] = {"last_signed_in_at": now}
    if is_outdated(known):
        facts["password_hash"] = hash_password(password)
    # A password that was replaced meanwhile stays replaced.
    same = (Administrator.id == administrator.id, Administrator.password_hash == known)
    write_if_free(update(Administrator).where(*same).values(**facts))


def find_by_name(username: str) -> Administrator | None:
    """The administrator of that name; None also for a text that cannot be one."""
    try:
        name = clean_name(username)
    except AccountRefused:
        # Asked all the same, so that it takes as long; NUL and half a surrogate pair never reach the database.
        name = ""
    return db.session.scalar(select(Administrator).where(Administrator.username == name))


def find_administrator(administrator_id: int, epoch: int, session_id: str) -> Administrator | None:
    """The administrator of a session, or None once the session was ended."""
    return db.session.scalar(
        select(Administrator).where(
            Administrator.id == administrator_id, Administrator.epoch == epoch, ~was_ended(session_id)
        )
    )


def list_administrators() -> list[Administrator]:
    """All administrators, by name."""
    return list(db.session.scalars(select(Administrator).order_by(Administrator.username)))


def has_administrators() -> bool:
    """Whether anybody can sign in."""
    return bool(db.session.scalar(select(func.count()).select_from(Administrator)))


def _existing_administrator(username: str) -> Administrator:
    administrator = find_by_name(username)
    if administrator is None:
        raise AccountRefused(f"There is no administrator called {username}.")
    return administrator
