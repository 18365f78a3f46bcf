"""Media files in a bucket of S3, or of any store that speaks its protocol, so that no machine keeps any.

A file is written to the local folder first, as its sender may break off in the middle of it.
"""

import io
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import S3Store
from pydantic import SecretStr

from domain.media.folder import MediaFolder, NewFile

if TYPE_CHECKING:  # the library has it for type checkers only
    from obstore.store import S3Config

log = structlog.get_logger(__name__)

#: One request of the store's protocol; a file is sent in parts of 5 MB, and each has so long.
REQUEST_TIMEOUT = timedelta(seconds=30)
CONNECT_TIMEOUT = timedelta(seconds=3)
#: ``domain.storage_retry`` tries again for longer.
RETRIES, RETRY_TIMEOUT = 2, timedelta(seconds=10)
#: How long it counts that the store has taken a file, and that it has not.
TRUSTED_SECONDS, DOUBTED_SECONDS = 30.0, 5.0
PROBE = ".quatrain-was-here"
READ_BYTES = 1 << 20
#: A stage has one file, or a few where workers were lost.
NAMES_AT_ONCE = 50


class MediaStoreAway(OSError):
    """The store did not take or give a file; says why by the name of the library's error, which may quote secrets."""


class MediaBucket:
    """One object for each work, under the prefix of MEDIA_URL."""

    def __init__(self, store: S3Store, in_a_hurry: S3Store, scratch: MediaFolder) -> None:
        """``in_a_hurry`` reaches the same store, and gives up soon; ``scratch`` is where files lie until they go."""
        self._store = store
        self._in_a_hurry = in_a_hurry
        self._scratch = scratch
        self._lock = threading.Lock()
        self._answered = False
        self._known_until = 0.0

    def new_file(self, stage_id: int) -> AbstractContextManager[NewFile]:
        """As ``MediaFolder.new_file``; the local disk keeps the file until it was sent."""
        return self._scratch.new_file(stage_id)

    def keep(self, new: NewFile, name: str, content_type: str) -> None:
        """Send the file to the store; when this returns the store has all of it. Raises ``MediaStoreAway``."""
        new.file.seek(0)
        self._put(self._store, name, new.file, content_type)

    def open(self, name: str) -> BinaryIO:
        """The file, to be read from any place in it and closed. Raises ``FileNotFoundError``, ``MediaStoreAway``."""
        failure = ""
        try:
            size = obstore.head(self._store, name)["size"]
        except BaseError as error:
            failure = type(error).__name__
        if failure:
            raise MediaStoreAway(failure)
        return cast(BinaryIO, io.BufferedReader(_Object(self._store, name, size), READ_BYTES))

    def remove(self, name: str) -> None:
        """Remove a file; does nothing where there is none. Raises ``MediaStoreAway``.

        A bucket with versions keeps what it had until its own rules let it go.
        """
        self._delete([name])

    def remove_of(self, stage_ids: Collection[int]) -> None:
        """As ``MediaFolder.remove_of``, of the bucket and of the local disk. Raises ``MediaStoreAway``."""
        for stage_id in stage_ids:
            if names := list(self._names(f"{stage_id}-")):
                self._delete(names)
        self._scratch.remove_of(stage_ids)

    def _names(self, beginning: str) -> Iterator[str]:
        """The names that begin so. A store lists in order, and the library asks only for whole folders."""
        failure = ""
        try:
            for found in obstore.list(self._store, offset=beginning, chunk_size=NAMES_AT_ONCE):
                for each in found:
                    if not each["path"].startswith(beginning):
                        return
                    yield each["path"]
        except BaseError as error:
            failure = type(error).__name__
        if failure:
            raise MediaStoreAway(failure)

    def _delete(self, names: list[str]) -> None:
        failure = ""
        try:
            obstore.delete(self._store, names)
        except FileNotFoundError:
            return  # which some stores say, and most do not
        except (BaseError, OSError) as error:
            failure = type(error).__name__
        if failure:
            raise MediaStoreAway(failure)

    def has_room(self) -> bool:
        """Whether the local disk could take the files of more works on their way."""
        return self._scratch.has_room()

    def answers(self) -> bool:
        """Whether the store takes files, so that a work which is paid for now could be kept.

        Asks it, in four seconds at the most, twice a minute while all is well. Who comes meanwhile hears how it was.
        """
        if time.monotonic() >= self._known_until and self._lock.acquire(blocking=not self._known_until):
            try:
                if time.monotonic() >= self._known_until:
                    self.probe()
            except MediaStoreAway as away:
                log.warning("media store takes no files", error=str(away))
            finally:
                self._lock.release()
        return self._answered

    def probe(self) -> None:
        """Give the store a file of a few bytes. Raises ``MediaStoreAway`` when it does not take it."""
        self._put(self._in_a_hurry, PROBE, io.BytesIO(b"quatrain\n"), "text/plain")

    def _put(self, store: S3Store, name: str, file: BinaryIO, content_type: str) -> None:
        failure = ""
        try:
            obstore.put(store, name, file, attributes={"Content-Type": content_type})
        except (BaseError, OSError) as error:
            failure = type(error).__name__
        self._answered = not failure
        self._known_until = time.monotonic() + (DOUBTED_SECONDS if failure else TRUSTED_SECONDS)
        if failure:
            raise MediaStoreAway(failure)


class _Object(io.RawIOBase):
    """An object of the store as a file that can be read from any place; each read is a request."""

    def __init__(self, store: S3Store, name: str, size: int) -> None:
        self._store, self._name, self._size = store, name, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        part = self._fetch(len(target))
        target[: len(part)] = part
        return len(part)

    def readall(self) -> bytes:
        return bytes(self._fetch(self._size))

    def _fetch(self, most: int) -> memoryview:
        length = min(most, self._size - self._position)
        if length <= 0:
            return memoryview(b"")
        failure = ""
        try:
            part = obstore.get_range(self._store, self._name, start=self._position, length=length)
        except BaseError as error:
            failure = type(error).__name__
        if failure:
            raise MediaStoreAway(failure)
        self._position += length
        return memoryview(part)


@cache
def open_bucket(
    url: str,
    scratch: MediaFolder,
    *,
    endpoint: str,
    region: str,
    access_key_id: SecretStr | None,
    secret_access_key: SecretStr | None,
) -> MediaBucket:
    """The bucket at ``url``, ``s3://bucket/prefix``; one in each process, as it keeps its connections.

    Never before a process forks: the connections are served by threads. Without keys the library looks for those of
    the machine (the role of an instance, of a pod).
    """
    config: S3Config = {}
    if endpoint:
        config["endpoint"] = endpoint
    if region:
        config["region"] = region
    if access_key_id and secret_access_key:
        config["access_key_id"] = access_key_id.get_secret_value()
        config["secret_access_key"] = secret_access_key.get_secret_value()

    def reach(request_timeout: timedelta, retries: int) -> S3Store:
        return S3Store.from_url(
            url,
            config=config,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": CONNECT_TIMEOUT,
                "timeout": request_timeout,
            },
            retry_config={"max_retries": retries, "retry_timeout": RETRY_TIMEOUT},
        )

    return MediaBucket(reach(REQUEST_TIMEOUT, RETRIES), reach(CONNECT_TIMEOUT, 0), scratch)
