"""How an answer gets to the caller when the fault is in the delivery: late, cut off, or byte by byte."""

import json
import socket
from collections.abc import Iterator

from flask import Response, g, request

from tests.emulator.state import Book, Fault

#: How soon an answer that waits for something else hears that the server stops.
LOOK_SECONDS = 0.2


def answer_of(fault: Fault) -> Response:
    """The answer that ``fault`` gives instead of the route's own: JSON for a dict, else a page of text."""
    body = fault.body
    if isinstance(body, bytes | str):
        response = Response(body, content_type="text/html; charset=utf-8")
    else:
        response = Response(json.dumps(body, ensure_ascii=False), content_type="application/json")
    response.status_code = fault.status or 200
    response.headers.update(fault.headers)
    return response


def deliver(response: Response, book: Book) -> Response:
    """``response`` in the way of the call's fault. Waits end early when the server stops."""
    fault: Fault | None = g.get("fault")
    if fault is None:
        return response  # the caller was killed before it had said all
    if fault.delay:
        book.closing.wait(fault.delay)
    while fault.until is not None and not fault.until.wait(LOOK_SECONDS) and not book.closing.is_set():
        pass
    if not (fault.cut or fault.cut_body or fault.drip):
        return response
    head, body = _on_the_wire(response)
    return Response(_send_raw(request.environ["werkzeug.socket"], head, body, fault, book))


def _send_raw(sock: socket.socket, head: bytes, body: bytes, fault: Fault, book: Book) -> Iterator[bytes]:
    """Write to the connection behind the server's back, then end it: the server itself sends no byte."""
    at_once, slowly = (b"", head + body) if fault.drip_headers else (head, body)
    if fault.cut:
        at_once, slowly = b"", b""
    if fault.cut_body:
        at_once, slowly = head + body[: len(body) // 2], b""
    sock.sendall(at_once)
    for place in range(len(slowly)):
        if book.closing.wait(fault.drip):
            break
        sock.sendall(slowly[place : place + 1])
    sock.shutdown(socket.SHUT_RDWR)
    yield from ()
    raise ConnectionResetError


def _on_the_wire(response: Response) -> tuple[bytes, bytes]:
    body = response.get_data()
    lines = [f"HTTP/1.1 {response.status}", *(f"{name}: {value}" for name, value in response.headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"), body
