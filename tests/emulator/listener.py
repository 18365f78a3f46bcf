"""A web server on this machine that takes callbacks and hands them to a test."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Heard:
    """One callback as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Listener:
    """``statuses`` are answered one after the other, then 200 for ever; or what ``answer`` says, who may take long."""

    def __init__(self, *statuses: int, answer: Callable[[Heard], int] | None = None) -> None:
        self._heard: queue.Queue[Heard] = queue.Queue()
        left = list(statuses)
        heard = self._heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                # Kept before it is answered: the next callback may come, in a thread of its own, at once after that.
                callback = Heard(self.path, dict(self.headers), body)
                heard.put(callback)
                self.send_response(answer(callback) if answer else left.pop(0) if left else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callbacks/3f1c8a5e9b7d"

    def next(self) -> Heard:
        """The next callback; raises ``queue.Empty`` if none comes within a minute."""
        return self._heard.get(timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, error_class: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def until(happened: Callable[[], object]) -> None:
    """Wait for what another thread does next; ``AssertionError`` if it does not within a minute."""
    pause = threading.Event()
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        if happened():
            return
        pause.wait(LOOK_SECONDS)
    raise AssertionError("it never happened")
