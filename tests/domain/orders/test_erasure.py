"""Erasing orders: no word is left, what counts stays, and they grow old where an age is set."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from domain.db import db, utc_now
from domain.generation.manual_retry import retry_by_hand
from domain.monitoring import order_troubles
from domain.orders import erasure, placing, stages, works
from domain.orders import search as orders_search
from domain.orders.models import Attempt, Order, OrderState, Stage, StageReason, StageState
from domain.orders.placing import IdempotencyKey, KeyUsedForAnother, NewOrder, place_once
from providers.base import Brief, GenerationResult
from providers.kinds import StageType
from settings import current_settings
from tests.builders import place_order, run, set_state, stage_of, working_section
from tests.canary.search import Search
from tests.database_kinds import POSTGRESQL, on_both_databases
from tests.stopped_clock import StoppedClock

POEM, VOICE, SONG, CLIP = StageType
#: Letters and digits, in the middle of every word that is planted.
MARK = "Canary5d1f0c9e"
NAME = f"Анна {MARK}"
BRIEF = Brief(NAME, f"60 лет {MARK}", f"любит море {MARK}", f"тепло {MARK}", "ru")
NEW = NewOrder(BRIEF, frozenset({POEM, VOICE}), None, "token:shop")
KEY = f"order-of-{MARK}"


@dataclass
class Taken:
    """A stage as somebody has read it."""

    id: int
    order_id: int
    claim: int


def erase(order: Order | int) -> Order:
    """Ask for it, and let the sweep come by."""
    order_id = order if isinstance(order, int) else order.id
    asked = erasure.request(order_id, "admin", utc_now())
    assert asked is not None
    erasure.go_on(utc_now())
    return read(order_id)


def read(order_id: int) -> Order:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Order, order_id)


def media() -> list[str]:
    folder = current_settings().media_dir
    assert folder is not None
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def keep_file(stage_id: int, claim: int) -> str:
    """A file as a worker writes it, which no row names yet."""
    said = f"RIFF{MARK}".encode()
    stored = works.store(stage_id, claim, GenerationResult("m", media=said, content_type="audio/mpeg"))
    assert stored.file_name is not None
    return stored.file_name


def all_attempts() -> list[Attempt]:
    return list(db.session.scalars(select(Attempt).order_by(Attempt.id)))


def spoken_of_everywhere() -> int:
    """An order with its mark in every place where words of an order can be."""
    order_id = place_once(NEW, KEY).id
    for stage_type in (POEM, VOICE):
        working_section(stage_type)
        run(order_id, stage_type)
    poem, voice = stage_of(order_id, POEM), stage_of(order_id, VOICE)
    for stage in (poem, voice):
        stage.detail = f"the prompt {MARK} is refused"
        attempt = db.session.scalars(select(Attempt).where(Attempt.stage_id == stage.id)).one()
        attempt.hinted_job_id = MARK
    works.attach(poem.id, works.store(poem.id, 1, GenerationResult("m", text=f"Море, {MARK}")))
    stored = works.store(voice.id, 2, GenerationResult("m", media=f"RIFF{MARK}".encode(), content_type="audio/mpeg"))
    works.attach(voice.id, stored)
    db.session.get_one(Order, order_id).poem = f"Солнце, {MARK}"
    db.session.commit()
    return order_id


def found_anywhere(app: Flask) -> list[str]:
    """Where the mark is: rows, the database's own files, media."""
    db.session.rollback()
    search = Search(MARK)
    settings = current_settings()
    search.look_at_rows(settings.database_url)
    assert settings.media_dir is not None
    search.look_at_folder("media", settings.media_dir)
    if db.engine.dialect.name == "sqlite":
        search.look_at_folder("database", Path(str(db.engine.url.database)).parent)
    assert search.searched["tables"] > 10
    return search.found


@on_both_databases
def test_no_word_of_an_erased_order_is_left(app: Flask) -> None:
    order_id = spoken_of_everywhere()
    before = found_anywhere(app)
    for place in ("tables: orders", "tables: works", "tables: stages", "tables: attempts", "tables: idempotency_keys"):
        assert any(each.startswith(place) for each in before), place
    assert any(each.startswith("media") for each in before)

    erase(order_id)

    assert found_anywhere(app) == []


@pytest.mark.parametrize("migrated_app", ["sqlite"], indirect=True)
def test_neither_the_file_of_sqlite_nor_its_log_keeps_what_was_deleted(app: Flask) -> None:
    orders = [place_order(details=f"{MARK} " * length, poem=None).id for length in (1, 40, 90) for _ in range(40)]
    for order_id in orders[::3]:
        stage = stage_of(order_id)
        works.attach(stage.id, works.store(stage.id, 1, GenerationResult("m", text=f"{MARK}\n" * 300)))
        db.session.commit()
    assert any(each.startswith("database") for each in found_anywhere(app))

    for order_id in orders:
        erasure.request(order_id, "admin", utc_now())
    while any(order.erased_at is None for order in map(read, orders)):
        erasure.go_on(utc_now())

    assert found_anywhere(app) == []


@pytest.mark.parametrize("migrated_app", ["sqlite"], indirect=True)
def test_an_order_counts_as_erased_only_when_the_log_of_writes_is_empty(app: Flask, clock: StoppedClock) -> None:
    order_id = spoken_of_everywhere()
    with db.engine.connect() as reader:
        reader.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr]
        reader.connection.driver_connection.execute("SELECT count(*) FROM orders").fetchone()  # type: ignore[union-attr]
        assert erase(order_id).erased_at is None
        reader.connection.driver_connection.execute("ROLLBACK")  # type: ignore[union-attr]

    clock.shift(erasure.TAKEN_FOR)
    erasure.go_on(utc_now())

    assert read(order_id).erased_at == utc_now()
    assert found_anywhere(app) == []


@pytest.mark.parametrize("migrated_app", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
def test_a_dead_row_of_postgresql_is_gone_when_the_tables_are_written_anew(app: Flask, postgres: Any) -> None:
    order_id = spoken_of_everywhere()
    erase(order_id)
    db.session.rollback()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("orders", "stages", "attempts", "works", "idempotency_keys"):
            connection.execute(text(f"VACUUM FULL {table}"))
        connection.execute(text("CHECKPOINT"))
        oid = connection.execute(text("SELECT oid FROM pg_database WHERE datname = current_database()")).scalar_one()

    search = Search(MARK)
    search.look_at_folder("raw files", postgres.folder / "data" / "base" / str(oid))

    assert search.found == []


def test_what_counts_stays() -> None:
    order_id = spoken_of_everywhere()
    before = {each: stage_of(order_id, each) for each in (POEM, VOICE)}
    kept = {
        each: (stage.state, stage.provider_kind, stage.model, stage.attempts, stage.usage, stage.finished_at)
        for each, stage in before.items()
    }
    attempts = [(each.state, each.model, each.usage) for each in all_attempts()]
    ended_at = read(order_id).updated_at

    order = erase(order_id)

    after = {each: stage_of(order_id, each) for each in (POEM, VOICE)}
    assert kept == {
        each: (stage.state, stage.provider_kind, stage.model, stage.attempts, stage.usage, stage.finished_at)
        for each, stage in after.items()
    }
    assert [(each.state, each.model, each.usage) for each in all_attempts()] == attempts
    assert (order.state, order.placed_by, order.updated_at) == (OrderState.DONE, "token:shop", ended_at)
    assert (order.erased_by, order.erase_requested_at, order.erased_at) == ("admin", utc_now(), utc_now())


def test_erasing_twice_is_erasing_once(clock: StoppedClock) -> None:
    order_id = spoken_of_everywhere()
    first = erase(order_id).erased_at
    clock.shift(3600)

    order = erasure.request(order_id, "somebody else", utc_now())

    assert order is not None
    assert (order.erased_by, order.erase_requested_at, order.erased_at) == ("admin", first, first)


def test_there_is_nothing_to_erase_of_an_order_that_is_not_there() -> None:
    assert erasure.request(17, "admin", utc_now()) is None


def test_another_order_is_left_alone() -> None:
    other = spoken_of_everywhere()
    works_before = media()
    order = place_order()

    erase(order)

    assert read(other).recipient == NAME
    assert media() == works_before
    assert stage_of(other, VOICE).work is not None


@pytest.mark.parametrize("step", ["delete", "forget_replaced_pages", "_settle"])
def test_what_a_kill_leaves_the_next_sweep_finishes(
    step: str, app: Flask, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    order_id = spoken_of_everywhere()
    erasure.request(order_id, "admin", utc_now())
    with monkeypatch.context() as patch:
        patch.setattr(erasure, step, die)
        with pytest.raises(Killed):
            erasure.go_on(utc_now())
    assert read(order_id).erased_at is None

    clock.shift(erasure.TAKEN_FOR)
    erasure.go_on(utc_now())

    assert read(order_id).erased_at == utc_now()
    assert found_anywhere(app) == []


def test_the_files_go_first_and_the_rows_that_name_them_last(
    monkeypatch: pytest.MonkeyPatch, clock: StoppedClock
) -> None:
    order_id = spoken_of_everywhere()

    def away(_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(works, "remove_files", away)
        assert erase(order_id).erased_at is None
    work = stage_of(order_id, VOICE).work
    assert work is not None
    assert work.file_name in media()

    clock.shift(erasure.TAKEN_FOR)
    erasure.go_on(utc_now())

    assert read(order_id).erased_at is not None
    assert (stage_of(order_id, VOICE).work, media()) == (None, [])


def test_an_order_in_progress_is_cancelled() -> None:
    order = place_order(frozenset({POEM, VOICE}))

    assert erase(order).state is OrderState.FAILED

    stages = [stage_of(order, each) for each in (POEM, VOICE)]
    assert [(stage.state, stage.reason, stage.finished_at) for stage in stages] == [
        (StageState.FAILED, StageReason.ERASED, utc_now())
    ] * 2
    working_section()
    assert run(order).ready == []
    assert stage_of(order).attempts == 0


@pytest.mark.parametrize("state", [each for each in StageState if each not in (StageState.DONE, StageState.FAILED)])
def test_no_stage_of_an_erased_order_moves_again(state: StageState, clock: StoppedClock) -> None:
    order = place_order()
    set_state(order.id, POEM, state, waiting_since=utc_now(), lease_until=utc_now())

    erase(order)

    stage = stage_of(order)
    assert (stage.state, stage.reason) == (StageState.FAILED, StageReason.ERASED)
    assert not retry_by_hand(stage, utc_now())


def test_a_retry_that_was_begun_before_changes_nothing_after() -> None:
    order = place_order()
    set_state(order.id, POEM, StageState.FAILED)
    stage = stage_of(order)
    as_it_was = Taken(stage.id, order.id, stage.claim)

    erase(order)

    assert not stages.transition(as_it_was, (StageState.FAILED,), state=StageState.QUEUED)


def test_a_key_of_an_erased_order_stands_for_it_and_is_kept_as_a_hash(clock: StoppedClock) -> None:
    order_id = place_once(NEW, KEY).id
    before = db.session.scalars(select(IdempotencyKey.request_hash)).all()

    erase(order_id)

    assert place_once(NEW, KEY).id == order_id
    assert db.session.scalar(select(func.count()).select_from(Order)) == 1
    [row] = db.session.scalars(select(IdempotencyKey))
    # Who has the database alone cannot try out words either.
    assert row.key.startswith("sha256\t")
    assert hashlib.sha256(KEY.encode()).hexdigest() not in row.key
    assert row.request_hash not in before
    assert row.request_hash.startswith("sha256\t")
    with pytest.raises(KeyUsedForAnother):
        place_once(replace(NEW, stages=frozenset({POEM})), KEY)
    clock.shift(timedelta(hours=24, seconds=1))
    assert place_once(NEW, KEY).id != order_id


def test_the_same_words_may_be_ordered_anew_by_another_form() -> None:
    first, _ = placing.place_form(NEW, "form-1")

    erase(first)

    again, is_new = placing.place_form(NEW, "form-2")
    assert is_new
    assert again.id != first.id


def test_an_erased_order_is_found_by_its_number_alone() -> None:
    order_id = place_once(NEW, KEY).id

    erase(order_id)

    assert [order.id for order in orders_search.search(str(order_id)).orders] == [order_id]
    assert orders_search.search("Анна").orders == []


def test_what_was_cancelled_is_no_failure_that_anybody_is_told_of() -> None:
    order = place_order()

    erase(order)

    assert order_troubles.look(utc_now()) == []


@pytest.fixture
def kept_for_thirty_days(change_settings: Callable[..., None]) -> None:
    change_settings(retention_days=30)


@pytest.mark.usefixtures("kept_for_thirty_days")
@pytest.mark.parametrize("state", [StageState.DONE, StageState.FAILED])
def test_an_order_is_erased_so_many_days_after_its_end(state: StageState, clock: StoppedClock) -> None:
    order = place_order()
    clock.shift(timedelta(days=100))
    set_state(order.id, POEM, state)

    clock.shift(timedelta(days=30))
    assert erasure.request_old(utc_now()) == 0
    clock.shift(1)
    assert erasure.request_old(utc_now()) == 1

    erased = read(order.id)
    assert (erased.recipient, erased.erased_by, erased.erase_due_at) == ("", "retention", utc_now())
    assert erasure.request_old(utc_now()) == 0


@pytest.mark.usefixtures("kept_for_thirty_days")
@pytest.mark.parametrize("state", [StageState.QUEUED, StageState.WAITING, StageState.ATTENTION])
def test_an_order_that_has_not_ended_is_not_old(state: StageState, clock: StoppedClock) -> None:
    order = place_order()
    set_state(order.id, POEM, state)

    clock.shift(timedelta(days=1000))

    assert erasure.request_old(utc_now()) == 0
    assert read(order.id).recipient == "Анна"


@pytest.mark.usefixtures("kept_for_thirty_days")
def test_an_order_that_is_retried_as_its_time_comes_is_kept(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = place_order()
    set_state(order.id, POEM, StageState.FAILED)
    clock.shift(timedelta(days=31))
    request = erasure.request

    def request_after_a_retry(*args: Any, **kwargs: Any) -> Order | None:
        assert retry_by_hand(stage_of(order), utc_now())
        db.session.commit()
        return request(*args, **kwargs)

    monkeypatch.setattr(erasure, "request", request_after_a_retry)
    erasure.request_old(utc_now())

    assert read(order.id).recipient == "Анна"
    assert stage_of(order).state is StageState.QUEUED


@pytest.mark.usefixtures("kept_for_thirty_days")
def test_old_orders_are_erased_a_few_at_a_time_the_oldest_first(
    clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "BATCH", 2)
    orders = [place_order().id for _ in range(3)]
    for order_id in reversed(orders):
        set_state(order_id, POEM, StageState.DONE)
        clock.shift(60)
    clock.shift(timedelta(days=31))

    assert erasure.request_old(utc_now()) == 2
    assert [read(order_id).is_erased for order_id in orders] == [False, True, True]
    assert erasure.request_old(utc_now()) == 1


def test_nothing_grows_old_where_no_age_is_set(clock: StoppedClock) -> None:
    order = place_order()
    set_state(order.id, POEM, StageState.DONE)

    clock.shift(timedelta(days=10_000))

    assert erasure.request_old(utc_now()) == 0


@pytest.mark.parametrize("migrated_app", [POSTGRESQL], indirect=True)
def test_whoever_holds_a_stage_for_a_moment_is_not_waited_for_with_the_order_in_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker that takes a stage may want its order next: the two would wait for each other."""
    order = place_order()
    order_id, stage_id = order.id, stage_of(order).id
    db.session.rollback()
    waited: list[float] = []
    with db.engine.connect() as worker:
        worker.execute(select(Stage.id).where(Stage.id == stage_id).with_for_update())

        def take_the_order_and_let_go(seconds: float) -> None:
            waited.append(seconds)
            worker.execute(select(Order.id).where(Order.id == order_id).with_for_update(nowait=True))
            worker.rollback()

        monkeypatch.setattr(erasure, "time", SimpleNamespace(sleep=take_the_order_and_let_go))
        erasure.request(order_id, "admin", utc_now())

    assert len(waited) == 1
    assert read(order_id).is_erased
