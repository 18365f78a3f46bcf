"""Connections: how long each is waited for, and how many one address may have."""

import socket
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from wire.callers import caller_of
from wire.requests import Answer, IncomingRequest, Refusal

log = structlog.get_logger(__name__)

#: A connection stays open for so long after an answer, for the next request.
IDLE_SECONDS = 2.0
#: Who hears that he is not heard any more may take so long to stop talking: else he might miss our last words.
FAREWELL_SECONDS = 2.0
#: Slower than this, on the average, nobody may take an answer in: a network of the second generation is as slow. Nor
#: may he take nothing at all for the patience of ``Limits``.
LEAST_BYTES_PER_SECOND = 5_000
LOOK_EVERY_SECONDS = 1.0
FEW = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one process. Of a connection too many, the one that was waited for longest has to go."""

    #: How long a client may take to send a request, all of it; and to begin to take the answer in.
    patience_seconds: float
    #: Connections of one address; None where proxies stand before us, which have few addresses for all.
    of_one_caller: int | None
    of_all: int


class Connection(HTTPChannel):
    """One connection. Its methods run in the main thread, ``service`` in that of the application."""

    parser_class = IncomingRequest
    task_class = Answer
    error_task_class = Refusal

    def __init__(self, server: "Listener", sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002  # its name there
        self._wait(server.limits.patience_seconds)
        self._sending_since: float | None = None
        self._took_at = 0.0
        self._sent_bytes = 0
        self._has_answered = self._is_paused = self._is_farewell = False
        self.caller = caller_of(addr[0])
        super().__init__(server, sock, addr, adj, map)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request is there, and nothing of an answer."""
        return self.request is None and self.is_waited_for and not self.total_outbufs_len

    @property
    def is_waited_for(self) -> bool:
        """Whether the other side has to do something; else we have."""
        return not self.requests or bool(self.total_outbufs_len)

    def is_overdue(self, now: float) -> bool:
        """Whether the other side has had its time. To be asked once a second; ``now`` is monotonic."""
        if not self.total_outbufs_len:
            self._sending_since = None
            return self.is_waited_for and now - self.waited_since > self._allowed_seconds
        if self._sending_since is None:
            self._sending_since, self._took_at, self._sent_bytes = now, now, 0
        patience = self.server.limits.patience_seconds
        # Megabytes go at once, into what the systems on both sides hold, though nobody reads them.
        stands_still = now - self._took_at > patience
        return stands_still or now - self._sending_since > patience + self._sent_bytes / LEAST_BYTES_PER_SECOND

    def hurry(self) -> None:
        """If nothing of a request is there, wait no longer for it than after an answer."""
        if self.request is None:
            self._wait(min(self._allowed_seconds, IDLE_SECONDS))

    def received(self, data: bytes) -> bool:
        """Take in what was sent."""
        if self._is_farewell:
            return False
        is_next = self._has_answered and self.request is None
        taken = super().received(data)
        if is_next and self.request is not None:
            # Empty lines alone are no request, and prolong nothing.
            self._wait(self.server.limits.patience_seconds)
        return taken

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send what the other side takes; returns how many bytes."""
        number = super().send(data, do_close=do_close)
        if number:
            self._sent_bytes += number
            self._took_at = time.monotonic()
        if self.request is None:
            self._has_answered = True
            self._wait(IDLE_SECONDS)
        return number

    def pause(self) -> None:
        """Answer the next request once the last answer is sent: who asks ten times at once and reads nothing waits."""
        self._is_paused = True

    def writable(self) -> bool:
        """Whether to look for whether something can be sent."""
        return self._is_paused or super().writable()

    def handle_write(self) -> None:
        """Send; once an answer is sent go on with the next request, or take leave."""
        is_last, self.close_when_flushed = self.close_when_flushed, False
        super().handle_write()
        if self._is_paused and self.connected and not self.total_outbufs_len:
            self._is_paused = False
            self.server.add_task(self)
        if is_last and self.connected:
            if self.total_outbufs_len:
                self.close_when_flushed = True
            else:
                self._take_leave()

    def readable(self) -> bool:
        """Whether to look for something to read."""
        return self._is_farewell or super().readable()

    def handle_expt(self) -> None:
        """Something urgent is there: it is read with all the rest."""

    def _take_leave(self) -> None:
        """RFC 9112, 9.6: who is still sending would lose our answer if the connection were closed at once."""
        self._is_farewell = True
        self._wait(FAREWELL_SECONDS)
        try:
            self.socket.shutdown(socket.SHUT_WR)  # type: ignore[union-attr]  # it is there while connected
        except OSError:
            self.handle_close()

    def _wait(self, seconds: float) -> None:
        """From now on, for all that the other side has to send next."""
        self.waited_since, self._allowed_seconds = time.monotonic(), seconds

    def add_channel(self, map: Any = None) -> None:  # noqa: A002  # its name there
        """It is open."""
        super().add_channel(map)
        self.server.of_caller[self.caller][self] = None

    def del_channel(self, map: Any = None) -> None:  # noqa: A002  # its name there
        """It is closed. Safe twice."""
        super().del_channel(map)
        theirs = self.server.of_caller.get(self.caller, {})
        theirs.pop(self, None)
        if not theirs:
            self.server.of_caller.pop(self.caller, None)


class Listener(TcpWSGIServer):
    """A socket that listens, and its connections."""

    channel_class = Connection

    def __init__(
        self,
        application: Any,
        *,
        sock: socket.socket,
        limits: Limits,
        headers_of_refusals: Sequence[tuple[str, str]],
        connections: dict[int, Any],
        dispatcher: Any,
        adj: Any,
    ) -> None:
        """``connections`` is what is polled; several listeners may share it, and the dispatcher."""
        self.limits = limits
        self.headers_of_refusals = headers_of_refusals
        self.is_ending = False
        self._looks_at = 0.0
        #: In the order in which they came.
        self.of_caller: dict[str, dict[Connection, None]] = defaultdict(dict)
        sockinfo = (sock.family, sock.type, sock.proto, sock.getsockname())
        super().__init__(
            application, connections, _sock=sock, dispatcher=dispatcher, adj=adj, sockinfo=sockinfo, bind_socket=False
        )

    def getsockname(self) -> tuple[str, str]:
        """Address and port; a socket in a file has neither."""
        return ("localhost", "80") if self._is_file else super().getsockname()

    def set_socket_options(self, conn: socket.socket) -> None:
        """What a connection of a network is told."""
        if not self._is_file:
            super().set_socket_options(conn)
            # A byte that is sent as urgent is read like any other; unread it would wake us again and again.
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)

    def fix_addr(self, addr: Any) -> Any:
        """Who is at the other end of a file has no address."""
        return ("", "") if self._is_file else addr

    def maintenance(self, now: float) -> None:
        """Not waitress's own: it would never end who goes on dripping, and goes by a clock that can be set."""

    def handle_accept(self) -> None:
        """Take one connection, and make room for it."""
        super().handle_accept()
        channels = self.active_channels
        if not channels:
            return
        newest = next(reversed(channels.values()))
        theirs = self.of_caller[newest.caller]
        if self.limits.of_one_caller and len(theirs) > self.limits.of_one_caller:
            _make_room(theirs, newest)
        if len(channels) > self.limits.of_all:
            largest = max(self.of_caller.values(), key=len)
            _make_room(largest, newest)

    def add_task(self, task: Connection) -> None:
        """Let a thread answer the next request of a connection, once the one before is answered and sent."""
        if task.total_outbufs_len:
            task.pause()
        else:
            super().add_task(task)

    def close_overdue(self) -> None:
        """Hang up on whoever has had his time. To be called often; looks once a second."""
        now = time.monotonic()
        if now < self._looks_at:
            return
        self._looks_at = now + LOOK_EVERY_SECONDS
        overdue = [each for each in list(self.active_channels.values()) if each.is_overdue(now)]
        slow = [each.caller for each in overdue if not each.is_idle]
        for each in overdue:
            each.handle_close()
        if slow:
            log.info("slow clients disconnected", number=len(slow), addresses=sorted(set(slow))[:FEW])

    def end(self) -> None:
        """Take no new connection; each one gets the answer it waits for, and is told that it is the last one."""
        self.is_ending, self.accepting = True, False
        wasyncore.dispatcher.close(self)
        for each in list(self.active_channels.values()):
            each.hurry()

    @property
    def _is_file(self) -> bool:
        return self.family == socket.AF_UNIX


def _make_room(connections: Iterable[Connection], newest: Connection) -> None:
    """Close the one that was waited for longest, whatever it was to do, and never the newest."""
    waited_for = [each for each in connections if each.is_waited_for and each is not newest]
    if waited_for:
        min(waited_for, key=lambda each: each.waited_since).handle_close()
