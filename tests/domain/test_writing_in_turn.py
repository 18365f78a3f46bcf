"""On SQLite the threads of one process write one after the other, and a turn always ends."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

from domain.db import prepare_sqlite, reading
from tests.database_kinds import on_one_database

pytestmark = on_one_database

THREADS = 8
TURN = "turn to write"


@pytest.fixture(params=[60], ids=["patient"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A database with a table of numbers, for which everybody waits for so many seconds."""
    monkeypatch.setattr("domain.db.BUSY_TIMEOUT_MS", request.param * 1000)
    options = {"timeout": request.param}
    made = create_engine(f"sqlite:///{tmp_path / 'numbers.db'}", connect_args=options, pool_size=THREADS)
    prepare_sqlite(made)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER)"))
    yield made
    made.dispose()


def write(connection: Connection) -> None:
    connection.execute(text("INSERT INTO numbers VALUES (1)"))


def test_one_thread_at_a_time_asks_sqlite_for_the_lock(engine: Engine) -> None:
    asking: set[int] = set()
    most = 0

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        nonlocal most
        if statement == "BEGIN IMMEDIATE":
            asking.add(threading.get_ident())
            most = max(most, len(asking))

    def write_often(_: int) -> None:
        for _ in range(20):
            with engine.begin() as connection:
                assert connection.info[TURN]
                write(connection)
                asking.discard(threading.get_ident())

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(write_often, range(THREADS)))

    assert most == 1


@pytest.mark.parametrize("engine", [0.5], ids=["hurried"], indirect=True)
@pytest.mark.parametrize("end", ["commit", "rollback", "close", "invalidate"])
def test_however_a_write_ends_the_next_one_may_begin(engine: Engine, end: str) -> None:
    with engine.connect() as connection:
        write(connection)
        getattr(connection, end)()

    with engine.begin() as connection:
        # Who does not get its turn in time writes all the same, and it is not in its turn.
        assert connection.info[TURN]
        write(connection)


@pytest.mark.parametrize("engine", [0.01], ids=["in a hurry"], indirect=True)
def test_a_write_that_cannot_begin_leaves_the_turn_to_others(engine: Engine, tmp_path: Path) -> None:
    other = create_engine(f"sqlite:///{tmp_path / 'numbers.db'}")
    prepare_sqlite(other)
    with other.begin(), pytest.raises(OperationalError, match="locked"), engine.begin():
        pass
    other.dispose()

    with engine.begin() as connection:
        assert connection.info[TURN]
        write(connection)


def test_who_only_reads_waits_for_nobody(engine: Engine) -> None:
    with engine.begin() as writer:
        write(writer)
        with reading(), engine.connect() as reader:
            assert reader.scalar(text("SELECT count(*) FROM numbers")) == 0
