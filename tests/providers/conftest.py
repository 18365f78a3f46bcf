"""The emulator, and every adapter that needs a key, each with the names of its routes there."""

import json
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest

from providers import openai
from providers.base import Brief, Credentials, GenerationRequest, GenerationResult, InstantProvider
from providers.errors import ProviderError
from providers.kinds import ProviderKind, StageType
from providers.openai import OpenAI
from tests.emulator.openai import OpenAIRoom
from tests.emulator.server import Emulator
from tests.emulator.state import Room

#: Looks like a key, and must be found nowhere but in the header that carries it.
CANARY = "sk-canary-4f9d2c7b1e8a6053"
RECIPIENT = "Аделаида Семёновна"

POEM = GenerationRequest(
    stage_type=StageType.POEM,
    model="gpt-4.1",
    brief=Brief(recipient=RECIPIENT, occasion="юбилей", details="любит флоксы", tone="warm", language="ru"),
    token="6a1f0e3c-attempt-1",
    instructions="Ты пишешь стихи к праздникам.",
    prompt=f"Кому: {RECIPIENT}\nПовод: юбилей\nО нём: любит флоксы",
)


class TimedProvider(InstantProvider, Protocol):
    """An adapter over HTTP: how many seconds a whole answer may take."""

    check_seconds: ClassVar[float]
    generation_seconds: ClassVar[float]


Call = Callable[[InstantProvider], Any]
OpenAt = Callable[..., InstantProvider]


@dataclass(frozen=True)
class Wire:
    """One adapter and one way in which it speaks.

    ``at_the_vendor`` is the function that has to take the emulator for the vendor's own host, where there is one.
    """

    adapter: type[TimedProvider]
    request: GenerationRequest
    generate_route: str
    at_the_vendor: str = ""

    @property
    def kind(self) -> ProviderKind:
        return self.adapter.kind


WIRES = {
    "openai": Wire(OpenAI, POEM, "responses", at_the_vendor="providers.openai.is_the_vendors_own"),
    "openai-gateway": Wire(OpenAI, POEM, "chat"),
}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture(params=list(WIRES.values()), ids=list(WIRES))
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Wire:
    chosen: Wire = request.param
    if chosen.at_the_vendor:
        monkeypatch.setattr(chosen.at_the_vendor, lambda _: True)
    return chosen


@pytest.fixture
def room(emulator: Emulator, wire: Wire) -> Room:
    """The adapter's provider, with a key that works."""
    emulator.rooms[wire.kind].add_key("canary", CANARY)
    return emulator.rooms[wire.kind]


@pytest.fixture
def open_at(wire: Wire) -> Callable[..., InstantProvider]:
    """Open the adapter at a base URL of the test's own."""

    def open_adapter(base_url: str, key: str = CANARY) -> InstantProvider:
        return wire.adapter(Credentials(key, base_url))

    return open_adapter


@pytest.fixture
def provider(open_at: Callable[..., InstantProvider], emulator: Emulator, wire: Wire, room: Room) -> InstantProvider:
    """The adapter at the emulator, with a key that works."""
    return open_at(emulator.base_url(wire.kind))


#: Everything that an adapter can be asked, by name.
CALLS: dict[str, Callable[[InstantProvider, GenerationRequest], Any]] = {
    "check_key": lambda provider, request: provider.check_key(request.stage_type),
    "list_models": lambda provider, request: provider.list_models(request.stage_type),
    "generate": lambda provider, request: provider.generate(request),
}


@pytest.fixture(params=list(CALLS.values()), ids=list(CALLS))
def call(request: pytest.FixtureRequest, wire: Wire) -> Callable[[InstantProvider], GenerationResult | None]:
    """Make one of the calls of ``CALLS``."""
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
    monkeypatch.setattr(openai, "is_the_vendors_own", lambda _: True)
    return OpenAI(Credentials(CANARY, emulator.base_url(ProviderKind.OPENAI)))


@pytest.fixture(params=["vendor", "gateway"])
def openai_provider(request: pytest.FixtureRequest) -> OpenAI:
    chosen: OpenAI = request.getfixturevalue(request.param)
    return chosen


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
