"""A read timeout that is a total."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from providers.deadline import DeadlineAdapter, _Clocked

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
SECONDS = 0.5


@pytest.fixture
def late_byte() -> Iterator[str]:
    """A server whose last byte comes shortly before the deadline, and which then says nothing; its URL."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(HEAD)
                closing.wait(SECONDS * 0.8)
                connection.sendall(b"x")
                closing.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        closing.set()
        thread.join()


def test_a_late_byte_buys_no_more_time(late_byte: str) -> None:
    with requests.Session() as session:
        session.mount("http://", DeadlineAdapter(max_retries=0))
        began = time.monotonic()

        with pytest.raises(requests.ConnectionError), session.get(late_byte, timeout=(5, SECONDS), stream=True) as got:
            got.content  # noqa: B018  # reading it is what takes the time

        assert time.monotonic() - began < SECONDS * 1.5


def test_bytes_that_lie_ready_after_the_deadline_come_too_late() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"too late")
        ours.settimeout(0.01)
        clocked = _Clocked(ours, ours.makefile("rb"))
        threading.Event().wait(0.02)

        with clocked, pytest.raises(TimeoutError):
            clocked.read(1)


def test_no_timeout_means_no_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, _Clocked(ours, ours.makefile("rb")) as clocked:
        theirs.sendall(b"x")

        assert clocked.read(1) == b"x"
