"""A port that is nobody else's from the moment it is chosen until the test is over."""

import socket
import sys
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


class ReservedPort:
    """Bound and never listened on: who connects is refused, and nobody else is given it. A context manager.

    Who is told its number may listen there, again and again, if it asks for SO_REUSEADDR, as gunicorn and Redis do.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, 0))
        self.number = int(self._socket.getsockname()[1])
        if sys.platform != "linux":  # elsewhere it would be in the way of who listens
            self.close()

    def close(self) -> None:
        """Let others have it. Safe twice."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()
