"""What is only good to know is written when nobody has to wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, event, select, text, update

from domain.accounts import api_tokens
from domain.accounts.api_tokens import ApiToken
from domain.db import BUSY_TIMEOUT_MS, NO_WAIT_MS, db, reading, utc_now, write_if_free

NOW = utc_now()


def new_token() -> int:
    api_tokens.create_api_token("shop")
    (token,) = api_tokens.list_api_tokens()
    token_id = token.id
    db.session.rollback()
    return token_id


@contextmanager
def somebody_writes_to(token_id: int) -> Iterator[None]:
    """SQLite is locked whole meanwhile, PostgreSQL that row."""
    with db.engine.connect() as connection:
        connection.execute(update(ApiToken).where(ApiToken.id == token_id).values(name="renamed"))
        yield
        connection.rollback()


@contextmanager
def patience_of_updates() -> Iterator[list[tuple[str, str]]]:
    """How long each would wait for a lock, as its connection says, and whether it has asked for its turn before."""
    patience: list[tuple[str, str]] = []

    def look(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE"):
            driver: Any = connection.connection.driver_connection
            asked = "PRAGMA busy_timeout" if connection.dialect.name == "sqlite" else "SHOW lock_timeout"
            turn = "asks for its turn" if "turn to write" in connection.info else "asks for no turn"
            patience.append((str(driver.execute(asked).fetchone()[0]), turn))

    event.listen(db.engine, "before_cursor_execute", look)
    try:
        yield patience
    finally:
        event.remove(db.engine, "before_cursor_execute", look)


def last_used(token_id: int) -> object:
    value = db.session.scalar(select(ApiToken.last_used_at).where(ApiToken.id == token_id))
    db.session.rollback()
    return value


def note(token_id: int) -> bool:
    return write_if_free(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=NOW))


def test_it_is_written_when_nobody_else_writes() -> None:
    token_id = new_token()

    assert note(token_id)
    assert last_used(token_id) == NOW


def test_nobody_waits_for_somebody_who_writes() -> None:
    token_id = new_token()

    with somebody_writes_to(token_id), patience_of_updates() as patience:
        assert not note(token_id)

    assert patience == [("0" if db.engine.dialect.name == "sqlite" else f"{NO_WAIT_MS}ms", "asks for no turn")]
    assert last_used(token_id) is None


def test_who_writes_something_that_counts_waits_as_long_as_before() -> None:
    note(new_token())

    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA busy_timeout")) == BUSY_TIMEOUT_MS
        else:
            assert connection.scalar(text("SHOW lock_timeout")) == "0"


def test_the_use_of_a_token_is_noted_once_a_minute() -> None:
    token = api_tokens.create_api_token("shop")
    seen = []
    for seconds in (0, 59, 60, 61, -300):
        with reading():
            found = api_tokens.identify(token)
            assert found is not None
            api_tokens.note_use(found, NOW + timedelta(seconds=seconds))
        db.session.rollback()
        seen.append(last_used(found.id))

    # A clock that was set back does not keep the last use in the future.
    assert seen == [NOW + timedelta(seconds=seconds) for seconds in (0, 0, 60, 60, -300)]
