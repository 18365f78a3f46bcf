"""Requests as they come over the wire, and their answers: whatever is no request is refused with one sentence."""

import re
from collections import Counter
from http import HTTPStatus
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import RequestEntityTooLarge

#: More of a head is refused.
HEAD_BYTES = 16 * 1024
#: A larger body is not read, and the application says that it is too large: its own limits are all below.
BODY_BYTES = 512 * 1024

#: Two of a kind could be understood differently by us and by a proxy before us (RFC 9110, 5.3, and RFC 9112, 6.3).
ONCE = (b"host", b"content-length", b"content-type", b"transfer-encoding")
_PADDING = re.compile(rb"[ \t]+")
VERSIONS = (b"HTTP/1.0", b"HTTP/1.1")
SENTENCES = {
    400: "The request cannot be read.",
    431: "The head of the request is too large.",
    500: "Something went wrong here; it has been written to the log.",
    501: "The request is sent in a way that is not known here.",
}


class IncomingRequest(HTTPRequestParser):
    """A request on its way in, stricter than waitress takes it."""

    def received(self, data: bytes) -> int:
        """Take in more of it; returns how many bytes were used."""
        used = super().received(data)
        if self.completed:
            # Nothing more is waited for, whatever the client would wait for.
            self.expect_continue = False
            if isinstance(self.error, RequestEntityTooLarge):
                self._leave_the_body()
        return used

    def parse_header(self, head: bytes) -> None:
        """Read the head. Raises ``ParsingError``, or ``TransferEncodingNotImplemented``."""
        line, *fields = head.split(b"\r\n")
        _refuse_what_is_ambiguous(line, fields)
        try:
            super().parse_header(b"\r\n".join([line, *map(_without_padding, fields)]))
        except ValueError:  # a number of 5000 digits, a bracket without its pair
            raise ParsingError("no number, or no address") from None
        if "close" in (option.strip(" \t").lower() for option in self.headers.get("CONNECTION", "").split(",")):
            # waitress knows the word where it stands alone.
            self.headers["CONNECTION"] = "close"
        if self.proxy_netloc:
            # RFC 9112, 3.2.2: what the line says is what counts, also for who checks under which name we are asked.
            self.headers["HOST"] = self.proxy_netloc

    def _leave_the_body(self) -> None:
        """The application refuses it in words of its own; where it ends nobody knows, so nothing can follow it."""
        self.error = None
        self.headers["CONNECTION"] = "close"
        if self.chunked:
            self.headers["CONTENT_LENGTH"] = str(self.body_bytes_received)


def _refuse_what_is_ambiguous(line: bytes, fields: list[bytes]) -> None:
    """Raises ``ParsingError``. RFC 9112, 3.2 and 6.1; the target is printable ASCII (RFC 3986, 2)."""
    if not all(0x20 <= byte < 0x7F for byte in line):
        raise ParsingError("a target of other letters")
    names = Counter(field.partition(b":")[0].lower() for field in fields)
    if any(names[name] > 1 for name in ONCE):
        raise ParsingError("a field too many")
    version = line.rpartition(b" ")[2]
    if version not in VERSIONS:
        raise ParsingError("another version")
    is_current = version == VERSIONS[-1]
    if names[b"transfer-encoding"] and (names[b"content-length"] or not is_current):
        raise ParsingError("two lengths")
    if is_current and not names[b"host"]:
        raise ParsingError("no host")


def _without_padding(field: bytes) -> bytes:
    """The field with one space where it has many, through which waitress's pattern would go again and again.

    That changes no meaning (RFC 9110, 5.5). Raises ``ParsingError`` for a field that goes on in a next line (RFC 9112,
    5.2).
    """
    if field[:1] in (b" ", b"\t"):
        raise ParsingError("a folded field")
    name, colon, value = field.partition(b":")
    return name + colon + _PADDING.sub(b" ", value.strip(b" \t"))


class Answer(WSGITask):
    """The application's answer. That of a process that is told to end is the last one on its connection."""

    def get_environment(self) -> dict[str, Any]:
        """What the application is told."""
        return super().get_environment() | {"wsgi.multiprocess": True}

    def build_response_header(self) -> bytes:
        """The head of the answer."""
        if self.channel.server.is_ending:
            self.set_close_on_finish()
        return super().build_response_header()


class Refusal(ErrorTask):
    """The answer to what is no request, or to a crash: one sentence, and nothing of what was sent."""

    def execute(self) -> None:
        """Write it."""
        status = HTTPStatus(self.request.error.code)
        body = f"{SENTENCES[status]}\n".encode()
        self.status = f"{status.value} {status.phrase}"
        self.response_headers += [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Cache-Control", "no-store"),
            *self.channel.server.headers_of_refusals,
        ]
        self.set_close_on_finish()
        self.content_length = len(body)  # type: ignore[assignment]  # None before
        self.write(body)
