"""Answers that are no HTTP, no JSON, no end or no measure."""

import gzip
import itertools
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from tests.hostile_providers.operations import Good
from tests.hostile_providers.server import Pieces

MEGABYTE = 1024 * 1024
#: Between two pieces of what does not end: no hundred of them, which is all that HTTP takes of some, come in time.
PAUSE_SECONDS = 0.01
#: Longer than any call may take.
LASTING_SECONDS = 150
Spoil = Callable[[Good], Pieces]


def _say(head: str, body: bytes = b"") -> Spoil:
    """A status line and headers, a length if none is said, and ``body``."""
    text = f"HTTP/1.1 {head}\r\n"
    if "length" not in head.lower() and "chunked" not in head.lower():
        text += f"Content-Length: {len(body)}\r\n"
    return lambda _: [text.encode("latin-1") + b"\r\n" + body]


def _with_headers(*lines: str) -> Spoil:
    def spoil(good: Good) -> Pieces:
        status, _, rest = good.sent().partition(b"\r\n")
        return [status + b"\r\n" + "".join(f"{line}\r\n" for line in lines).encode("latin-1") + rest]

    return spoil


def _body(change: Callable[[bytes], bytes], *lines: str) -> Spoil:
    return lambda good: [Good(good.status, (*good.headers, *_pairs(lines)), change(good.body)).sent()]


def _pairs(lines: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, _, value in (line.partition(": ") for line in lines))


def _status(line: str) -> Spoil:
    return lambda good: [b"HTTP/1.1 " + line.encode() + b"\r\n" + good.sent().partition(b"\r\n")[2]]


def _length(change: Callable[[int], str]) -> Spoil:
    def spoil(good: Good) -> Pieces:
        length = f"Content-Length: {len(good.body)}\r\n".encode()
        return [good.sent().replace(length, f"Content-Length: {change(len(good.body))}\r\n".encode())]

    return spoil


def _endless(head: bytes, piece: bytes) -> Spoil:
    def pieces(_good: Good) -> Iterator[bytes]:
        yield head
        # So that a call that would wait for ever is told to have hung, and does not hang its test.
        for _piece in range(round(LASTING_SECONDS / PAUSE_SECONDS)):
            yield piece
            time.sleep(PAUSE_SECONDS)

    return pieces


def _fifty_megabytes(good: Good) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n"
    yield from itertools.repeat(b"x" * 65536, 800)


def _flood(beginning: bytes) -> Spoil:
    def pieces(_: Good) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + beginning
        yield from itertools.repeat(b"0" * MEGABYTE, 400)

    return pieces


@cache
def _bomb(layers: int) -> bytes:
    """A gigabyte of nothing, packed ``layers`` times."""
    packed = gzip.compress(bytes(16 * MEGABYTE), 9, mtime=0) * 64
    for _ in range(layers - 1):
        packed = gzip.compress(packed, 9, mtime=0)
    return packed


def _packed(head: str, layers: int) -> Spoil:
    def spoil(good: Good) -> Pieces:
        return _say(head, _bomb(layers))(good)

    return spoil


#: What has nothing to do with time: a call that meets one of these is answered at once.
AT_ONCE: dict[str, Spoil] = {
    "nothing": lambda _: [],
    "HTTP/0.9": lambda good: [good.body],
    "another protocol": lambda _: [b"SSH-2.0-OpenSSH_9.6\r\n"],
    "a version of the future": lambda good: [good.sent().replace(b"HTTP/1.1", b"HTTP/9.9", 1)],
    "a status that is no number": _status("twohundred OK"),
    "a status of 20 digits": _status("20000000000000000000 OK"),
    **{f"status {code}": _status(f"{code} Odd") for code in (99, 101, 103, 199, 202, 204, 205, 206, 226, 299)},
    **{f"status {code}": _status(f"{code} Odd") for code in (300, 304, 399, 418, 451, 499, 599, 600, 999)},
    "a redirect elsewhere": _say("302 Found\r\nLocation: http://127.0.0.1:9/steal", b"x"),
    "a redirect to half an address": _say("307 Moved\r\nLocation: http://[", b"x"),
    "a redirect in no encoding": _say("308 Moved\r\nLocation: \xff\xfe\x80", b"x"),
    "the work is elsewhere": _say("303 See Other\r\nLocation: /done", b"x"),
    "a second answer in a header": _with_headers("X-A: b\r\n\r\nHTTP/1.1 200 OK", "X-Evil: 1"),
    "1,000 headers": _with_headers(*(f"X-{number}: 1" for number in range(1000))),
    "a header of 100 kB": _with_headers("X-Long: " + "x" * 100_000),
    "a header that is none": _with_headers("no colon here", ": no name", "\x00: \xff"),
    "folded headers": _with_headers("X-A: b\r\n c\r\n\td"),
    "odd cookies": _with_headers("Set-Cookie: a=b; Max-Age=99999999999999; Domain=.; Path=\xff", "Set-Cookie: =;;;="),
    "an odd request id": _with_headers("x-request-id: <script>", "x-server-trace-id: " + "a" * 5000),
    "two lengths": _with_headers("Content-Length: 1", "Content-Length: 2"),
    "a length below nothing": _length(lambda _: "-1"),
    "a length that is no number": _length(lambda _: "many"),
    "a length of 5,000 digits": _length(lambda _: "9" * 5000),
    "a length that is too long": _length(lambda size: str(size + 7)),
    "a length that is too short": _length(lambda size: str(max(size - 7, 1))),
    "no length": lambda good: [good.sent().replace(b"Content-Length", b"X-Length")],
    "chunks of no size": _say("200 OK\r\nTransfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
    "chunks of a size below nothing": _say("200 OK\r\nTransfer-Encoding: chunked", b"-5\r\n{}\r\n0\r\n\r\n"),
    "a chunk of 10^18 bytes": _say("200 OK\r\nTransfer-Encoding: chunked", b"de0b6b3a7640000\r\n{}"),
    "an unknown transfer": lambda good: [good.sent().replace(b"Content-Length", b"Transfer-Encoding: zip\r\nX-Length")],
    "no body": _body(lambda _: b""),
    "half a body": _body(lambda body: body[: len(body) // 2]),
    "the body twice": _body(lambda body: body + body),
    "another type": _body(lambda body: body, "Content-Type: image/svg+xml", "Content-Disposition: a; filename=../a.sh"),
    "a page": _body(lambda _: b"<!DOCTYPE html><script>alert(1)</script>"),
    "a page before the work": _body(lambda body: b"<html><script>alert(1)</script>" + body),
    "a picture with a script": _body(lambda _: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    "UTF-16": _body(lambda body: body.decode("utf-8", "replace").encode("utf-16")),
    "UTF-32 without a mark": _body(lambda body: body.decode("utf-8", "replace").encode("utf-32-be")),
    "Latin-1": _body(lambda body: body.decode("utf-8", "replace").encode("latin-1", "replace") + b"\xe9"),
    "a byte order mark": _body(lambda body: b"\xef\xbb\xbf" + body),
    "no characters": _body(lambda body: b"\xff\xfe\xfd" + bytes(64) + body),
    "100,000 levels": _body(lambda _: b"[" * 100_000),
    "100,000 levels of objects": _body(lambda _: b'{"a":' * 100_000),
    "10,000 lists": _body(lambda _: b'{"data": [' + b"[]," * 10_000 + b"[]]}"),
    "an unknown encoding": _body(lambda body: body, "Content-Encoding: br"),
    "an encoding that is not there": _body(lambda body: body, "Content-Encoding: gzip"),
    "half of a packed body": _body(lambda body: gzip.compress(body)[:-9], "Content-Encoding: gzip"),
    "ten encodings": _body(lambda body: body, "Content-Encoding: " + ", ".join(["gzip"] * 10)),
    "a wait below nothing": _with_headers("Retry-After: -1", "retry-after-ms: 1e400"),
}
#: What is larger than anything that we read.
LARGE: dict[str, Spoil] = {
    "50 MB": _fifty_megabytes,
    "a chunk of all that comes": _flood(b"-1\r\n"),
    "a size of a chunk of 400 MB": _flood(b"0"),
    "20 MB of empty lines": _body(lambda _: b"\n" * (20 * MEGABYTE)),
    "a million lines": _body(lambda _: b'{"result": {}}\n' * 1_000_000),
    "20 MB of false beginnings": _body(lambda _: b"\xff\xfb\x90\x00" * (5 * MEGABYTE)),
    "a packed gigabyte": _packed("200 OK\r\nContent-Encoding: gzip", 1),
    "a gigabyte packed twice": _packed("200 OK\r\nContent-Encoding: gzip, gzip", 2),
    "64 MB deflated": _say("200 OK\r\nContent-Encoding: deflate", zlib.compress(bytes(64 * MEGABYTE), 1)),
    "a packed gigabyte beside a refusal": _packed("429 Slow\r\nContent-Encoding: gzip", 1),
    "a packed gigabyte beside a redirect": _packed("302 Found\r\nLocation: /x\r\nContent-Encoding: gzip", 1),
}
#: What does not end by itself.
ENDLESS: dict[str, Spoil] = {
    "silence": _endless(b"", b""),
    "endless headers": _endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "an endless header": _endless(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "endless announcements": _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "endless chunks": _endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "an endless size of a chunk": _endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "an endless body": _endless(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    "an endless redirect": _endless(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b" "),
    "an endless refusal": _endless(b"HTTP/1.1 401 No\r\n\r\n", b" "),
}
