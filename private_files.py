"""Nobody else on the machine reads what we write: folders are made with mode 0700, files with 0600.

A database, its log of writes, works and logs hold names and words of people; .env holds secrets.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import make_url

OURS_ALONE = 0o077
#: What SQLite writes beside a database (https://www.sqlite.org/tempfiles.html).
BESIDE_A_DATABASE = ("", "-wal", "-shm", "-journal")


def write_for_ourselves_alone() -> None:
    """From now on this process, and what it starts, makes files that only its user may read."""
    os.umask(OURS_ALONE)


def close_to_others(folders: Iterable[Path], database_url: str) -> list[Path]:
    """Take from others what was made before: ``folders`` with all that is in them, and the files of an SQLite.

    Returns those that stay open, as they belong to somebody else. A folder that is closed already is not looked
    through: what is in it cannot be reached. Links are not followed.
    """
    found = [each for folder in folders for each in _open_in(folder)]
    found += [each for each in _files_of(database_url) if _is_open(each)]
    return [each for each in found if not _close(each)]


def _open_in(folder: Path) -> Iterator[Path]:
    """What others could read, the folder last: so long as it is open, a next start looks through it again."""
    if not _is_open(folder):
        return
    for place, folders, files in os.walk(folder):
        yield from (path for name in (*folders, *files) if _is_open(path := Path(place, name)))
    yield folder


def _files_of(database_url: str) -> list[Path]:
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return []
    return [Path(f"{url.database}{ending}") for ending in BESIDE_A_DATABASE]


def _is_open(path: Path) -> bool:
    with suppress(OSError):
        mode = path.lstat().st_mode
        # What is sticky, as /tmp is, is meant for all.
        return not stat.S_ISLNK(mode) and not mode & stat.S_ISVTX and bool(mode & OURS_ALONE)
    return False


def _close(path: Path) -> bool:
    try:
        path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~OURS_ALONE)
    except FileNotFoundError:
        # A work that was fetched, or a log of writes that was folded in, meanwhile.
        return True
    except OSError:
        return False
    return True
