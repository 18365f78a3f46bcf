"""A way to a server of this machine that a test may close and open, while the server itself goes on."""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.running_system import free_port

LOOPBACK = "127.0.0.1"
MAX_BYTES = 1 << 16


class Gate:
    """Whoever connects to ``port`` reaches the server at ``behind``; a context manager.

    For those who come this way the server is gone between ``stop`` and ``start``, and stands still after ``freeze``.
    """

    def __init__(self, behind: int) -> None:
        self.port = free_port()
        self._behind = behind
        self._frozen = threading.Event()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._ends: list[socket.socket] = []

    def start(self) -> None:
        """Let everybody pass."""
        self._frozen.clear()
        self._listener = socket.create_server((LOOPBACK, self.port))
        self._begin(self._let_in, self._listener)

    def stop(self) -> None:
        """Refuse everybody, and cut off who has come already. Safe twice."""
        if self._listener is None:
            return
        # Closing alone would leave those who wait in it where they are.
        _cut(self._listener)
        self._threads.pop(0).join()
        for end in self._ends:
            _cut(end)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._ends):
            each.close()
        self._listener, self._threads, self._ends = None, [], []

    def freeze(self) -> None:
        """Take connections and whatever is sent, and say nothing, until it is stopped."""
        self._frozen.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _begin(self, what: Callable[..., None], *ends: socket.socket) -> None:
        self._threads.append(threading.Thread(target=what, args=ends, daemon=True))
        self._threads[-1].start()

    def _let_in(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                guest, _ = listener.accept()
                self._ends.append(guest)
                if self._frozen.is_set():
                    continue
                server = socket.create_connection((LOOPBACK, self._behind))
                self._ends.append(server)
                self._begin(self._pass_on, guest, server)
                self._begin(self._pass_on, server, guest)

    def _pass_on(self, sender: socket.socket, receiver: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := sender.recv(MAX_BYTES):
                if self._frozen.is_set():
                    return
                receiver.sendall(data)
        for each in (sender, receiver):
            _cut(each)


def _cut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
