"""Media files in a folder: on a local disk, or on one that all machines share."""

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MEGABYTE = 1_000_000
#: Before the name of a file that is still being written, and of which stage it is.
UNFINISHED = ".part-"
#: No download takes so long: who began such a file is gone.
UNFINISHED_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file under a temporary name; whoever has filled it gives it to ``keep``."""

    file: BinaryIO
    path: Path


@dataclass(frozen=True, slots=True)
class MediaFolder:
    """One file for each work, each under its own name only once it is whole and on the disk.

    ``folder`` is made when it is not there; ``min_free_mb`` megabytes have to be free for more works.
    """

    folder: Path
    min_free_mb: int

    @contextmanager
    def new_file(self, stage_id: int) -> Iterator[NewFile]:
        """An empty file to be filled; whatever was not kept is removed at the end. Raises ``OSError``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=f"{UNFINISHED}{stage_id}-")
        path = Path(name)
        with os.fdopen(handle, "w+b") as file:
            try:
                yield NewFile(file, path)
            finally:
                path.unlink(missing_ok=True)

    def keep(self, new: NewFile, name: str, content_type: str) -> None:  # noqa: ARG002  # a folder keeps no types
        """Give the file its name, once it is on the disk; one that had the name before is replaced."""
        new.file.flush()
        os.fsync(new.file.fileno())
        new.path.replace(self.folder / name)

    def open(self, name: str) -> BinaryIO:
        """The file, to be read and closed. Raises ``FileNotFoundError``."""
        return (self.folder / name).open("rb")

    def remove(self, name: str) -> None:
        """Remove a file; does nothing where there is none. Raises ``OSError``."""
        (self.folder / name).unlink(missing_ok=True)

    def remove_of(self, stage_ids: Collection[int]) -> None:
        """Remove every file of these stages, whoever has written it, those too that were never finished.

        The folder is read once. Files that somebody began a day ago and never finished go as well, whosever they are.
        Raises ``OSError``.
        """
        wanted = {str(stage_id) for stage_id in stage_ids}
        if not self.folder.is_dir():
            return
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.removeprefix(UNFINISHED).partition("-")[0] in wanted or _is_given_up(entry):
                    self.remove(entry.name)

    def has_room(self) -> bool:
        """Whether files of more works could be written now, beside those of the works that are being made already."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        except OSError:
            return False
        return os.access(self.folder, os.W_OK) and free >= self.min_free_mb * MEGABYTE

    def answers(self) -> bool:
        """Whether the place where files are kept can be reached: a folder that has room can."""
        return True


def _is_given_up(entry: os.DirEntry[str]) -> bool:
    if not entry.name.startswith(UNFINISHED):
        return False
    try:
        return entry.stat().st_mtime < time.time() - UNFINISHED_SECONDS
    except FileNotFoundError:
        return False  # it was finished meanwhile
