"""A server whose answer never ends: a byte comes again and again."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

DRIP_EVERY_SECONDS = 0.05


@contextmanager
def dripping_server(first: bytes, drip: bytes) -> Iterator[tuple[int, threading.Event]]:
    """Its port, and what is set once its only client has hung up. It answers ``first``, and then ``drip`` for ever."""
    closing, hung_up = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError), server.accept()[0] as connection:
                connection.recv(65_536)
                connection.sendall(first)
                while not closing.wait(DRIP_EVERY_SECONDS):
                    connection.sendall(drip)
            hung_up.set()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], hung_up
        finally:
            closing.set()
            # Whom nobody has called goes on waiting for a call.
            with suppress(OSError):
                socket.create_connection(server.getsockname()).close()
            thread.join()
