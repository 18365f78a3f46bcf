"""Disks that take no more, without a file system of our own, hence without root."""

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine, event, text

from domain.db import db

PG_FULL = """
    CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device'; END $$
"""


@contextmanager
def full_database(app: Flask) -> Iterator[None]:
    """The database takes no long order more. What SQLite says is its own; PostgreSQL is made to say what it would.

    No transaction may be open as this begins and ends.
    """
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        with _as_large_as_it_is(engine):
            yield
        return
    with engine.begin() as connection:
        connection.execute(text(PG_FULL))
        connection.execute(text("CREATE TRIGGER no_room BEFORE INSERT ON orders EXECUTE FUNCTION no_room()"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP FUNCTION no_room CASCADE"))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes: what a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def _as_large_as_it_is(engine: Engine) -> Iterator[None]:
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        # No lower than the pages that there are.
        connection.execute("PRAGMA max_page_count = 1")

    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        connection.rollback()
        driver.execute("VACUUM")
    engine.dispose()
    event.listen(engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(engine, "connect", limit)
        engine.dispose()


class Disk:
    """The disk of the works, as far as a test may fill it."""

    def __init__(self, change_settings: Callable[..., None], folder: Path) -> None:
        self._change, self._folder = change_settings, folder
        (folder / "a-file").touch()

    def leave_little(self) -> None:
        """Less is free than has to be; what little there is can be written to."""
        self._change(min_free_disk_mb=10**12)

    def refuse_writes(self) -> None:
        """No file can be written any more."""
        self._change(media_dir=self._folder / "a-file" / "media")

    def make_room(self) -> None:
        """All is well again."""
        self._change(min_free_disk_mb=0, media_dir=self._folder / "media")
