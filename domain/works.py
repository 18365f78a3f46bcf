"""Texts and media files that stages produced."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import select

from domain.db import db
from domain.orders import Order, Stage, StageState, Work
from domain.persistence import persisted
from providers.base import GenerationResult
from providers.download import Downloaded
from providers.kinds import StageType
from settings import current_settings

EXTENSIONS = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "video/mp4": "mp4",
    "video/webm": "webm",
}


MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class StoredWork:
    """A work that is safe on disk or in hand, and not yet in the database."""

    content_type: str
    text: str | None
    file_name: str | None
    size_bytes: int
    sha256: str


@persisted
def store(stage_id: int, claim: int, result: GenerationResult) -> StoredWork:
    """Put the result where it survives a crash; outside any transaction, as it waits for the disk.

    Media go to a temporary name, are synced, then renamed: a file under its own name is always whole.
    It is paid for, so a disk that is full is tried for as long as a database that is away; then raises ``OSError``.
    """
    if result.text is not None:
        raw = result.text.encode()
        return StoredWork("text/plain", result.text, None, len(raw), hashlib.sha256(raw).hexdigest())
    media = result.media or b""
    file_name = f"{stage_id}-{claim}.{EXTENSIONS[result.content_type]}"
    _write_whole(media_dir() / file_name, media)
    return StoredWork(result.content_type, None, file_name, len(media), hashlib.sha256(media).hexdigest())


def store_download(stage_id: int, claim: int, fill: Callable[[BinaryIO], Downloaded]) -> StoredWork:
    """Let ``fill`` write a file, and keep it under its own name; what ``fill`` raises leaves nothing behind."""
    with _new_file() as (file, keep):
        facts = fill(file)
        file_name = f"{stage_id}-{claim}.{EXTENSIONS[facts.content_type]}"
        keep(media_dir() / file_name)
    return StoredWork(facts.content_type, None, file_name, facts.size_bytes, facts.sha256)


def attach(stage_id: int, stored: StoredWork) -> None:
    """Make it the stage's work, in the caller's transaction; an earlier one is replaced."""
    work = db.session.scalar(select(Work).where(Work.stage_id == stage_id)) or Work(stage_id=stage_id)
    work.content_type, work.text, work.file_name = stored.content_type, stored.text, stored.file_name
    work.size_bytes, work.sha256 = stored.size_bytes, stored.sha256
    db.session.add(work)


def poem_of(order_id: int) -> str | None:
    """The poem that the other stages work from: the customer's own, or the one that POEM wrote; None if neither."""
    own = db.session.scalar(select(Order.poem).where(Order.id == order_id))
    return own or db.session.scalar(
        select(Work.text)
        .join(Stage, Stage.id == Work.stage_id)
        .where(Stage.order_id == order_id, Stage.stage_type == StageType.POEM, Stage.state == StageState.DONE)
    )


def path_of(work: Work) -> Path | None:
    """Where the work's file lies, or None for a text."""
    return media_dir() / work.file_name if work.file_name else None


def has_room() -> bool:
    """Whether files of more works could be stored now, beside those of the works that are being made already.

    Asked before anything new is accepted or paid for. What is finished is stored as long as a single byte is left.
    """
    try:
        folder = media_dir()
        free = shutil.disk_usage(folder).free
    except OSError:
        return False
    return os.access(folder, os.W_OK) and free >= current_settings().min_free_disk_mb * MEGABYTE


def media_dir() -> Path:
    """The folder of media files; made when it is not there."""
    folder = current_settings().media_dir
    assert folder is not None  # noqa: S101  # Settings fills it in; this tells the type checker
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_whole(target: Path, content: bytes) -> None:
    with _new_file() as (file, keep):
        file.write(content)
        keep(target)


@contextmanager
def _new_file() -> Iterator[tuple[BinaryIO, Callable[[Path], None]]]:
    """A file under a temporary name, and what gives it its own once it is whole and on the disk; else it is removed."""
    handle, name = tempfile.mkstemp(dir=media_dir(), prefix=".part-")
    path = Path(name)
    with os.fdopen(handle, "w+b") as file:

        def keep(target: Path) -> None:
            file.flush()
            os.fsync(file.fileno())
            path.replace(target)

        try:
            yield file, keep
        finally:
            path.unlink(missing_ok=True)
