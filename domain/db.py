"""The database: one declarative base, aware times, and how SQLite is opened by several processes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    MetaData,
    Select,
    Table,
    TypeDecorator,
    UpdateBase,
    event,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 15_000
#: How long PostgreSQL waits for a lock where nobody is to wait; it has no way to say "not at all" for every statement.
NO_WAIT_MS = 10
#: How long those who read may keep SQLite's log of writes from being emptied; writers wait meanwhile.
LOG_PATIENCE_MS = 500

#: How SQLite says that its disk takes no more: as a rule, at a commit; over a quota; and, where nobody has had the
#: database open, already as it is opened to be read.
_SQLITE_HAS_NO_ROOM = {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"}
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL_HAS_NO_ROOM = "53100"


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can drop it on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time. SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone was given to the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def enum_type(members: type[StrEnum]) -> Enum:
    """A text column that holds only the values of ``members``; no native type, so that adding one is no migration."""
    return Enum(members, native_enum=False, length=32, values_callable=lambda enum: [member.value for member in enum])


_TURN = "turn to write"
_reading: ContextVar[bool] = ContextVar("reading", default=False)


@contextmanager
def reading() -> Iterator[None]:
    """Transactions that begin in here only read: on SQLite they take no write lock and wait for no writer."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def engine_options(database_url: str) -> dict[str, Any]:
    """Options for the engine of ``database_url``; parameters never reach an error text."""
    options: dict[str, Any] = {"hide_parameters": True, "pool_size": 8, "max_overflow": 64}
    if database_url.startswith("sqlite"):
        options["connect_args"] = {"timeout": BUSY_TIMEOUT_MS / 1000}
    else:
        options["pool_pre_ping"] = True
        options["connect_args"] = {"connect_timeout": 5}
    return options


def taken_once(query: Select[int]) -> Select[int]:
    """The rows of ``query`` that nobody else holds, locked, as a condition of an update.

    PostgreSQL may run a subquery again for each row of the update; it then skips what it has locked itself, and more
    rows are changed than its limit allows. A CTE that locks is run once
    (https://www.postgresql.org/docs/current/queries-with.html).
    """
    once = query.with_for_update(skip_locked=True).cte("taken")
    return select(once.c[0])


def insert_into(table: Table, database: str) -> postgresql.Insert | sqlite.Insert:
    """An insert that can say what happens to a row that is there already; each database has its own."""
    return sqlite.insert(table) if database == "sqlite" else postgresql.insert(table)


def write_if_free(statement: UpdateBase) -> bool:
    """Run ``statement`` in a transaction of its own; false when it would have to wait, or failed.

    For what is good to know and not worth anybody's time: nothing that counts may be written so. On SQLite the caller's
    own transaction has to be one of ``reading``.
    """
    try:
        # Not in turn with the other threads, and with a lock that is asked for once.
        with reading(), db.engine.connect() as connection, _no_patience(connection):
            connection.execute(statement)
            connection.commit()
    except SQLAlchemyError:
        return False
    return True


def forget_replaced_pages() -> bool:
    """Empty SQLite's log of writes, which still holds what was on its pages before; outside any transaction.

    False when somebody reads there for longer than ``LOG_PATIENCE_MS``: then it is to be tried again. True at once on
    PostgreSQL, whose dead rows and log go by its own rules (docs/operating.md).
    """
    if db.engine.dialect.name != "sqlite":
        return True
    with db.engine.connect() as connection:
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        driver.execute(f"PRAGMA busy_timeout={LOG_PATIENCE_MS}")
        try:
            busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError:
            return False
        finally:
            driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    return not busy


@contextmanager
def _no_patience(connection: Connection) -> Iterator[None]:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {NO_WAIT_MS}")
        yield
        return
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    driver.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def has_no_room(error: BaseException) -> bool:
    """Whether a statement or a commit failed because the database's disk is full; nothing of its transaction is kept.

    SQLAlchemy's exceptions do not tell it from a database that is away: only the driver's own code does.
    """
    driver_error = getattr(error, "orig", None)
    return (
        getattr(driver_error, "sqlite_errorname", None) in _SQLITE_HAS_NO_ROOM
        or getattr(driver_error, "sqlstate", None) == _POSTGRESQL_HAS_NO_ROOM
    )


def prepare_sqlite(engine: Engine) -> None:
    """Make ``engine`` safe for several processes; does nothing on another database.

    sqlite3 must not begin transactions by itself: a read followed by a write in a deferred transaction fails at
    once with "database is locked", whatever the time-out (https://www.sqlite.org/isolation.html). FULL keeps the
    record of a paid call through a power cut. What is deleted is overwritten, whatever SQLite was built to do.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    _write_in_turn(engine)


def _write_in_turn(engine: Engine) -> None:
    """Let the threads of this process write one after the other.

    SQLite itself lets writers ask again and again until they happen to find the lock free: with dozens of threads one
    of them asks in vain for longer than ``BUSY_TIMEOUT_MS``. So only one thread of each process asks it.
    """
    turn = threading.Lock()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if _reading.get():
            connection.exec_driver_sql("BEGIN")
            return
        # Whoever waits in vain asks SQLite all the same, which knows best who writes.
        connection.info[_TURN] = turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            _end_turn(connection.info)
            raise

    def _end_turn(info: dict[Any, Any]) -> None:
        if info.pop(_TURN, False):
            turn.release()

    @event.listens_for(engine, "commit")
    @event.listens_for(engine, "rollback")
    def _on_end(connection: Connection) -> None:
        if not connection.invalidated:
            _end_turn(connection.info)

    @event.listens_for(engine, "invalidate")
    def _on_break(_connection: object, record: ConnectionPoolEntry, _error: object) -> None:
        _end_turn(record.info)
