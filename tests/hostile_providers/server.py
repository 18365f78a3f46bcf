"""A server that writes to its clients whatever bytes it is given, over real HTTP or what passes for it."""

import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

#: What is written to one request, piece by piece; the connection ends after the last one.
Pieces = Iterable[bytes]


@dataclass(frozen=True)
class Asked:
    """One request as it came; the names of its headers in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HostileServer:
    """A server in threads of this process. ``respond`` is what it says to each request; it may never end."""

    def __init__(self, respond: Callable[[Asked], Pieces]) -> None:
        self.respond = respond
        self.asked: list[Asked] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._closing = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, error_class: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        with socket.create_connection(self._socket.getsockname()):
            self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._closing:
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                asked = _read(connection)
                if asked is None:
                    return
                self.asked.append(asked)
                for piece in self.respond(asked):
                    connection.sendall(piece)
                    if self._closing:
                        return
            except OSError:
                """The client has heard enough."""


def _read(connection: socket.socket) -> Asked | None:
    """The request, or None from a client that has gone before it asked."""
    with connection.makefile("rb") as stream:
        first = stream.readline().decode()
        if not first:
            return None
        method, path, _ = first.split(" ")
        headers = {}
        while line := stream.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return Asked(method, path, headers, stream.read(int(headers.get("content-length", 0))))
