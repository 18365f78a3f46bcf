"""A listener and its connections, in the process of the test."""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from wire.connections import Limits, Listener

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADERS = [("X-Content-Type-Options", "nosniff")]
MAX_WAIT_SECONDS = 60
GET = b"GET /secret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

Ask = Callable[["WSGIApplication", socket.socket, bytes], bytes]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """``ask(application, listening, request)``: what is answered until the connection is closed."""
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(1)
    connections: dict[int, Any] = {}

    def call(application: "WSGIApplication", listening: socket.socket, request: bytes) -> bytes:
        Listener(
            application,
            sock=listening,
            limits=Limits(patience_seconds=MAX_WAIT_SECONDS, of_one_caller=10, of_all=10),
            headers_of_refusals=HEADERS,
            connections=connections,
            dispatcher=dispatcher,
            adj=Adjustments(ident="", server_name="localhost"),
        )
        heard = b""
        with socket.socket(listening.family) as client:
            client.connect(listening.getsockname())
            client.sendall(request)
            client.setblocking(False)
            while True:
                wasyncore.loop(0.01, use_poll=True, map=connections, count=1)
                try:
                    piece = client.recv(65_536)
                except BlockingIOError:
                    continue
                if not piece:
                    return heard
                heard += piece

    yield call
    wasyncore.close_all(connections)
    dispatcher.shutdown()


@pytest.fixture
def port() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def tell(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REMOTE_ADDR']}|{environ['SERVER_NAME']}|{environ['SCRIPT_NAME']}".encode()]


def test_the_application_is_told_who_calls(ask: Ask, port: socket.socket) -> None:
    assert ask(tell, port, GET).endswith(b"\r\n\r\n127.0.0.1|localhost|")


def test_who_calls_by_a_file_has_no_address(ask: Ask, tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()

        assert ask(tell, listening, GET).endswith(b"\r\n\r\n|localhost|")


def test_a_crash_is_one_sentence_with_the_headers_of_every_answer(
    ask: Ask, port: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(_environ: "WSGIEnvironment", _start_response: "StartResponse") -> Iterable[bytes]:
        raise LookupError

    head, _, body = ask(crash, port, GET).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"X-Content-Type-Options: nosniff" in head
    assert b"Cache-Control: no-store" in head
    assert body == b"Something went wrong here; it has been written to the log.\n"
    assert "LookupError" in caplog.text


def test_a_refusal_repeats_nothing_of_what_was_sent(ask: Ask, port: socket.socket) -> None:
    heard = ask(tell, port, b"GET /secret secret\r\nsecret\r\n\r\n")

    assert heard.startswith(b"HTTP/1.0 400 Bad Request\r\n")
    assert b"secret" not in heard
