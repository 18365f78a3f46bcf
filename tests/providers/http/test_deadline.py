"""A read timeout that is a total."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace

import pytest
import requests

from providers.http import deadline
from providers.http.deadline import DeadlineAdapter, _Clocked

BYTES = 100
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n".encode()
#: The whole answer takes ten times as long, and none of its bytes does.
SECONDS = 0.2
PAUSE_SECONDS = 10 * SECONDS / BYTES


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server whose bytes come one by one; its URL."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            # Who has waited long enough hangs up.
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(HEAD)
                for _ in range(BYTES):
                    closing.wait(PAUSE_SECONDS)
                    connection.sendall(b"x")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        closing.set()
        thread.join()


def test_a_late_byte_buys_no_more_time(dripping: str) -> None:
    with requests.Session() as session:
        session.mount("http://", DeadlineAdapter(max_retries=0))

        with pytest.raises(requests.ConnectionError), session.get(dripping, timeout=(60, SECONDS), stream=True) as got:
            got.content  # noqa: B018  # reading it is what takes the time


def test_bytes_that_lie_ready_after_the_deadline_come_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"too late")
        ours.settimeout(60)
        clocked = _Clocked(ours, ours.makefile("rb"))
        too_late = time.monotonic() + 61
        monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: too_late))

        with clocked, pytest.raises(TimeoutError):
            clocked.read(1)


def test_no_timeout_means_no_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, _Clocked(ours, ours.makefile("rb")) as clocked:
        theirs.sendall(b"x")

        assert clocked.read(1) == b"x"
