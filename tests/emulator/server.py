"""The emulated providers behind one port of this machine."""

import threading
from collections.abc import Iterable
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Self
from wsgiref.util import shift_path_info

from flask import Flask
from werkzeug.exceptions import NotFound
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from providers.kinds import ProviderKind
from tests.emulator.gemini import GeminiRoom
from tests.emulator.openai import OpenAIRoom
from tests.emulator.pika import PikaRoom
from tests.emulator.speechkit import SpeechKitRoom
from tests.emulator.state import Book, Call, Charge, Fault, Room, Visit
from tests.emulator.suno import SunoRoom
from tests.emulator.yandex_gpt import YandexGPTRoom

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HOST = "127.0.0.1"
STOP_CHECK_SECONDS = 0.01


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug's name
        """Say nothing: ``Emulator.requests`` has every call."""


class EmulatorServer:
    """One port of this machine with any number of emulators behind it, in a thread of this process; a context manager.

    ``port`` 0 is one of its own choice. To start and stop a server takes ten times as long as to open an emulator.
    """

    def __init__(self, port: int = 0) -> None:
        self._emulators: dict[str, Emulator] = {}
        self._names = count(1)
        self._server: BaseWSGIServer = make_server(
            HOST, port, self._serve, threaded=True, request_handler=_QuietHandler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(STOP_CHECK_SECONDS,), daemon=True)
        self.port = self._server.server_port

    def mount(self, emulator: "Emulator") -> str:
        """Let ``emulator`` answer below an address that no other one has ever had here; returns the address."""
        name = str(next(self._names))
        self._emulators[name] = emulator
        return f"http://{HOST}:{self.port}/{name}"

    def unmount(self, address: str) -> None:
        """Nobody answers at ``address`` any more: whoever asks late gets 404, and is in nobody's ledger."""
        del self._emulators[address.rpartition("/")[2]]

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, error_class: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        name = shift_path_info(environ)
        emulator = self._emulators.get(name or "")
        return emulator.serve(environ, start_response) if emulator else NotFound()(environ, start_response)


class Emulator:
    """The six providers, on ``server`` or on one of their own; a context manager.

    ``ledger`` and ``requests`` are what it charged and what it was asked, oldest first; read them at any time.
    """

    def __init__(self, server: EmulatorServer | None = None) -> None:
        self._server = server or EmulatorServer()
        self._owns_server = server is None
        self._book = Book()
        self.openai = OpenAIRoom(self._book)
        self.gemini = GeminiRoom(self._book)
        self.yandex_gpt = YandexGPTRoom(self._book)
        self.speechkit = SpeechKitRoom(self._book)
        self.suno = SunoRoom(self._book)
        self.pika = PikaRoom(self._book)
        rooms = (self.openai, self.gemini, self.yandex_gpt, self.speechkit, self.suno, self.pika)
        self.rooms: dict[ProviderKind, Room] = {room.kind: room for room in rooms}
        self._apps: dict[str, Flask] = {}
        self._address = self._server.mount(self)

    @property
    def ledger(self) -> list[Charge]:
        """A copy of what has been charged so far."""
        with self._book.lock:
            return list(self._book.ledger)

    @property
    def proofs(self) -> list[Charge]:
        """A copy of the few words that were asked for to see whether a key and a model generate."""
        with self._book.lock:
            return list(self._book.proofs)

    @property
    def requests(self) -> list[Call]:
        """A copy of what has been asked so far."""
        with self._book.lock:
            return list(self._book.requests)

    @property
    def played(self) -> list[tuple[ProviderKind, Fault]]:
        """A copy of the faults that calls have met so far."""
        with self._book.lock:
            return list(self._book.played)

    @property
    def visits(self) -> list[Visit]:
        """A copy of how long each charged call took to be answered."""
        with self._book.lock:
            return list(self._book.visits)

    def base_url(self, kind: ProviderKind) -> str:
        """What to set as the base URL of ``kind``."""
        return f"{self._address}/{kind.lower()}{self.rooms[kind].base_path}"

    def prepare(self, kind: ProviderKind) -> None:
        """Make ready now what is made for the first call otherwise: for callers who are in a hurry."""
        self._app_of(kind.lower())

    def start(self) -> Self:
        if self._owns_server:
            self._server.start()
        return self

    def stop(self) -> None:
        """End every answer that is still on its way, and take no more calls."""
        self._book.closing.set()
        self._server.unmount(self._address)
        if self._owns_server:
            self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, error_class: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Each provider is an application of its own, made when it is called first: most tests call one."""
        return self._app_of(environ["PATH_INFO"].split("/")[1])(environ, start_response)

    def _app_of(self, name: str) -> Flask:
        with self._book.lock:
            if name not in self._apps:
                self._apps[name] = self._app([room for kind, room in self.rooms.items() if kind.lower() == name])
            return self._apps[name]

    def _app(self, rooms: list[Room]) -> Flask:
        app = Flask("tests.emulator")
        # A fault of the emulator itself shows as a traceback, never as a provider's 500.
        app.config["PROPAGATE_EXCEPTIONS"] = True
        app.teardown_request(self._book.end_visit)
        for room in rooms:
            root = room.base_path if room.root_path is None else room.root_path
            app.register_blueprint(room.blueprint(), url_prefix=f"/{room.kind.lower()}{root}")
        return app
