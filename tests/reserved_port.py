"""A port that is nobody else's from the moment it is chosen until the test is over."""

import random
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
#: Ports of connections that begin here (ip(7)): each may be somebody's a moment later, and for minutes.
GIVEN_TO_CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10_240
TRIES = 200


class ReservedPort:
    """Bound and never listened on: who connects is refused, and nobody else is given it. A context manager.

    Who is told its number may listen there, again and again, if it asks for SO_REUSEADDR, as gunicorn and Redis do.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        _bind(self._socket)
        # Not before: another one who reserves it would be let in.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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


def _bind(to_be_bound: socket.socket) -> None:
    """To a port that no client is given, where there are such."""
    with suppress(OSError, ValueError):
        below = range(LOWEST, int(GIVEN_TO_CLIENTS.read_text().split()[0]))
        for port in random.sample(below, k=min(TRIES, len(below))):
            with suppress(OSError):
                to_be_bound.bind((LOOPBACK, port))
                return
    to_be_bound.bind((LOOPBACK, 0))
