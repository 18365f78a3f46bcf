"""Everything that an adapter can be asked, with what its provider answers when all is well."""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from unittest import mock

import requests

from providers.base import Credentials
from providers.http.download import download
from providers.kinds import ProviderKind
from providers.openai.adapter import OpenAI
from providers.registry import runs_jobs
from tests.emulator.jobs import JobRoom
from tests.emulator.server import Emulator
from tests.hostile_providers.server import Asked, HostileServer, Pieces
from tests.providers.wires import CALLS, CANARY, JOB_ID, WIRES, AnyProvider, Wire


@dataclass(frozen=True)
class Good:
    """One answer: status, headers and body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def sent(self, body: bytes | None = None) -> bytes:
        """The answer as it goes over the wire, or another ``body`` in its place."""
        body = self.body if body is None else body
        lines = [f"HTTP/1.1 {self.status} Said", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body


@dataclass(frozen=True)
class Operation:
    """One call of one adapter, with the answers that it takes, in their order."""

    wire_name: str
    call_name: str
    good: tuple[Good, ...]

    @property
    def name(self) -> str:
        return f"{self.wire_name} {self.call_name}"

    @property
    def wire(self) -> Wire:
        return WIRES[self.wire_name]

    @property
    def is_paid(self) -> bool:
        """Whether a success of it has been charged."""
        return self.call_name == "generate"

    @property
    def seconds(self) -> float:
        """How long it may take, by its adapter."""
        adapter = self.wire.adapter
        return adapter.generation_seconds if self.is_paid else adapter.check_seconds

    def call(self, server: HostileServer, answers: Sequence[Pieces], key: str = CANARY) -> object:
        """Make the call of a provider that gives ``answers``, the last one to all that is asked after it."""
        left = list(answers)
        server.respond = lambda _: left.pop(0) if len(left) > 1 else left[0]
        provider = self._open(server.url, key)
        return CALLS[self.call_name](provider, self.wire.request)

    def _open(self, base_url: str, key: str) -> AnyProvider:
        vendor = self.wire.at_the_vendor
        with mock.patch(vendor, return_value=True) if vendor else nullcontext():
            return self.wire.adapter(Credentials(key, base_url))


def _calls_of(wire: Wire) -> list[str]:
    left_out = {"list_models"} if not wire.adapter.lists_models else set()
    return [name for name in CALLS if name not in left_out | (set() if runs_jobs(wire.kind) else {"poll"})]


def record() -> list[Operation]:
    """Ask the emulated providers everything once, and keep what they answer."""
    with Emulator() as emulator:
        return [_record(emulator, name, wire, call) for name, wire in WIRES.items() for call in _calls_of(wire)]


def _record(emulator: Emulator, name: str, wire: Wire, call: str) -> Operation:
    room, base_url = emulator.rooms[wire.kind], emulator.base_url(wire.kind)
    key = room.add_key("canary", CANARY)
    if isinstance(room, JobRoom):
        room.job_seconds = 0
        room.open_job(key, JOB_ID)
    heard: list[Good] = []

    def relay(asked: Asked) -> Pieces:
        headers = {name: value for name, value in asked.headers.items() if name not in ("host", "accept-encoding")}
        answer = requests.request(asked.method, base_url + asked.path, headers=headers, data=asked.body, timeout=10)
        kept = tuple(
            (name, value) for name, value in answer.headers.items() if name.lower().startswith(("x-", "content-type"))
        )
        heard.append(Good(answer.status_code, kept, answer.content))
        return [heard[-1].sent()]

    with HostileServer(relay) as server:
        CALLS[call](Operation(name, call, ())._open(server.url, CANARY), wire.request)
    return Operation(name, call, tuple(heard))


class Download(Operation):
    """A finished file that is fetched."""

    @property
    def seconds(self) -> float:
        return OpenAI.check_seconds

    def call(self, server: HostileServer, answers: Sequence[Pieces], key: str = CANARY) -> object:
        """Fetch the file from a host that gives ``answers``."""
        server.respond = lambda _: answers[0]
        link, kind = f"{server.url}/file", ProviderKind.SUNO
        return download(link, io.BytesIO(), kind=kind, medium="audio", base_url=server.url, seconds=self.seconds)


#: Some ten seconds that nothing but their beginning makes a recording.
FILE = Good(200, (("Content-Type", "audio/mpeg"), ("ETag", '"one"')), b"ID3" + bytes(20_000))
DOWNLOAD = Download("a file", "download", (FILE,))


def refusals() -> list[Operation]:
    """Each provider's refusals, by the emulator's scenarios, as answers to a call that makes a work."""
    with Emulator() as emulator:
        rooms = dict(emulator.rooms)
    found = []
    for name, wire in WIRES.items():
        for _, fault in rooms[wire.kind].scenarios.values():
            if fault.status and fault.status >= 400 and isinstance(fault.body, dict):
                headers = tuple((header, str(value)) for header, value in fault.headers.items())
                found.append(
                    Operation(name, "generate", (Good(fault.status, headers, json.dumps(fault.body).encode()),))
                )
    return found


@contextmanager
def hurried(seconds: float) -> Iterator[None]:
    """Every adapter waits for nothing longer than ``seconds``."""
    with ExitStack() as stack:
        for adapter in {wire.adapter for wire in WIRES.values()}:
            for limit in ("check_seconds", "generation_seconds"):
                stack.enter_context(mock.patch.object(adapter, limit, seconds))
        yield
