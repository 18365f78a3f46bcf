"""A host of finished files over real HTTP, that can do wrong whatever a host can: see ``FileHost``."""

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

STOP_CHECK_SECONDS = 0.01


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug's name
        """Say nothing: ``FileHost.calls`` has every call."""


@dataclass
class Host:
    """What the host has and how it behaves; a list has one item per call, the last one for all that follow.

    ``cuts``: after how many bytes of the body the connection ends, None for never. ``etags``: the version that is
    served, none for an empty text. ``drip``: seconds between two bytes.
    """

    content: bytes = b""
    content_type: str = "application/octet-stream"
    etags: list[str] = field(default_factory=lambda: ['"one"'])
    last_modified: float | None = None
    cuts: list[int | None] = field(default_factory=lambda: [None])
    takes_ranges: bool = True
    drip: float = 0


class FileHost:
    """A server in a thread of this process. ``pages`` answer paths of their own; ``/file`` is what ``host`` says.

    ``calls`` are the headers of every call, names in small letters; ``sent`` counts the bytes of bodies.
    """

    def __init__(self, address: str = "127.0.0.1", ssl_context: ssl.SSLContext | None = None) -> None:
        self.host = Host()
        self.pages: dict[str, Callable[[Request], Response]] = {}
        self.calls: list[dict[str, str]] = []
        self.sent = 0
        self._closing = threading.Event()
        self._server: BaseWSGIServer = make_server(
            address,
            0,
            Request.application(self._answer),
            threaded=True,
            request_handler=_Handler,
            ssl_context=ssl_context,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(STOP_CHECK_SECONDS,), daemon=True)
        self.scheme = "https" if ssl_context else "http"
        self.address = f"[{address}]" if ":" in address else address
        self.port = self._server.server_port

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}:{self.port}/file"

    @property
    def base_url(self) -> str:
        return f"{self.scheme}://{self.address}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, error_class: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: Request) -> Response:
        self.calls.append({name.lower(): value for name, value in request.headers.items()})
        page = self.pages.get(request.path)
        return page(request) if page else self._file(request)

    def _file(self, request: Request) -> Response:
        number = len(self.calls) - 1
        etag = _at(self.host.etags, number)
        start = self._start(request, etag)
        body = self.host.content[start:]
        headers = {"Content-Length": str(len(body)), "Content-Type": self.host.content_type}
        if etag:
            headers["ETag"] = etag
        if self.host.last_modified is not None:
            headers["Last-Modified"] = formatdate(self.host.last_modified, usegmt=True)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(self.host.content) - 1}/{len(self.host.content)}"
        return Response(self._body(body, _at(self.host.cuts, number)), 206 if start else 200, headers)

    def _start(self, request: Request, etag: str) -> int:
        wanted, condition = request.headers.get("Range", ""), request.headers.get("If-Range", "")
        date = formatdate(self.host.last_modified, usegmt=True) if self.host.last_modified is not None else None
        if not self.host.takes_ranges or not wanted or condition not in (etag, date):
            return 0
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def _body(self, body: bytes, cut: int | None) -> Iterator[bytes]:
        step = 1 if self.host.drip else 64 * 1024
        whole = body if cut is None else body[:cut]
        yield from self.counted(whole[place : place + step] for place in range(0, len(whole), step))
        if cut is not None and cut < len(body):
            raise ConnectionResetError

    def counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """``chunks``, in the time that the host takes for them, and counted."""
        for chunk in chunks:
            if self._closing.wait(self.host.drip):
                return
            self.sent += len(chunk)
            yield chunk


def _at(items: list[Any], place: int) -> Any:
    return items[min(place, len(items) - 1)]
