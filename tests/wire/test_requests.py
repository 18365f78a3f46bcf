"""What is a request, and what is refused."""

import contextlib
import re

import pytest
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser

from wire.requests import BODY_BYTES, HEAD_BYTES, IncomingRequest

HOST = "Host: localhost"
FIVE = "Content-Length: 5"


def read(*lines: str, body: bytes = b"", at_once: int = 8192) -> IncomingRequest:
    """What is understood of these lines and this body, which come in pieces of ``at_once`` bytes."""
    request = IncomingRequest(Adjustments(max_request_header_size=HEAD_BYTES, max_request_body_size=BODY_BYTES))
    rest = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    while rest and not request.completed:
        rest = rest[request.received(rest[:at_once]) :]
    return request


@pytest.mark.parametrize("at_once", [1, 7, 8192])
def test_a_request_is_complete_once_all_of_it_is_there(at_once: int) -> None:
    whole = read("POST /a?b HTTP/1.1", HOST, FIVE, body=b"hello", at_once=at_once)
    half = read("POST /a?b HTTP/1.1", HOST, FIVE, body=b"hell", at_once=at_once)

    assert (whole.completed, whole.error, whole.path, whole.query) == (True, None, "/a", "b")
    assert whole.get_body_stream().read() == b"hello"
    assert not half.completed


def test_chunks_become_a_body_with_a_length() -> None:
    request = read("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n")

    assert (request.error, request.headers["CONTENT_LENGTH"]) == (None, "5")
    assert "TRANSFER_ENCODING" not in request.headers


REFUSED = {
    "no host": ("GET / HTTP/1.1",),
    "two hosts": ("GET / HTTP/1.1", HOST, "host: elsewhere"),
    "two types": ("POST / HTTP/1.1", HOST, "Content-Type: a/b", "Content-Type: c/d"),
    "two lengths": ("POST / HTTP/1.1", HOST, FIVE, FIVE),
    "lengths in a list": ("POST / HTTP/1.1", HOST, "Content-Length: 5, 5"),
    "a length and chunks": ("POST / HTTP/1.1", HOST, FIVE, "Transfer-Encoding: chunked"),
    "chunks twice": ("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    "chunks of an older version": ("POST / HTTP/1.0", HOST, "Transfer-Encoding: chunked"),
    "a length of 5000 digits": ("POST / HTTP/1.1", HOST, "Content-Length: " + "9" * 5000),
    "a length below zero": ("POST / HTTP/1.1", HOST, "Content-Length: -5"),
    "an address without its bracket": ("GET http://[/ HTTP/1.1", HOST),
    "letters that are to be escaped": ("GET /\xe9 HTTP/1.1", HOST),
    "a tab": ("GET /a\tb HTTP/1.1", HOST),
    "no version": ("GET /", HOST),
    "a version to come": ("GET / HTTP/2.0", HOST),
    "a field without a colon": ("GET / HTTP/1.1", HOST, "colon"),
    "a field with NUL": ("GET / HTTP/1.1", HOST, "X: \0"),
    "a field in two lines": ("GET / HTTP/1.1", HOST, "X: a", " b"),
}


@pytest.mark.parametrize("lines", REFUSED.values(), ids=REFUSED)
def test_what_two_servers_could_understand_differently_is_refused(lines: tuple[str, ...]) -> None:
    request = read(*lines)

    assert request.completed
    assert request.error is not None
    assert request.error.code == 400


MALFORMED_CHUNKS = (
    b"zz\r\n",
    b"-1\r\n",
    b"0x2\r\nhi\r\n",
    b"1_0\r\n",
    b" 2\r\nhi\r\n",
    b"2\r\nhello\r\n",
    b"2;\0\r\nhi\r\n",
)


@pytest.mark.parametrize("body", MALFORMED_CHUNKS)
def test_malformed_chunks_are_refused(body: bytes) -> None:
    request = read("POST / HTTP/1.1", HOST, "Transfer-Encoding: chunked", body=body)

    assert request.error is not None
    assert request.error.code == 400


@pytest.mark.parametrize("transfer", ["gzip, chunked", "identity", "xchunked"])
def test_a_transfer_that_is_unknown_is_said_to_be(transfer: str) -> None:
    request = read("POST / HTTP/1.1", HOST, f"Transfer-Encoding: {transfer}")

    assert request.error is not None
    assert request.error.code == 501


def test_a_head_that_is_too_large_is_refused() -> None:
    request = read("GET / HTTP/1.1", HOST, "X: " + "x" * HEAD_BYTES)

    assert request.error is not None
    assert request.error.code == 431


LARGE = f"{BODY_BYTES:x}\r\n".encode() + b" " * BODY_BYTES


@pytest.mark.parametrize(
    ("field", "body"), [(f"Content-Length: {BODY_BYTES}", b""), ("Transfer-Encoding: chunked", LARGE)]
)
def test_a_body_that_is_too_large_is_not_read_and_left_to_the_application_to_refuse(field: str, body: bytes) -> None:
    request = read("POST / HTTP/1.1", HOST, "Expect: 100-continue", field, body=body)

    assert (request.completed, request.error, request.expect_continue) == (True, None, False)
    assert int(request.headers["CONTENT_LENGTH"]) >= BODY_BYTES
    assert request.headers["CONNECTION"] == "close"


def test_where_nothing_is_to_come_nobody_is_asked_to_go_on() -> None:
    request = read("GET / HTTP/1.1", HOST, "Expect: 100-continue")

    assert (request.completed, request.expect_continue) == (True, False)


def test_the_host_of_the_first_line_is_what_counts() -> None:
    request = read("GET http://elsewhere.example/admin HTTP/1.1", HOST)

    assert (request.headers["HOST"], request.path) == ("elsewhere.example", "/admin")


@pytest.mark.parametrize("options", ["close", "Close", "keep-alive, close", "close, Host"])
def test_a_connection_that_is_to_be_closed_is_understood_in_a_list(options: str) -> None:
    assert read("GET / HTTP/1.1", HOST, f"Connection: {options}").headers["CONNECTION"] == "close"


def test_names_with_an_underscore_are_dropped() -> None:
    request = read("GET / HTTP/1.1", HOST, "SCRIPT_NAME: /elsewhere", "X_Forwarded_For: 1.1.1.1")

    assert set(request.headers) == {"HOST"}


PADDINGS = [" " * 9_000, " \t" * 4_500, "a " * 4_500, "a\t" * 4_500 + "\x01"]


@pytest.mark.parametrize("padding", PADDINGS, ids=["spaces", "tabs", "words", "words, and what is no letter"])
def test_what_a_pattern_could_go_through_again_and_again_never_reaches_it(
    padding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    monkeypatch.setattr(HTTPRequestParser, "parse_header", lambda _request, head: seen.append(head))

    with contextlib.suppress(AttributeError):
        read("GET / HTTP/1.1", HOST, f"X:{padding}x{padding}", f"Y: one{padding}", at_once=16_384)

    assert len(seen) == 1
    assert not re.search(rb"[ \t]{2}|[ \t]\r\n|[ \t]$", seen[0])


def test_a_field_with_many_spaces_means_what_it_says() -> None:
    request = read("GET / HTTP/1.1", HOST, "X:   one \t  two  ", "Y:")

    assert (request.headers["X"], request.headers["Y"]) == ("one two", "")
