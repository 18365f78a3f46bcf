"""Files of a provider, fetched over real HTTP from a host that does everything wrong."""

import hashlib
import io
import random
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from providers.errors import InvalidResponse, LinkExpired, ProviderError, RateLimited, Unavailable
from providers.http import download as room
from providers.http.download import Downloaded, download
from providers.kinds import ProviderKind
from providers.media.types import Medium
from tests.providers.conftest import words_of
from tests.providers.file_host import FileHost
from tests.providers.http.test_client import wire_that_says

KIND = ProviderKind.SUNO
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + random.Random(1).randbytes(900_000)
OTHER_MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + random.Random(2).randbytes(900_000)
MEGABYTE = 1024 * 1024
#: A link is as good as a key while it lasts.
SECRET = "X-Signature=9f2c7b1e8a6053d4"

Fetch = Callable[..., Downloaded]


@pytest.fixture
def host() -> Iterator[FileHost]:
    with FileHost() as running:
        running.host.content = MP3
        yield running


@pytest.fixture
def file() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def fetch(host: FileHost, file: io.BytesIO) -> Fetch:
    """Download the host's file, or what ``url`` names."""

    def fetch_into_the_file(url: str = "", *, medium: Medium = "audio", **features: Any) -> Downloaded:
        features = {"base_url": host.base_url, **features}
        return download(url or host.url, file, kind=KIND, medium=medium, **features)

    return fetch_into_the_file


def assert_whole(result: Downloaded, file: io.BytesIO, content: bytes = MP3) -> None:
    assert file.getvalue() == content
    assert result.size_bytes == len(content)
    assert result.sha256 == hashlib.sha256(content).hexdigest()


def test_a_file_is_fetched_with_a_name_of_our_own_and_no_key(fetch: Fetch, host: FileHost, file: io.BytesIO) -> None:
    result = fetch(f"{host.url}?{SECRET}")

    assert_whole(result, file)
    assert result.content_type == "audio/mpeg"
    (seen,) = host.calls
    assert seen == {
        "host": f"127.0.0.1:{host.port}",
        "user-agent": "Quatrain",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "keep-alive",
    }


def test_what_the_file_held_before_is_gone(fetch: Fetch, host: FileHost, file: io.BytesIO) -> None:
    file.write(b"x" * 2 * len(MP3))

    assert_whole(fetch(), file)


def test_a_proxy_of_the_environment_is_not_asked(
    fetch: Fetch, host: FileHost, file: io.BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert_whole(fetch(), file)


@pytest.mark.parametrize("cuts", [[300_000, None], [300_000, 200_000, 100_000, 70_000, None]])
def test_a_download_that_breaks_off_goes_on_where_it_ended(
    fetch: Fetch, host: FileHost, file: io.BytesIO, cuts: list[int | None]
) -> None:
    host.host.cuts = cuts

    assert_whole(fetch(), file)

    first, *others = host.calls
    assert "range" not in first
    assert len(others) == len(cuts) - 1
    assert all(seen["if-range"] == '"one"' and seen["range"].startswith("bytes=") for seen in others)
    assert host.sent <= len(MP3) + 64 * 1024 * len(cuts)


def test_the_date_of_the_last_change_serves_where_there_is_no_strong_etag(
    fetch: Fetch, host: FileHost, file: io.BytesIO
) -> None:
    host.host.cuts = [300_000, None]
    host.host.etags = ['W/"weak"']
    host.host.last_modified = 1_777_000_000

    assert_whole(fetch(), file)

    assert host.calls[1]["if-range"] == "Fri, 24 Apr 2026 03:06:40 GMT"
    assert host.sent < 2 * len(MP3)


def test_without_anything_to_know_the_file_by_it_is_begun_anew(fetch: Fetch, host: FileHost, file: io.BytesIO) -> None:
    host.host.cuts = [300_000, None]
    host.host.etags = [""]

    assert_whole(fetch(), file)

    assert "range" not in host.calls[1]


def test_a_host_that_ignores_ranges_sends_the_whole_file_again(fetch: Fetch, host: FileHost, file: io.BytesIO) -> None:
    host.host.cuts = [300_000, None]
    host.host.takes_ranges = False

    assert_whole(fetch(), file)

    assert len(host.calls) == 2


def test_two_halves_of_different_files_are_never_put_together(fetch: Fetch, host: FileHost, file: io.BytesIO) -> None:
    host.host.cuts = [300_000, None]
    host.host.etags = ['"one"', '"two"']

    def swap(request: Request) -> Response:
        host.host.content = OTHER_MP3 if len(host.calls) > 1 else MP3
        return host._file(request)

    host.pages["/file"] = swap

    assert_whole(fetch(), file, OTHER_MP3)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, {"Content-Range": "bytes 0-9/10"}),
        (206, {"Content-Range": "bytes 262144-300000/300001", "ETag": '"two"'}),
        (206, {}),
        (416, {"Content-Range": "bytes */10"}),
    ],
)
def test_a_wrong_piece_is_thrown_away_and_the_whole_file_asked_for(
    fetch: Fetch, host: FileHost, file: io.BytesIO, status: int, headers: dict[str, str]
) -> None:
    host.host.cuts = [300_000, None]

    def mislead(request: Request) -> Response:
        return Response(b"x" * 10, status, headers) if "Range" in request.headers else host._file(request)

    host.pages["/file"] = mislead

    assert_whole(fetch(), file)

    assert ["range" in seen for seen in host.calls] == [False, True, False]


def test_a_piece_that_nobody_asked_for_is_no_file(fetch: Fetch, host: FileHost) -> None:
    host.pages["/file"] = lambda _: Response(MP3, 206, {"Content-Range": "bytes 0-9/10"})

    with pytest.raises(Unavailable, match="wrong range"):
        fetch()


def test_a_host_that_always_breaks_off_is_left_in_the_end(fetch: Fetch, host: FileHost) -> None:
    host.host.cuts = [100_000]

    with pytest.raises(Unavailable, match="connection cut") as caught:
        fetch(f"{host.url}?{SECRET}")

    assert len(host.calls) == room.MAX_CONNECTIONS
    assert_tells_nothing(caught.value)


def test_a_host_that_breaks_off_at_once_is_not_pressed(fetch: Fetch, host: FileHost) -> None:
    host.host.cuts = [1000]

    with pytest.raises(Unavailable, match="connection cut"):
        fetch()

    assert len(host.calls) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_link_that_has_run_out_says_so(fetch: Fetch, host: FileHost, status: int) -> None:
    host.pages["/file"] = lambda _: Response("<Error>ExpiredToken</Error>", status)

    with pytest.raises(LinkExpired, match=f"http_{status}") as caught:
        fetch(f"{host.url}?{SECRET}")

    assert caught.value.status == status
    assert len(host.calls) == 1
    assert_tells_nothing(caught.value)


def test_a_link_may_run_out_in_the_middle(fetch: Fetch, host: FileHost) -> None:
    host.host.cuts = [300_000]
    host.pages["/file"] = lambda request: Response(status=403) if len(host.calls) > 1 else host._file(request)

    with pytest.raises(LinkExpired):
        fetch()


@pytest.mark.parametrize(
    ("status", "expected", "wait"),
    [
        (429, RateLimited, 7),
        (500, Unavailable, 7),
        (503, Unavailable, 7),
        (418, Unavailable, 7),
        (304, Unavailable, 7),
        (202, InvalidResponse, 7),
        (204, InvalidResponse, 7),
    ],
)
def test_another_status_is_no_file(
    fetch: Fetch, host: FileHost, status: int, expected: type[ProviderError], wait: float
) -> None:
    host.pages["/file"] = lambda _: Response(b"", status, {"Retry-After": "7"})

    with pytest.raises(expected, match=f"http_{status}") as caught:
        fetch()

    assert type(caught.value) is expected
    assert caught.value.retry_after == wait


@pytest.mark.parametrize("size", [str(room.MAX_BYTES + 1), "9" * 5000])
def test_a_file_that_says_that_it_is_too_large_is_not_begun(fetch: Fetch, host: FileHost, size: str) -> None:
    host.pages["/file"] = lambda _: Response(host.counted(repeat(MP3)), 200, {"Content-Length": size})

    with pytest.raises(InvalidResponse, match="too large"):
        fetch()

    assert host.sent < 10 * MEGABYTE


def test_the_body_of_a_redirect_is_not_read(fetch: Fetch, host: FileHost) -> None:
    body = host.counted(repeat(MP3, 100))
    headers = {"Location": "/elsewhere", "Content-Length": str(100 * len(MP3))}
    host.pages = {"/file": lambda _: Response(body, 302, headers), "/elsewhere": lambda _: Response(MP3)}

    assert fetch().size_bytes == len(MP3)
    assert host.sent < 10 * MEGABYTE


def test_a_file_that_does_not_end_is_left_at_the_limit(
    fetch: Fetch, host: FileHost, file: io.BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_BYTES", 5 * MEGABYTE)
    host.pages["/file"] = lambda _: in_pieces(host.counted(MP3[:MEGABYTE] for _ in range(200)))

    with pytest.raises(InvalidResponse, match="too large"):
        fetch()

    assert len(file.getvalue()) <= room.MAX_BYTES
    assert host.sent < 20 * MEGABYTE


def test_a_file_of_the_largest_size_is_taken(
    fetch: Fetch, host: FileHost, file: io.BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_BYTES", len(MP3))

    assert_whole(fetch(), file)


def test_a_file_in_pieces_needs_no_length(fetch: Fetch, host: FileHost, file: io.BytesIO) -> None:
    host.pages["/file"] = lambda _: in_pieces(MP3[place : place + 50_000] for place in range(0, len(MP3), 50_000))

    assert_whole(fetch(), file)


def test_a_file_that_only_the_connections_end_has_ended_may_be_half_of_one(fetch: Fetch, host: FileHost) -> None:
    half = b"HTTP/1.1 200 OK\r\n\r\n" + MP3[:1000]
    with wire_that_says(half) as url, pytest.raises(InvalidResponse, match="no length"):
        fetch(url)


@pytest.mark.parametrize("size", [b"-1", b"-5", b"0" * 200_000 + b"5"])
def test_a_piece_of_no_size_breaks_the_download_off(fetch: Fetch, host: FileHost, size: bytes) -> None:
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\nsound\r\n0\r\n\r\n"
    with wire_that_says(said) as url, pytest.raises(Unavailable, match="connection cut"):
        fetch(url)


@pytest.mark.parametrize("header", [b"Transfer-Encoding: identity", b"Content-Length: -1", b"Content-Length: many"])
def test_a_length_that_says_nothing_is_none(fetch: Fetch, host: FileHost, header: bytes) -> None:
    half = b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\n" + MP3[:1000]
    with wire_that_says(half) as url, pytest.raises(InvalidResponse, match="no length"):
        fetch(url)


def test_a_packed_file_is_not_unpacked(fetch: Fetch, host: FileHost) -> None:
    host.pages["/file"] = lambda _: Response(MP3, 200, {"Content-Encoding": "gzip"})

    with pytest.raises(InvalidResponse, match="bad encoding"):
        fetch()


def test_the_type_is_that_of_the_content_whatever_the_host_says(fetch: Fetch, host: FileHost, file: io.BytesIO) -> None:
    host.host.content_type = "text/html"

    assert fetch().content_type == "audio/mpeg"


@pytest.mark.parametrize(
    ("content", "medium"),
    [
        (b"<!DOCTYPE html><html>" + b" " * 500_000, "audio"),
        (b"\x7fELF" + b"\x00" * 500_000, "video"),
        (MP3, "video"),
        (b"OK", "audio"),
        (b"", "video"),
    ],
)
def test_a_lie_about_the_type_is_seen_at_once(
    fetch: Fetch, host: FileHost, file: io.BytesIO, content: bytes, medium: Medium
) -> None:
    host.host.content = content
    host.host.content_type = f"{medium}/mp4"

    with pytest.raises(InvalidResponse, match=f"no {medium}"):
        fetch(medium=medium)

    assert len(file.getvalue()) <= 64


def test_a_tiny_file_has_a_type_too(fetch: Fetch, host: FileHost, file: io.BytesIO) -> None:
    host.host.content = b"RIFF\x04\x00\x00\x00WAVE"

    result = fetch()

    assert (result.content_type, result.size_bytes) == ("audio/wav", 12)
    assert_whole(result, file, host.host.content)


def test_a_host_that_drips_is_given_up_in_time(fetch: Fetch, host: FileHost) -> None:
    # The whole file takes ten seconds, and none of its bytes longer than the deadline.
    host.host.content, host.host.drip = MP3[:500], 0.02

    with pytest.raises(Unavailable, match="read timeout") as caught:
        fetch(seconds=0.2)

    assert_tells_nothing(caught.value)


def test_redirects_and_new_beginnings_share_one_deadline(
    fetch: Fetch, host: FileHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def wait(request: Request) -> Response:
        now[0] += 40
        return Response(status=302, headers={"Location": f"/{len(host.calls)}"})

    host.pages.update(dict.fromkeys(("/file", "/1", "/2", "/3"), wait))

    with pytest.raises(Unavailable, match="read timeout"):
        fetch(seconds=60)

    assert len(host.calls) == 2


class FullDisk(io.BytesIO):
    def write(self, data: Any, /) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_no_fault_of_the_network(host: FileHost) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        download(host.url, FullDisk(), kind=KIND, medium="audio", base_url=host.base_url)

    assert not isinstance(caught.value, TimeoutError | ConnectionError)
    assert len(host.calls) == 1


def in_pieces(chunks: Iterable[bytes]) -> Response:
    """An answer without a length, for which the server takes the transfer encoding ``chunked``."""
    return Response(chunks)


def assert_tells_nothing(error: ProviderError) -> None:
    assert SECRET not in words_of(error)
    assert error.__cause__ is None
    assert error.__context__ is None
