"""API tokens: what a shop's programs sign in with, and what each of them may do."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Date, Text, case, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from domain.accounts.rules import AccountRefused, clean_name
from domain.calendar import day_of, start_of
from domain.db import Base, UtcDateTime, db, utc_now, write_if_free

TOKEN_PREFIX = "qt_"  # noqa: S105  # the start of every token, so that scanners of leaked secrets can name it
#: How exactly the last use of a token is known.
USE_NOTED_EVERY = timedelta(minutes=1)
MAX_ORDERS_PER_DAY = 1_000_000
ONE_DAY = timedelta(days=1)


class Scope(StrEnum):
    """What a token may do. ``ADMIN_READ`` reads the orders of everybody, and so the token's own as well."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ADMIN_READ = "admin:read"


class Standing(StrEnum):
    """Whether a token that was issued still serves."""

    SERVES = "serves"
    ENDED = "ended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Rights:
    """What a token may do, until when (None: without end), and how many orders it may place on a day (None: any)."""

    scopes: frozenset[Scope] = frozenset({Scope.ORDERS_READ, Scope.ORDERS_WRITE})
    ends_at: datetime | None = None
    orders_per_day: int | None = None

    def allow(self, scope: Scope) -> bool:
        """Whether ``scope`` is among them."""
        return scope in self.scopes or (scope is Scope.ORDERS_READ and Scope.ADMIN_READ in self.scopes)


class ApiToken(Base):
    """What a program signs in with; only its SHA-256 is kept, which suffices for 256 random bits.

    A row is never deleted and a name never given again, so that what a token has ordered stays its own for good.
    """

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    token_hash: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Names of scopes with spaces between them. The database's own default is what tokens could do before there were
    #: any: it is for those, and for one that a process of the release before makes during a deploy.
    scopes: Mapped[str] = mapped_column(Text, server_default="orders:read orders:write admin:read")
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    orders_per_day: Mapped[int | None]
    #: The day of the shop on which the token has last placed an order, and how many it has placed on it.
    counted_day: Mapped[date | None] = mapped_column(Date)
    counted_orders: Mapped[int] = mapped_column(default=0, server_default="0")

    @property
    def rights(self) -> Rights:
        """What the token may do. A scope that this release does not know is none."""
        scopes = frozenset(scope for scope in Scope if scope in self.scopes.split())
        return Rights(scopes, self.ends_at, self.orders_per_day)

    @rights.setter
    def rights(self, rights: Rights) -> None:
        self.scopes = " ".join(scope for scope in Scope if scope in rights.scopes)
        self.ends_at, self.orders_per_day = rights.ends_at, rights.orders_per_day

    @property
    def last_day(self) -> date | None:
        """The shop's day on which it serves for the last time; None without an end."""
        return day_of(self.ends_at - timedelta(microseconds=1)) if self.ends_at else None

    def standing_at(self, now: datetime) -> Standing:
        """Whether it serves at ``now``."""
        if self.revoked_at is not None:
            return Standing.REVOKED
        return Standing.ENDED if self.ends_at is not None and now >= self.ends_at else Standing.SERVES

    def orders_on(self, day: date) -> int:
        """How many orders it has placed on that day of the shop, today's or one to come."""
        return self.counted_orders if self.counted_day == day else 0


def new_api_token(name: str, rights: Rights = Rights()) -> tuple[str, ApiToken]:
    """A token that was never seen before, and the row that will know it again; not stored yet.

    Raises ``AccountRefused`` for an unfit name or rights that are none.
    """
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return token, ApiToken(name=clean_name(name), token_hash=_digest(token), rights=_checked(rights))


def create_api_token(name: str, rights: Rights = Rights()) -> str:
    """Store a new token's hash and commit; returns the token, which cannot be shown again.

    Raises ``AccountRefused`` for a taken or unfit name, or rights that are none.
    """
    token, row = new_api_token(name, rights)
    db.session.add(row)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise AccountRefused(f"There is a token called {clean_name(name)} already.") from None
    return token


def identify(token: str) -> ApiToken | None:
    """The row of a token that was ever issued, **also when it no longer serves**; None for any other text."""
    return db.session.scalar(select(ApiToken).where(ApiToken.token_hash == _digest(token)))


def note_use(token: ApiToken, now: datetime) -> None:
    """Write down that the token was used, once in each ``USE_NOTED_EVERY``.

    Nobody waits for it: while somebody else writes, it is left to the next request.
    """
    if token.last_used_at is None or not timedelta(0) <= now - token.last_used_at < USE_NOTED_EVERY:
        write_if_free(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))


def count_order(api_token_id: int, now: datetime) -> bool:
    """Count one more order of today in the caller's transaction; false, with nothing counted, where no more is allowed.

    One statement decides: of two at the same moment the second finds what the first has counted, or waits for it.
    """
    today = day_of(now)
    # With tomorrow: the clocks of two machines pass midnight one after the other, and neither may begin anew for that.
    of_today = ApiToken.counted_day.between(today, today + ONE_DAY)
    so_far = case((of_today, ApiToken.counted_orders), else_=0)
    counted = (
        update(ApiToken)
        .where(ApiToken.id == api_token_id)
        .where(or_(ApiToken.orders_per_day.is_(None), so_far < ApiToken.orders_per_day))
        .values(counted_day=case((of_today, ApiToken.counted_day), else_=today), counted_orders=so_far + 1)
        .returning(ApiToken.id)
        .execution_options(synchronize_session=False)
    )
    return db.session.scalar(counted) is not None


def next_day(now: datetime) -> datetime:
    """When the counts of orders begin anew: the next midnight of the shop."""
    return start_of(day_of(now) + ONE_DAY)


def end_of(day: date, now: datetime) -> datetime:
    """The end of a token whose last day is ``day``, one of the shop. Raises ``AccountRefused`` if that is over."""
    if day < day_of(now):
        raise AccountRefused(f"{day} is over: name a day that is not. To end a token at once, revoke it.")
    return start_of(day + ONE_DAY)


def change_rights(name: str, change: Callable[[Rights], Rights]) -> tuple[ApiToken, Rights]:
    """Give the token the rights that ``change`` makes of its present ones; returns those it had. Commits nothing.

    For ``domain.orders.token_orders``. Raises ``AccountRefused`` for a token that is unknown or revoked, and for
    rights that are none.
    """
    row = _existing_token(name)
    if row.revoked_at is not None:
        raise AccountRefused(f"The token {row.name} is revoked for good. Create another one.")
    before, row.rights = row.rights, _checked(change(row.rights))
    return row, before


def revoke_api_token(name: str) -> None:
    """Refuse the token from now on, and commit; twice is as good as once. Raises ``AccountRefused`` if unknown."""
    row = _existing_token(name)
    row.revoked_at = row.revoked_at or utc_now()
    db.session.commit()


def list_api_tokens() -> list[ApiToken]:
    """All tokens, newest first."""
    return list(db.session.scalars(select(ApiToken).order_by(ApiToken.id.desc())))


def unrevoked_tokens(most: int) -> list[ApiToken]:
    """The newest ``most`` tokens that nobody has revoked, those that have ended too."""
    unrevoked = select(ApiToken).where(ApiToken.revoked_at.is_(None))
    return list(db.session.scalars(unrevoked.order_by(ApiToken.id.desc()).limit(most)))


def _existing_token(name: str) -> ApiToken:
    row = db.session.scalar(select(ApiToken).where(ApiToken.name == clean_name(name)))
    if row is None:
        raise AccountRefused(f"There is no token called {name}.")
    return row


def _checked(rights: Rights) -> Rights:
    if not rights.scopes:
        raise AccountRefused("A token needs at least one scope.")
    if rights.orders_per_day is not None and not 1 <= rights.orders_per_day <= MAX_ORDERS_PER_DAY:
        raise AccountRefused(f"Orders per day: 1 to {MAX_ORDERS_PER_DAY}. One that places none has no orders:write.")
    return rights


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
