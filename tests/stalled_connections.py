"""Connections that are opened and then held: what keeps a server waiting."""

import contextlib
import select
import socket
import sys
import threading
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
#: A large file of ours that anybody may have, and how often it is asked for at once: more than a system keeps for us.
LARGE = "/bootstrap/static/css/bootstrap.min.css.map"
TIMES = 40
DRIP_EVERY_SECONDS = 0.2
MAX_WAIT_SECONDS = 60


def _post(*lines: str) -> bytes:
    return "\r\n".join(["POST /api/v1/orders HTTP/1.1", "Host: localhost", *lines]).encode()


HALF_A_HEAD = _post("X-Half: ")
HALF_A_BODY = _post("Content-Length: 60000", "", "half")
#: What is sent at once, and what after it, again and again.
KINDS: dict[str, tuple[bytes, bytes]] = {
    "nothing": (b"", b""),
    "half a head": (HALF_A_HEAD, b""),
    "half a body": (HALF_A_BODY, b""),
    "half a chunk": (_post("Transfer-Encoding: chunked", "", "ffff", "half"), b""),
    "a dripping head": (HALF_A_HEAD, b"x"),
    "a dripping body": (HALF_A_BODY, b"x"),
    "an answer that nobody reads": (f"GET {LARGE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * TIMES, b""),
}


class StalledConnections:
    """``number`` connections of one of the ``KINDS`` to ``port`` of this machine; a context manager.

    ``address``: where they come from; all of 127.0.0.0/8 is this machine, on Linux.
    """

    def __init__(self, port: int, kind: str, number: int, address: str = LOOPBACK) -> None:
        self._said, self._drip = KINDS[kind]
        self._ended = threading.Event()
        self._sockets = [self._open(port, address if sys.platform == "linux" else LOOPBACK) for _ in range(number)]
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    @property
    def held(self) -> int:
        """How many of them the server has not hung up on."""
        return sum(not _is_hung_up_on(each, reads=not self._said.startswith(b"GET")) for each in self._sockets)

    def close(self) -> None:
        """End them. Safe twice."""
        self._ended.set()
        self._thread.join()
        for each in self._sockets:
            each.close()

    def _open(self, port: int, address: str) -> socket.socket:
        connection = socket.socket()
        # So little that an answer is more than fits.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(MAX_WAIT_SECONDS)
        connection.bind((address, 0))
        connection.connect((LOOPBACK, port))
        connection.sendall(self._said)
        return connection

    def _go_on(self) -> None:
        while self._drip and not self._ended.wait(DRIP_EVERY_SECONDS):
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.send(self._drip)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _is_hung_up_on(connection: socket.socket, *, reads: bool) -> bool:
    """Who does not read cannot see the end: only what he sends comes back."""
    try:
        if not reads:
            connection.send(b"x")
            return False
        while select.select([connection], [], [], 0)[0]:
            if not connection.recv(65_536):
                return True
    except OSError:
        return True
    return False
