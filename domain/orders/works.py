"""Texts and media files that stages produced."""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import BinaryIO

import structlog
from sqlalchemy import Executable, bindparam, select

from domain.db import Base, db, insert_into
from domain.media.bucket import MediaBucket
from domain.media.folder import MediaFolder
from domain.media.store import media_store_of
from domain.orders.models import Order, Stage, StageState, Work
from domain.storage_retry import retry_while_storage_down
from providers.base import GenerationResult
from providers.http.download import Downloaded
from providers.kinds import StageType
from settings import current_settings

log = structlog.get_logger(__name__)

EXTENSIONS = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "video/mp4": "mp4",
    "video/webm": "webm",
}


@dataclass(frozen=True, slots=True)
class StoredWork:
    """A work that is safe on disk or in hand, and not yet in the database."""

    content_type: str
    text: str | None
    file_name: str | None
    size_bytes: int
    sha256: str


@retry_while_storage_down
def store(stage_id: int, claim: int, result: GenerationResult) -> StoredWork:
    """Put the result where it survives a crash; outside any transaction, as it waits for the disk.

    It is paid for, so a disk that is full is tried for as long as a database that is away; then raises ``OSError``.
    """
    if result.text is not None:
        raw = result.text.encode()
        return StoredWork("text/plain", result.text, None, len(raw), hashlib.sha256(raw).hexdigest())
    media = result.media or b""  # pragma: no mutate  # one of the two is there
    file_name = f"{stage_id}-{claim}.{EXTENSIONS[result.content_type]}"
    store = media_store()
    with store.new_file(stage_id) as new:
        new.file.write(media)
        store.keep(new, file_name, result.content_type)
    return StoredWork(result.content_type, None, file_name, len(media), hashlib.sha256(media).hexdigest())


def store_download(stage_id: int, claim: int, fill: Callable[[BinaryIO], Downloaded]) -> StoredWork:
    """Let ``fill`` write a file, and keep it under its own name; what ``fill`` raises leaves nothing behind."""
    store = media_store()
    with store.new_file(stage_id) as new:
        facts = fill(new.file)
        file_name = f"{stage_id}-{claim}.{EXTENSIONS[facts.content_type]}"
        store.keep(new, file_name, facts.content_type)
    return StoredWork(facts.content_type, None, file_name, facts.size_bytes, facts.sha256)


def discard(stage_id: int, stored: StoredWork) -> None:
    """Remove the file of a work that came too late to be anybody's; outside any transaction. Safe twice.

    A file that the stage's work names is left alone: a commit can have happened although it was not confirmed.
    One that cannot be removed in five minutes stays, and is in the log.
    """
    try:
        _discard(stage_id, stored.file_name)
    except OSError as error:
        log.warning("late work not removed", file=stored.file_name, error=type(error).__name__)


@retry_while_storage_down
def _discard(stage_id: int, name: str | None) -> None:
    if name is None:
        return
    is_ours = db.session.scalar(select(Work.id).where(Work.stage_id == stage_id, Work.file_name == name)) is not None
    db.session.rollback()
    if not is_ours:
        media_store().remove(name)


def remove_files(stage_ids: Collection[int]) -> None:
    """Remove every media file of these stages, kept or not; outside any transaction. Safe twice. Raises ``OSError``."""
    media_store().remove_of(stage_ids)


def attach(stage_id: int, stored: StoredWork) -> None:
    """Make it the stage's work, in the caller's transaction; an earlier one is replaced."""
    db.session.execute(_attachment(db.engine.dialect.name), {"stage_id": stage_id, **asdict(stored)})


@cache
def _attachment(database: str) -> Executable:
    works = Base.metadata.tables["works"]
    new = insert_into(works, database)  # pragma: no mutate  # SQLite understands PostgreSQL's insert, too
    replaced = {name: new.excluded[name] for name in (field.name for field in fields(StoredWork))}
    return new.on_conflict_do_update(
        index_elements=[works.c.stage_id],  # pragma: no mutate  # PostgreSQL has to be told; SQLite knows
        set_=replaced,
    )


def poem_of(order: Order) -> str | None:
    """The poem that the other stages work from: the customer's own, or the one that POEM wrote; None if neither."""
    return order.poem or db.session.scalar(_POEM, {"order_id": order.id})


_POEM = (
    select(Work.text)
    .join(Stage, Stage.id == Work.stage_id)
    .where(Stage.order_id == bindparam("order_id"), Stage.stage_type == StageType.POEM, Stage.state == StageState.DONE)
)


def media_store() -> MediaFolder | MediaBucket:
    """Where the media files of the application at work are kept."""
    return media_store_of(current_settings())


def has_room() -> bool:
    """Whether files of more works could be stored now, as far as this machine's own disk is concerned.

    Asked before anything new is accepted. What is finished is stored as long as a single byte is left.
    """
    return media_store().has_room()


def can_be_kept() -> bool:
    """Whether a work could be kept that is made now; asked before it is paid for. Takes four seconds at the most."""
    store = media_store()
    return store.has_room() and store.answers()
