"""A read timeout that holds for the whole answer and not for each of its bytes.

``requests`` starts its read timeout anew with every byte that comes, headers included, so a server that
drips one byte now and then could hold a thread for hours. Here the timeout is a total: it starts when the
request has been sent and ends status line, headers and body alike.
"""

import io
import socket
import time
from http.client import HTTPException, HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Clocked(io.RawIOBase):
    """The bytes of one socket, until its timeout has passed once. Raises ``TimeoutError`` from then on."""

    def __init__(self, sock: socket.socket, reader: io.BufferedIOBase) -> None:
        self._sock = sock
        self._reader = reader
        timeout = sock.gettimeout()
        self._ends_at = None if timeout is None else time.monotonic() + timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self._ends_at is not None:
            left = self._ends_at - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer took too long")
            self._sock.settimeout(left)
        return self._sock.recv_into(memoryview(buffer))

    def close(self) -> None:
        self._reader.close()
        super().close()


class _ClockedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # The reader that http.client made is kept, unread: while it is open, so is the socket.
        self.fp = io.BufferedReader(_Clocked(sock, self.fp))

    def _safe_read(self, amt: int) -> bytes:
        """What urllib3 reads a chunk with, whose size may be below nothing, which would be all that comes."""
        if amt < 0:
            raise HTTPException("a size below nothing")
        return super()._safe_read(amt)  # type: ignore[misc,no-any-return]  # not in typeshed


class ClockedConnection(HTTPConnection):
    """A connection whose read timeout is a total."""

    response_class = _ClockedResponse


class ClockedTLSConnection(HTTPSConnection):
    """The same over TLS."""

    response_class = _ClockedResponse


class _ClockedPool(HTTPConnectionPool):
    ConnectionCls = ClockedConnection


class _ClockedTLSPool(HTTPSConnectionPool):
    ConnectionCls = ClockedTLSConnection


class DeadlineAdapter(HTTPAdapter):
    """Mount it on a session, and the second number of ``timeout=(connect, read)`` is a total in seconds."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _ClockedPool, "https": _ClockedTLSPool}
