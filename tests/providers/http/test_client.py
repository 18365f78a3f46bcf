"""The HTTP room itself, where the contract of the adapters does not reach."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from werkzeug.wrappers import Response

from providers.base import Credentials
from providers.errors import ContentBlocked, InvalidResponse, KeyRejected, OutcomeUnknown, ProviderError, Unavailable
from providers.http import client
from providers.http.answers import (
    ErrorAnswer,
    RawAnswer,
    count,
    fault_of_models,
    fault_of_poem,
    get_path,
    is_model_id,
    short_code,
    storable,
)
from providers.http.client import ProviderHttp
from providers.kinds import ProviderKind
from tests.emulator.server import Emulator
from tests.providers.conftest import CANARY
from tests.providers.file_host import FileHost

KIND = ProviderKind.OPENAI
#: Nobody here waits in vain.
LONG_SECONDS = 60
#: What the two ends of a connection may have sent and not yet read.
FEW_MEGABYTES = 10 * 1024 * 1024


def knows_nothing(answer: ErrorAnswer) -> None:
    return None


def open_http(base_url: str, read_error: Callable[[ErrorAnswer], ProviderError | None] = knows_nothing) -> ProviderHttp:
    return ProviderHttp(KIND, Credentials(CANARY, base_url), auth=("X-Key", "Key "), read_error=read_error)


@contextmanager
def wire_that_says(*pieces: bytes, reads: bool = True) -> Iterator[str]:
    """A server for one connection that writes ``pieces`` as they are and hangs up; the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            # Who has heard enough hangs up.
            with connection, suppress(OSError):
                if reads:
                    connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_the_key_goes_where_the_vendor_wants_it(emulator: Emulator) -> None:
    emulator.openai.fail(status=200, body={"ok": True})

    answer = open_http(emulator.base_url(KIND)).get_json("/models", seconds=LONG_SECONDS)

    assert answer.body == {"ok": True}
    assert emulator.requests[0].headers["x-key"] == f"Key {CANARY}"


def test_json_goes_out_as_it_is_with_its_length(emulator: Emulator) -> None:
    emulator.openai.fail(status=200, body={})
    payload = {"text": "Ёлка «зелёная» \U0001f384", "n": 1, "none": None}

    open_http(emulator.base_url(KIND)).post_json("/responses", payload, seconds=LONG_SECONDS, headers={"X-Extra": "1"})

    (seen,) = emulator.requests
    assert seen.body == payload
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["content-length"] == str(len(json.dumps(payload)))
    assert seen.headers["x-extra"] == "1"


def test_the_adapter_reads_a_refusal_before_the_defaults_do(emulator: Emulator) -> None:
    emulator.openai.fail(status=401, body={"why": "words"}, headers={"x-request-id": "req_1", "Retry-After": "7"})

    def read(answer: ErrorAnswer) -> ProviderError:
        assert (answer.status, answer.body, answer.headers["RETRY-AFTER"]) == (401, {"why": "words"}, "7")
        return answer.error(ContentBlocked, "words")

    with pytest.raises(ContentBlocked, match="words") as caught:
        open_http(emulator.base_url(KIND), read).get_json("/models", seconds=LONG_SECONDS)

    assert (caught.value.status, caught.value.request_id, caught.value.retry_after) == (401, "req_1", 7)


@pytest.mark.parametrize("value", ["a" * 101, "два", CANARY, "a b", f"req_{CANARY}", ""])
def test_a_request_id_that_is_none_is_left_out(emulator: Emulator, value: str) -> None:
    emulator.openai.fail(status=200, body={}, headers={"x-request-id": value.encode().decode("latin-1")})

    assert open_http(emulator.base_url(KIND)).get_json("/models", seconds=LONG_SECONDS).request_id is None


def test_a_body_of_the_largest_size_is_read(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"filler": "x" * 1000})
    monkeypatch.setattr(client, "MAX_BODY_BYTES", len(body))
    provider = open_http(emulator.base_url(KIND))

    emulator.openai.fail(status=200, body=body)
    assert provider.get_json("/models", seconds=LONG_SECONDS).body == json.loads(body)

    emulator.openai.fail(status=200, body=body + " ")
    with pytest.raises(InvalidResponse, match="too large"):
        provider.get_json("/models", seconds=LONG_SECONDS)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 200_000 + b"2\r\n{}\r\n0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_answer_is_a_lost_one(said: bytes) -> None:
    with wire_that_says(said) as base_url, pytest.raises(OutcomeUnknown) as caught:
        open_http(base_url).post_json("/x", {}, seconds=LONG_SECONDS)

    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "location", ["http://[", "//[::1", "http://\xff\xfe/", "\x80", "http://h:99999999/", "file:///"]
)
def test_the_target_of_a_redirect_is_not_even_looked_at(location: str) -> None:
    said = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    with wire_that_says(said) as base_url, pytest.raises(Unavailable, match="redirect") as caught:
        open_http(base_url).get_json("/x", seconds=LONG_SECONDS)

    assert type(caught.value) is Unavailable
    assert caught.value.__context__ is None


@pytest.mark.parametrize(("status", "expected"), [(302, Unavailable), (303, OutcomeUnknown), (307, Unavailable)])
def test_an_order_whose_outcome_is_elsewhere_may_have_been_carried_out(
    emulator: Emulator, status: int, expected: type[ProviderError]
) -> None:
    emulator.openai.fail(status=status, body="", headers={"Location": "/elsewhere"}, times=3)
    client = open_http(emulator.base_url(KIND))

    with pytest.raises(Unavailable, match="redirect") as ordered:
        client.post_json("/responses", {}, seconds=LONG_SECONDS)
    with pytest.raises(Unavailable, match="redirect") as asked:
        client.get_json("/models", seconds=LONG_SECONDS)
    with pytest.raises(Unavailable, match="redirect") as repeatable:
        client.post_for_bytes("/responses", b"", content_type="a/b", seconds=LONG_SECONDS, repeatable=True)

    assert type(ordered.value) is expected
    assert {type(asked.value), type(repeatable.value)} == {Unavailable}


def test_headers_that_cannot_be_read_are_not_written_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    said = f"HTTP/1.1 200 OK\r\n{CANARY}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    with wire_that_says(said) as base_url:
        open_http(base_url).get_json("/secret", seconds=LONG_SECONDS)

    assert caplog.records == []


def test_the_body_of_a_redirect_is_not_read() -> None:
    with FileHost() as host:
        pages = (b"x" * 65536 for _ in range(800))
        host.pages["/x"] = lambda _: Response(
            host.counted(pages), 302, {"Location": "/y", "Content-Length": "52428800"}
        )
        with pytest.raises(Unavailable, match="redirect"):
            open_http(host.base_url).get_json("/x", seconds=LONG_SECONDS)

    assert host.sent < FEW_MEGABYTES


def test_a_server_that_hangs_up_on_connect_is_not_an_outage_of_ours() -> None:
    with wire_that_says(reads=False) as base_url, pytest.raises(Unavailable):
        open_http(base_url).get_json("/x", seconds=LONG_SECONDS)


def test_a_session_is_closed_with_its_call(emulator: Emulator) -> None:
    provider = open_http(emulator.base_url(KIND))
    emulator.openai.fail(status=200, body={}, times=3)

    for _ in range(3):
        provider.get_json("/models", seconds=LONG_SECONDS)

    assert not [value for value in vars(provider).values() if type(value).__module__.startswith("requests")]


def test_a_header_of_ours_that_cannot_be_sent_leaks_nothing(emulator: Emulator) -> None:
    with pytest.raises(ProviderError) as caught:
        open_http(emulator.base_url(KIND)).post_json("/x", {}, seconds=LONG_SECONDS, headers={"X-Extra": "a\nb"})

    assert not isinstance(caught.value, KeyRejected | OutcomeUnknown)
    assert caught.value.__context__ is None
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("a.b-c", "a.b-c"),
        ("Your key is wrong", ""),
        ("x" * 61, ""),
        ("", ""),
        (429, ""),
        (None, ""),
        ({"a": 1}, ""),
    ],
)
def test_a_code_is_short_and_no_sentence(value: object, expected: str) -> None:
    assert short_code(value) == expected


@pytest.mark.parametrize("body", [None, [], "text", {}, {"error": None}, {"error": "text"}, {"error": {"code": None}}])
def test_digging_where_nothing_is_finds_nothing(body: Any) -> None:
    assert get_path(body, "error", "code") is None


def test_text_that_a_database_cannot_hold_is_cleaned() -> None:
    assert storable("Ёж\x00 \ud83d и \U0001f994") == "Ёж  и \U0001f994"
    assert storable("раз\r\n\tдва\x1b[31m\x07\x7f\x9b") == "раз\n\tдва[31m"


def test_a_count_is_whole_and_in_proportion() -> None:
    assert [count(value) for value in (0, 7, 10**15 - 1)] == [0, 7, 10**15 - 1]
    assert {count(value) for value in (-1, 10**15, 10**4000, 1.0, True, "7", None, [7])} == {None}


@pytest.mark.parametrize("value", ["", "a\nb", "a\x00", "\ud800", "\u202egpt", "a" * 201, None, 5, ["gpt"]])
def test_what_cannot_be_shown_in_a_line_is_no_model(value: object) -> None:
    assert not is_model_id(value)
    assert is_model_id('<i>модель</i> "5"')


def test_a_poem_or_a_list_out_of_all_proportion_is_none() -> None:
    assert [fault_of_poem(poem) for poem in ("", "а" * 40_000, "а" * 40_001)] == ["no text", "", "text too long"]
    assert [fault_of_models(range(size)) for size in (0, 10_000, 10_001)] == ["", "", "too many models"]


def post_bytes(base_url: str, **features: Any) -> RawAnswer:
    return open_http(base_url).post_for_bytes(
        "/responses", b"\xff\x00=", content_type="a/b", seconds=LONG_SECONDS, **features
    )


def test_bytes_go_out_and_come_back_as_they_are(emulator: Emulator) -> None:
    emulator.openai.fail(status=200, body=b"\x00\xff\n{", headers={"x-request-id": "req_2"})

    answer = post_bytes(emulator.base_url(KIND), headers={"X-Extra": "1"})

    (seen,) = emulator.requests
    assert (answer.body, answer.request_id) == (b"\x00\xff\n{", "req_2")
    assert "body" not in repr(answer)
    assert {name: seen.headers[name] for name in ("content-type", "content-length", "accept", "x-extra")} == {
        "content-type": "a/b",
        "content-length": "3",
        "accept": "*/*",
        "x-extra": "1",
    }


def test_media_may_be_larger_than_a_message(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (client.MAX_BODY_BYTES, client.MAX_MEDIA_BYTES) == (5 * 1024**2, 20 * 1024**2)
    monkeypatch.setattr(client, "MAX_BODY_BYTES", 10)
    monkeypatch.setattr(client, "MAX_MEDIA_BYTES", 1000)

    emulator.openai.fail(status=200, body="x" * 1000)
    assert len(post_bytes(emulator.base_url(KIND)).body) == 1000

    emulator.openai.fail(status=200, body="x" * 1001)
    with pytest.raises(InvalidResponse, match="too large"):
        post_bytes(emulator.base_url(KIND))


def test_bytes_that_only_the_connections_end_has_ended_are_lost() -> None:
    with (
        wire_that_says(b"HTTP/1.1 200 OK\r\n\r\nsound") as base_url,
        pytest.raises(OutcomeUnknown, match="connection cut"),
    ):
        post_bytes(base_url)


@pytest.mark.parametrize(
    "header", ["Content-Length: many", "Content-Length: -5", "Transfer-Encoding: identity", "Transfer-Encoding: gzip"]
)
def test_a_length_that_says_nothing_is_none(header: str) -> None:
    said = f"HTTP/1.1 200 OK\r\n{header}\r\n\r\nsound".encode()
    with wire_that_says(said) as base_url, pytest.raises(OutcomeUnknown, match="connection cut"):
        post_bytes(base_url)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"])
def test_a_lost_answer_that_does_no_harm_is_plain_unavailable(said: bytes) -> None:
    with wire_that_says(said) as base_url, pytest.raises(Unavailable) as caught:
        post_bytes(base_url, repeatable=True)

    assert type(caught.value) is Unavailable
