"""The emulator, and every adapter that needs a key, opened there."""

import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.base import Credentials
from providers.errors import ProviderError
from providers.gemini.adapter import Gemini
from providers.kinds import ProviderKind
from providers.openai import adapter
from providers.openai.adapter import OpenAI
from providers.registry import runs_jobs
from providers.yandex_gpt.adapter import YandexGPT
from tests.emulator.gemini import GeminiRoom
from tests.emulator.jobs import JobRoom
from tests.emulator.openai import OpenAIRoom
from tests.emulator.server import Emulator, EmulatorServer
from tests.emulator.state import Room
from tests.emulator.yandex_gpt import YandexGPTRoom
from tests.providers.wires import CALLS, CANARY, JOB_ID, POEM, RECIPIENT, VOICE, WIRES, AnyProvider, Call, OpenAt, Wire

#: Test modules take these from here as well.
__all__ = ["CANARY", "POEM", "RECIPIENT", "VOICE"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot be.

    A list that is no call, being the documentation's, does not fail like one; one for everybody says nothing about a
    key; only a job can be looked at.
    """
    items[:] = [item for item in items if not _cannot_be(item)]


def _cannot_be(item: pytest.Item) -> bool:
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    wire, asked = params.get("wire"), params.get("call") or params.get("keyed_call")
    if not isinstance(wire, Wire):
        return False
    if asked is CALLS["list_models"]:
        return not wire.adapter.lists_models or (wire.lists_in_public and "keyed_call" in params)
    return asked is CALLS["poll"] and not runs_jobs(wire.kind)


@pytest.fixture
def emulator(emulator_server: EmulatorServer) -> Iterator[Emulator]:
    with Emulator(emulator_server) as running:
        yield running


@pytest.fixture(params=list(WIRES.values()), ids=list(WIRES))
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Wire:
    chosen: Wire = request.param
    if chosen.at_the_vendor:
        monkeypatch.setattr(chosen.at_the_vendor, lambda _: True)
    return chosen


@pytest.fixture
def room(emulator: Emulator, wire: Wire) -> Room:
    """The adapter's provider, with a key that works, and with a job of it where it runs jobs."""
    room = emulator.rooms[wire.kind]
    emulator.prepare(wire.kind)
    key = room.add_key("canary", CANARY)
    if isinstance(room, JobRoom):
        room.job_seconds = 0
        room.open_job(key, JOB_ID)
    return room


@pytest.fixture
def open_at(wire: Wire) -> OpenAt:
    """Open the adapter at a base URL of the test's own."""

    def open_adapter(base_url: str, key: str = CANARY) -> AnyProvider:
        return wire.adapter(Credentials(key, base_url))

    return open_adapter


@pytest.fixture
def provider(open_at: OpenAt, emulator: Emulator, wire: Wire, room: Room) -> AnyProvider:
    """The adapter at the emulator, with a key that works."""
    return open_at(emulator.base_url(wire.kind))


@pytest.fixture(params=list(CALLS.values()), ids=list(CALLS))
def call(request: pytest.FixtureRequest, wire: Wire) -> Call:
    """Make one of the calls of ``CALLS``."""
    return lambda provider: request.param(provider, wire.request)


@pytest.fixture(params=list(CALLS.values()), ids=list(CALLS))
def keyed_call(request: pytest.FixtureRequest, wire: Wire) -> Call:
    """Make one of the calls of ``CALLS`` that need a key."""
    return lambda provider: request.param(provider, wire.request)


@pytest.fixture
def openai_room(emulator: Emulator) -> OpenAIRoom:
    emulator.openai.add_key("canary", CANARY)
    return emulator.openai


@pytest.fixture
def gateway(emulator: Emulator, openai_room: OpenAIRoom) -> OpenAI:
    return OpenAI(Credentials(CANARY, emulator.base_url(ProviderKind.OPENAI)))


@pytest.fixture
def vendor(emulator: Emulator, openai_room: OpenAIRoom, monkeypatch: pytest.MonkeyPatch) -> OpenAI:
    monkeypatch.setattr(adapter, "is_the_vendors_own", lambda _: True)
    return OpenAI(Credentials(CANARY, emulator.base_url(ProviderKind.OPENAI)))


@pytest.fixture(params=["vendor", "gateway"])
def openai_provider(request: pytest.FixtureRequest) -> OpenAI:
    chosen: OpenAI = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def gemini_room(emulator: Emulator) -> GeminiRoom:
    emulator.gemini.add_key("canary", CANARY)
    return emulator.gemini


@pytest.fixture
def gemini(emulator: Emulator, gemini_room: GeminiRoom) -> Gemini:
    return Gemini(Credentials(CANARY, emulator.base_url(ProviderKind.GEMINI)))


@pytest.fixture
def yandex_room(emulator: Emulator) -> YandexGPTRoom:
    emulator.yandex_gpt.add_key("canary", CANARY)
    return emulator.yandex_gpt


@pytest.fixture
def yandex(emulator: Emulator, yandex_room: YandexGPTRoom) -> YandexGPT:
    return YandexGPT(Credentials(CANARY, emulator.base_url(ProviderKind.YANDEX_GPT)))


SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> Any:
    """A recorded answer: ``openai/response``."""
    return json.loads((SAMPLES / f"{name}.json").read_text())


def words_of(error: BaseException) -> str:
    """All that a log, a row or a report could take from ``error``."""
    trace = "".join(traceback.format_exception(error))
    return f"{error} {error!r} {error.args} {vars(error)} {trace}"


def assert_tells_nothing(error: ProviderError) -> None:
    words = words_of(error)
    assert CANARY not in words
    assert RECIPIENT not in words
    assert "флоксы" not in words
    assert error.__cause__ is None
    assert error.__context__ is None
