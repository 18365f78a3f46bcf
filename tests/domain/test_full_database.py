"""A database whose disk is full is told from one that is away, by what the driver really says."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from domain.db import has_no_room, prepare_sqlite
from tests.full_disk import files_of_at_most

LARGE = "x" * 200_000


@pytest.fixture(autouse=True)
def in_app() -> None:
    """The databases in here are no application's."""


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A SQLite of the product's kind with one table, which nobody has open. Who finds it locked does not wait."""
    monkeypatch.setattr("domain.db.BUSY_TIMEOUT_MS", 0)
    engine = create_engine(f"sqlite:///{tmp_path / 'small.db'}")
    prepare_sqlite(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT)"))
    engine.dispose()
    yield engine
    engine.dispose()


def failure(what: Callable[[], object]) -> OperationalError:
    with pytest.raises(OperationalError) as caught:
        what()
    return caught.value


def write(engine: Engine, note: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO notes VALUES (:note)"), {"note": note})


def test_a_file_that_may_not_grow_is_a_full_disk(sqlite: Engine) -> None:
    write(sqlite, "kept")

    with files_of_at_most(100_000):
        error = failure(lambda: write(sqlite, LARGE))

    assert getattr(error.orig, "sqlite_errorname", None) == "SQLITE_IOERR_WRITE"
    assert has_no_room(error)
    with sqlite.connect() as connection:
        assert connection.scalars(text("SELECT note FROM notes")).all() == ["kept"]


def test_a_database_that_cannot_be_opened_for_want_of_room_is_a_full_disk(sqlite: Engine) -> None:
    with files_of_at_most(10_000):
        error = failure(sqlite.connect)

    assert getattr(error.orig, "sqlite_errorname", None) == "SQLITE_IOERR_SHMSIZE"
    assert has_no_room(error)


def test_a_locked_database_and_one_that_is_away_are_no_full_disk(sqlite: Engine) -> None:
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    nowhere = create_engine("sqlite:////nowhere/at/all.db")

    with sqlite.begin():
        locked = failure(lambda: write(sqlite, "note"))

    assert "locked" in str(locked)
    assert not any(map(has_no_room, (locked, failure(away.connect), failure(nowhere.connect))))
