"""Administrators, who sign in to the pages, and API tokens, which the shop's programs carry."""

import hashlib
import secrets
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Text, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, UtcDateTime, db, utc_now

TOKEN_PREFIX = "qt_"  # noqa: S105  # the start of every token, so that scanners of leaked secrets can name it
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024

_hasher = PasswordHasher()


class AccountRefused(Exception):
    """A name or password cannot be taken; the text says why."""


class Administrator(Base):
    """A person who may sign in. ``epoch`` goes up when all of their sessions are to end."""

    __tablename__ = "administrators"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(Text, unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class ApiToken(Base):
    """What a program signs in with; only its SHA-256 is kept, which suffices for 256 random bits."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    token_hash: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def create_administrator(username: str, password: str) -> Administrator:
    """Store a new administrator and commit. Raises ``AccountRefused`` for a taken name or an unfit password."""
    username = username.strip()
    if not username:
        raise AccountRefused("The name is empty.")
    administrator = Administrator(username=username, password_hash=_hash(password))
    db.session.add(administrator)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise AccountRefused(f"There is an administrator called {username} already.") from None
    return administrator


def set_password(username: str, password: str) -> None:
    """Replace the password, end every session of that administrator, and commit. Raises ``AccountRefused``."""
    administrator = db.session.scalar(select(Administrator).where(Administrator.username == username.strip()))
    if administrator is None:
        raise AccountRefused(f"There is no administrator called {username}.")
    administrator.password_hash = _hash(password)
    administrator.epoch += 1
    db.session.commit()


def sign_in(username: str, password: str) -> Administrator | None:
    """The administrator with this name and password, or None; takes the same time either way."""
    administrator = db.session.scalar(select(Administrator).where(Administrator.username == username.strip()))
    try:
        _hasher.verify(administrator.password_hash if administrator else _hash_of_nobody(), password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return None
    return administrator


def find_administrator(administrator_id: int, epoch: int) -> Administrator | None:
    """The administrator of a session, or None once the session was ended."""
    return db.session.scalar(
        select(Administrator).where(Administrator.id == administrator_id, Administrator.epoch == epoch)
    )


def list_administrators() -> list[Administrator]:
    """All administrators, by name."""
    return list(db.session.scalars(select(Administrator).order_by(Administrator.username)))


def has_administrators() -> bool:
    """Whether anybody can sign in."""
    return bool(db.session.scalar(select(func.count()).select_from(Administrator)))


def new_api_token(name: str) -> tuple[str, ApiToken]:
    """A token that was never seen before, and the row that will know it again; not stored yet."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return token, ApiToken(name=name.strip(), token_hash=_digest(token))


def create_api_token(name: str) -> str:
    """Store a new token's hash and commit; returns the token, which cannot be shown again.

    Raises ``AccountRefused`` for a taken name.
    """
    if not name.strip():
        raise AccountRefused("The name is empty.")
    token, row = new_api_token(name)
    db.session.add(row)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise AccountRefused(f"There is a token called {name.strip()} already.") from None
    return token


def find_api_token(token: str) -> ApiToken | None:
    """The token's row, or None for one that was never issued or was revoked."""
    return db.session.scalar(
        select(ApiToken).where(ApiToken.token_hash == _digest(token), ApiToken.revoked_at.is_(None))
    )


def revoke_api_token(name: str) -> None:
    """Refuse the token from now on, and commit; twice is as good as once. Raises ``AccountRefused`` if unknown."""
    token = db.session.scalar(select(ApiToken).where(ApiToken.name == name.strip()))
    if token is None:
        raise AccountRefused(f"There is no token called {name}.")
    token.revoked_at = token.revoked_at or utc_now()
    db.session.commit()


def list_api_tokens() -> list[ApiToken]:
    """All tokens, newest first."""
    return list(db.session.scalars(select(ApiToken).order_by(ApiToken.id.desc())))


def _hash(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountRefused(f"The password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    return _hasher.hash(password)


@cache
def _hash_of_nobody() -> str:
    """An unknown name costs as much time as a wrong password, so that names cannot be guessed by the clock."""
    return _hasher.hash(secrets.token_urlsafe(16))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
