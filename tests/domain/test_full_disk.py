"""A full disk: nothing new is accepted or paid for, and nothing that was accepted or paid for is lost."""

import os
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import func, select

from domain.db import db, utc_now
from domain.generation.manual_retry import retry_by_hand
from domain.monitoring import stuck
from domain.monitoring.stuck_rules import StuckReason
from domain.orders import queries, works
from domain.orders.models import AttemptState, Order, StageState
from domain.orders.placing import NewOrder, StorageFull, place, place_once
from providers.base import Brief
from providers.kinds import StageType
from providers.registry import INSTANT_ADAPTERS
from tests.builders import make_due, run, stage_of
from tests.database_kinds import on_one_database
from tests.domain.generation.jobs.job_orders import attempts_of, look
from tests.emulated_sections import KINDS, OWN_POEM, order_of, works_with
from tests.emulator.server import Emulator
from tests.full_disk import Disk, full_database

POEM, VOICE, SONG, CLIP = StageType
full_in_each_way = pytest.mark.parametrize("fill", [Disk.leave_little, Disk.refuse_writes])
#: Longer than what is free on the last page of any table.
NEW = NewOrder(Brief("Анна", "60 лет", "море " * 400, "тепло", "ru"), frozenset({VOICE}), OWN_POEM * 100, "token:shop")


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be stored is given up at once, instead of after five minutes."""
    monkeypatch.setattr("domain.storage_retry.OUTAGE_SECONDS", 0)


def refuse_writes_from_the_answer_on(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up while the provider is at work, each time."""
    adapter = INSTANT_ADAPTERS[KINDS[VOICE]]
    generate = adapter.generate

    def generate_while_the_disk_fills(provider: object, request: object) -> object:
        answer = generate(provider, request)  # type: ignore[arg-type]
        disk.refuse_writes()
        return answer

    monkeypatch.setattr(adapter, "generate", generate_while_the_disk_fills)


def orders() -> int:
    return db.session.scalar(select(func.count()).select_from(Order)) or 0


@on_one_database
@full_in_each_way
@pytest.mark.usefixtures("no_patience")
@pytest.mark.parametrize("stage_type", [VOICE, SONG, CLIP])
def test_nothing_that_becomes_a_file_is_sent_while_there_is_no_room_for_it(
    stage_type: StageType, emulator: Emulator, disk: Disk, fill: Callable[[Disk], None]
) -> None:
    before = works_with(stage_type, emulator)
    order = order_of(stage_type)
    fill(disk)

    run(order, stage_type)

    stage = stage_of(order, stage_type)
    assert (stage.state, stage.reason, stage.attempts) == (StageState.QUEUED, "storage_full", 0)
    assert stage.due_at > utc_now()
    assert stuck.of_order(order.id, utc_now())[stage_type].why is StuckReason.DISK_FULL
    assert len(emulator.ledger) == before
    disk.make_room()
    make_due(stage, utc_now())
    run(order, stage_type)
    assert stage_of(order, stage_type).state in {StageState.DONE, StageState.SUBMITTED}
    assert len(emulator.ledger) == before + 1


@on_one_database
def test_a_folder_that_cannot_be_written_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert works.has_room()
    # A disk that was mounted anew to be read only; who is root may write wherever modes forbid it.
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)

    assert not works.has_room()


@on_one_database
def test_a_poem_needs_no_room_among_the_files(emulator: Emulator, disk: Disk) -> None:
    works_with(POEM, emulator)
    order = order_of(POEM)
    disk.refuse_writes()

    run(order)

    assert stage_of(order).state is StageState.DONE


@on_one_database
def test_a_stage_whose_section_does_not_work_waits_for_that_before_it_waits_for_room(disk: Disk) -> None:
    order = order_of(VOICE)
    disk.refuse_writes()

    run(order, VOICE)

    assert (stage_of(order, VOICE).state, stage_of(order, VOICE).reason) == (StageState.WAITING, "not_configured")


@on_one_database
def test_a_finished_job_is_fetched_into_the_room_that_was_kept_for_it(emulator: Emulator, disk: Disk) -> None:
    works_with(SONG, emulator)
    emulator.suno.job_seconds = 1e-6
    order = order_of(SONG)
    run(order, SONG)
    disk.leave_little()

    look(order, SONG)

    assert stage_of(order, SONG).state is StageState.DONE


@on_one_database
def test_a_voice_that_was_paid_for_is_stored_as_soon_as_there_is_room(
    emulator: Emulator, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = works_with(VOICE, emulator)
    order = order_of(VOICE)
    refuse_writes_from_the_answer_on(disk, monkeypatch)
    # While the worker pauses, somebody clears up.
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _seconds: disk.make_room()))

    run(order, VOICE)

    assert stage_of(order, VOICE).state is StageState.DONE
    assert len(emulator.ledger) == before + 1


@on_one_database
@pytest.mark.usefixtures("no_patience")
def test_a_voice_that_cannot_be_stored_is_paid_twice_at_most_and_then_left_to_a_person(
    emulator: Emulator, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = works_with(VOICE, emulator)
    order = order_of(VOICE)
    with monkeypatch.context() as patch:
        refuse_writes_from_the_answer_on(disk, patch)

        run(order, VOICE)
        stage = stage_of(order, VOICE)
        assert (stage.state, stage.reason, stage.lost_answers) == (StageState.QUEUED, "storage_full", 1)
        disk.make_room()
        make_due(stage, utc_now())
        run(order, VOICE)

    stage = stage_of(order, VOICE)
    assert (stage.state, stage.reason) == (StageState.ATTENTION, "storage_full")
    assert [(each.state, each.code) for each in attempts_of(order, VOICE)] == [(AttemptState.LOST, "storage_full")] * 2
    assert len(emulator.ledger) == before + 2

    disk.make_room()
    assert retry_by_hand(stage, utc_now())
    db.session.commit()
    run(order, VOICE)
    assert stage_of(order, VOICE).state is StageState.DONE


@on_one_database
@full_in_each_way
def test_a_new_order_is_refused_while_there_is_no_room_for_its_works(disk: Disk, fill: Callable[[Disk], None]) -> None:
    known = place_once(NEW, "known").id
    fill(disk)

    with pytest.raises(StorageFull):
        place(NEW)
    with pytest.raises(StorageFull):
        place_once(NEW, "new")

    assert place_once(NEW, "known").id == known
    assert orders() == 1
    disk.make_room()
    assert place_once(NEW, "new").id != known


def test_a_new_order_is_refused_while_the_database_is_full_and_no_old_one_suffers(app: Flask) -> None:
    old = order_of(VOICE).id
    known = place_once(NEW, "known").id
    db.session.rollback()

    with full_database(app):
        with pytest.raises(StorageFull):
            place(NEW)
        with pytest.raises(StorageFull):
            place_once(NEW, "new")
        assert place_once(NEW, "known").id == known
        assert queries.find(old) is not None
        assert orders() == 2
        db.session.rollback()

    assert place_once(NEW, "new").id not in {old, known}
