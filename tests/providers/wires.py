"""What the contract suite asks of every adapter, and every way in which an adapter speaks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from providers.base import Brief, GenerationRequest, InstantProvider, JobProvider
from providers.errors import CreditExhausted, PermissionMissing, ProviderError
from providers.gemini.adapter import Gemini
from providers.kinds import ProviderKind, StageType
from providers.openai.adapter import OpenAI
from providers.pika.adapter import Pika
from providers.registry import runs_jobs
from providers.speechkit.adapter import SpeechKit
from providers.suno.adapter import Suno
from providers.yandex_gpt.adapter import YandexGPT
from tests.emulator.yandex_gpt_answers import FOLDER

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


VOICE = GenerationRequest(
    stage_type=StageType.VOICE,
    model="marina",
    brief=POEM.brief,
    token="6a1f0e3c-0f0e-4c52-9c55-0f2f3a1b2c3d",
    poem=f"{RECIPIENT}, с юбилеем!\nЦветут в саду флоксы.",
)


SONG = replace(
    VOICE, stage_type=StageType.SONG, model="V6", callback_url="https://quatrain.example/callbacks/3f1c8a5e9b7d"
)
CLIP = replace(SONG, stage_type=StageType.CLIP, model="pika/pika-2.5/text-to-video")

#: A job that each provider of jobs has when a test begins.
JOB_ID = "5c79be8e0f2b4f4e9b0d1a2b3c4d5e6f"


class TimedProvider(InstantProvider, Protocol):
    """An adapter over HTTP: how many seconds a whole answer may take."""

    check_seconds: ClassVar[float]
    generation_seconds: ClassVar[float]


class TimedJobProvider(JobProvider, Protocol):
    """The same of an adapter that runs jobs."""

    check_seconds: ClassVar[float]
    generation_seconds: ClassVar[float]


#: A test of the contract does not care which of the two it has; ``make`` does.
AnyProvider = Any
Call = Callable[[AnyProvider], Any]
OpenAt = Callable[..., AnyProvider]


@dataclass(frozen=True)
class Wire:
    """One adapter and one way in which it speaks.

    ``at_the_vendor`` is the function that has to take the emulator for the vendor's own host, where there is one.
    ``without_credit``: what a generation for an account without money raises. ``size_limit`` names the limit
    in ``providers.http.client`` that its answers have.
    """

    adapter: type[TimedProvider] | type[TimedJobProvider]
    request: GenerationRequest
    generate_route: str
    at_the_vendor: str = ""
    without_credit: type[ProviderError] = CreditExhausted
    size_limit: str = "MAX_BODY_BYTES"
    #: Whether the vendor takes an id of ours.
    sends_token: bool = True
    #: The statuses that leave open whether a generation was carried out, and charged.
    lost_by: frozenset[int] = frozenset()
    #: Whether an answer carries the vendor's own id of the call.
    names_calls: bool = True
    #: Whether the list of models is there for everybody, key or none.
    lists_in_public: bool = False

    @property
    def kind(self) -> ProviderKind:
        return self.adapter.kind


#: What a provider of jobs says, or something before it, that may have taken the job.
LOST_BY = frozenset({500, 502, 504})

WIRES = {
    "openai": Wire(OpenAI, POEM, "responses", at_the_vendor="providers.openai.adapter.is_the_vendors_own"),
    "openai-gateway": Wire(OpenAI, POEM, "chat"),
    "gemini": Wire(Gemini, replace(POEM, model="gemini-2.5-flash"), "generate", sends_token=False),
    # It has no word of its own for an account without money.
    "yandex-gpt": Wire(
        YandexGPT,
        replace(POEM, model=f"gpt://{FOLDER}/yandexgpt/latest"),
        "chat",
        without_credit=PermissionMissing,
        lost_by=frozenset({504}),
    ),
    # Its answer to an account without money is the one to a key without rights.
    "speechkit-v1": Wire(SpeechKit, VOICE, "v1", without_credit=PermissionMissing, size_limit="MAX_MEDIA_BYTES"),
    "speechkit-v3": Wire(
        SpeechKit,
        replace(VOICE, model="dasha"),
        "v3",
        without_credit=PermissionMissing,
        size_limit="MAX_MEDIA_BYTES",
    ),
    "suno": Wire(Suno, SONG, "generate", sends_token=False, lost_by=LOST_BY, names_calls=False),
    "pika": Wire(Pika, CLIP, "submit", lost_by=LOST_BY, lists_in_public=True),
}


def make(provider: AnyProvider, request: GenerationRequest) -> Any:
    """Order the work: a ``GenerationResult``, or the ``Ticket`` of a job."""
    return provider.submit(request) if runs_jobs(provider.kind) else provider.generate(request)


#: Everything that an adapter can be asked, by name.
CALLS: dict[str, Callable[[AnyProvider, GenerationRequest], Any]] = {
    "check_key": lambda provider, request: provider.check_key(request.stage_type),
    "prove": lambda provider, request: provider.prove(request.stage_type, request.model),
    "list_models": lambda provider, request: provider.list_models(request.stage_type),
    "generate": make,
    "poll": lambda provider, _: provider.poll(JOB_ID),
}
