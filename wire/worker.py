"""What gunicorn starts in each process of the web server."""

import os
import time
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit
from types import FrameType
from typing import Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from wire.connections import LOOK_EVERY_SECONDS, Limits, Listener
from wire.requests import BODY_BYTES, HEAD_BYTES

#: Of one address, in one process: a household, or a shop with one address for all, has a few at any time.
MAX_PER_CALLER = 100
#: The connection itself, and a file that is sent.
FILES_OF_A_CONNECTION = 2
#: For the database, the log, and whatever else is open.
OTHER_FILES = 100


class WireWorker(Worker):
    """One process: the main thread looks after all connections, ``--threads`` others answer requests."""

    _listeners: tuple[Listener, ...] = ()

    def run(self) -> None:
        """Serve until told to end, or until nobody is there to tell; then answer what was asked already."""
        connections: dict[int, Any] = {}
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(self.cfg.threads)
        self._listeners = tuple(self._listen(each.sock, connections, dispatcher) for each in self.sockets)
        while self.alive and self.ppid == os.getppid():
            self._look_after(connections)
        for listener in self._listeners:
            listener.end()
        until = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < until and any(listener.active_channels for listener in self._listeners):
            self._look_after(connections)
        # Of whom nobody waits for any more, too.
        dispatcher.shutdown(timeout=max(until - time.monotonic(), 0))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM."""
        super().handle_exit(sig, frame)
        for listener in self._listeners:
            listener.pull_trigger()

    def _look_after(self, connections: dict[int, Any]) -> None:
        self.notify()
        wasyncore.loop(LOOK_EVERY_SECONDS, use_poll=True, map=connections, count=1)
        for listener in self._listeners:
            listener.close_overdue()

    def _listen(self, sock: Any, connections: dict[int, Any], dispatcher: ThreadedTaskDispatcher) -> Listener:
        config = self.wsgi.config
        settings = config["SETTINGS"]
        most = _most_connections(self.cfg.worker_connections)
        return Listener(
            self.wsgi,
            sock=sock,
            limits=Limits(
                patience_seconds=settings.web_patience_seconds,
                of_one_caller=None if settings.trusted_proxies else MAX_PER_CALLER,
                of_all=most,
            ),
            headers_of_refusals=config["HEADERS_OF_EVERY_ANSWER"].items(),
            connections=connections,
            dispatcher=dispatcher,
            adj=Adjustments(
                threads=self.cfg.threads,
                backlog=self.cfg.backlog,
                connection_limit=most + OTHER_FILES // 2,
                max_request_header_size=HEAD_BYTES,
                max_request_body_size=BODY_BYTES,
                # web/middleware/security_headers.py decides whose word counts; where nobody's does, nobody is even
                # heard.
                clear_untrusted_proxy_headers=not settings.trusted_proxies,
                ident="",
                server_name="localhost",
            ),
        )


def _most_connections(wanted: int) -> int:
    """As many as the system lets us have files."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    needed = FILES_OF_A_CONNECTION * wanted + OTHER_FILES
    if soft != RLIM_INFINITY and soft < needed:
        soft = needed if hard == RLIM_INFINITY else min(needed, hard)
        setrlimit(RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == RLIM_INFINITY else max(min(wanted, (soft - OTHER_FILES) // FILES_OF_A_CONNECTION), 1)
