"""Works that stages have made: their files, their rows, and the poem that the others work from."""

import hashlib
from typing import BinaryIO

import pytest
from sqlalchemy import select

from domain.db import db, utc_now
from domain.media.folder import MediaFolder, NewFile
from domain.orders import works
from domain.orders.models import Order, StageState, Work
from domain.orders.works import EXTENSIONS, StoredWork
from providers.base import GenerationResult
from providers.http.download import Downloaded
from providers.kinds import StageType
from tests.builders import media_of, place_order, set_state, stage_of, unfinished_files
from tests.database_kinds import on_one_database
from tests.domain.row_changes import columns
from tests.stopped_clock import StoppedClock

pytestmark = on_one_database

POEM, VOICE = StageType.POEM, StageType.VOICE
MEDIA = b"RIFF" + bytes(range(256))
HASH = hashlib.sha256(MEDIA).hexdigest()


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The names and types with which files are kept: a bucket would remember both."""
    found: list[tuple[str, str]] = []
    keep = MediaFolder.keep

    def keep_and_note(store: MediaFolder, new: NewFile, name: str, content_type: str) -> None:
        found.append((name, content_type))
        keep(store, new, name, content_type)

    monkeypatch.setattr(MediaFolder, "keep", keep_and_note)
    return found


def attached(order: Order, stored: StoredWork, stage_type: StageType = POEM) -> Work:
    works.attach(stage_of(order, stage_type).id, stored)
    db.session.commit()
    work = stage_of(order, stage_type).work
    assert work is not None
    return work


def text(words: str) -> StoredWork:
    return works.store(1, 1, GenerationResult("m", text=words))


def test_a_text_is_kept_in_its_row() -> None:
    raw = "Море шумит".encode()

    stored = text("Море шумит")

    assert stored == StoredWork("text/plain", "Море шумит", None, len(raw), hashlib.sha256(raw).hexdigest())
    work = columns(attached(place_order(), stored))
    del work["id"], work["stage_id"]
    facts = {"content_type": "text/plain", "text": "Море шумит", "file_name": None, "created_at": utc_now()}
    assert work == {**facts, "size_bytes": len(raw), "sha256": stored.sha256}


@pytest.mark.parametrize(("content_type", "extension"), list(EXTENSIONS.items()))
def test_a_file_is_named_after_the_stage_and_the_claim_that_made_it(
    content_type: str, extension: str, kept: list[tuple[str, str]]
) -> None:
    stored = works.store(7, 3, GenerationResult("m", media=MEDIA, content_type=content_type))

    assert kept == [(f"7-3.{extension}", content_type)]
    assert stored == StoredWork(content_type, None, f"7-3.{extension}", len(MEDIA), HASH)
    assert media_of(attached(place_order(), stored)) == MEDIA
    assert unfinished_files() == []


def test_a_file_that_was_fetched_is_named_in_the_same_way(kept: list[tuple[str, str]]) -> None:
    def fill(file: BinaryIO) -> Downloaded:
        file.write(MEDIA)
        return Downloaded("audio/mpeg", len(MEDIA), HASH)

    stored = works.store_download(7, 3, fill)

    assert kept == [("7-3.mp3", "audio/mpeg")]
    assert stored == StoredWork("audio/mpeg", None, "7-3.mp3", len(MEDIA), HASH)
    assert media_of(attached(place_order(), stored)) == MEDIA


def test_a_file_that_does_not_come_leaves_nothing_behind() -> None:
    def fill(file: BinaryIO) -> Downloaded:
        file.write(MEDIA)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        works.store_download(7, 3, fill)

    assert unfinished_files() == []
    assert not list(works.media_store().folder.iterdir())  # type: ignore[union-attr]  # a folder, as nothing else is set


def test_a_stage_has_one_work_the_latest(clock: StoppedClock) -> None:
    order, other = place_order(), place_order()
    attached(order, text("first"))
    attached(other, text("another's"))
    file = works.store(7, 3, GenerationResult("m", media=MEDIA, content_type="audio/wav"))

    work = attached(order, file)

    assert (work.text, work.file_name, work.content_type) == (None, file.file_name, "audio/wav")
    assert (work.size_bytes, work.sha256) == (file.size_bytes, file.sha256)
    assert len(db.session.scalars(select(Work)).all()) == 2


def test_the_others_work_from_the_customers_own_poem_before_any_that_was_written() -> None:
    order = place_order(frozenset({VOICE}), poem="own")
    assert works.poem_of(order) == "own"

    written = place_order(frozenset({POEM, VOICE}))
    assert works.poem_of(written) is None
    attached(written, text("written"))
    assert works.poem_of(written) is None
    set_state(written.id, POEM, StageState.DONE)
    attached(written, text("read aloud"), VOICE)
    set_state(written.id, VOICE, StageState.DONE)

    assert works.poem_of(written) == "written"
    assert works.poem_of(place_order(frozenset({POEM, VOICE}))) is None


@pytest.mark.parametrize(("room", "answers", "kept"), [(True, True, True), (True, False, False), (False, True, False)])
def test_a_work_can_be_kept_where_there_is_room_and_an_answer(
    room: bool, answers: bool, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = works.media_store()
    monkeypatch.setattr(type(store), "has_room", lambda _store: room)
    monkeypatch.setattr(type(store), "answers", lambda _store: answers)

    assert works.can_be_kept() is kept
    assert works.has_room() is room
