"""What a provider is to the rest of the house: plain data in, plain data out.

Credentials and requests are frozen; results carry no vendor's shapes. Adapters are plain classes that
fit the Protocols below; the contract suite in ``tests/providers`` makes the promises true.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from providers.errors import ProviderError
from providers.kinds import ProviderKind, StageType


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key in clear, for the length of one call. Prints itself without the key."""

    api_key: str = field(repr=False)
    base_url: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What the customer asked for, in their words. ``language`` is ``ru`` or ``en``."""

    recipient: str
    occasion: str
    details: str
    tone: str
    language: str


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One work to make.

    POEM: ``instructions`` (the system part) and ``prompt`` (the user part) say what to write.
    VOICE, SONG, CLIP: ``poem`` is the text to read, to sing or to film.
    ``token`` is our own id of this attempt, sent as idempotency key where a provider takes one.
    ``callback_url`` is where a provider of jobs may say that one has ended; always a valid URL, even where nobody
    listens, because some providers insist on one.
    """

    stage_type: StageType
    model: str
    brief: Brief
    token: str
    instructions: str = ""
    prompt: str = ""
    poem: str = ""
    callback_url: str = ""


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """A finished work: ``text``, or ``media`` bytes with their MIME type, never both.

    ``usage`` holds the provider's own counts under our names: ``input_tokens``, ``output_tokens``,
    ``total_tokens``, ``characters``, ``seconds``, ``micro_usd``, as far as it reports them.
    """

    model: str
    text: str | None = None
    media: bytes | None = field(default=None, repr=False)
    content_type: str = "text/plain"
    request_id: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a provider allows to one account at the most, by its own words; None where it names no limit.

    ``calls`` of all kinds together in any ``seconds``; ``jobs`` are works that it makes at the same time.
    """

    calls: int | None = None
    seconds: float = 1
    jobs: int | None = None


class Model(str):
    """The id of a model as its provider lists it, and the day on which that one stops serving it, where it says so."""

    retires_on: date | None

    def __new__(cls, model_id: str, retires_on: date | None = None) -> "Model":
        model = super().__new__(cls, model_id)
        model.retires_on = retires_on
        return model


class Proof(StrEnum):
    """What shows that a key and a model generate, as cheaply as the provider allows."""

    #: A text of a few tokens, far below a cent.
    TEXT = "text"
    #: One spoken character.
    CHARACTER = "character"
    #: The balance, which is free to ask for. It does not show what one work costs.
    BALANCE = "balance"
    #: Nothing has to be shown.
    NONE = "none"


#: What a model is asked for where the proof is a text, and how long the answer may be, in tokens: the least that all
#: providers of texts take (OpenAI's Responses refuse less than 16).
PROOF_PROMPT = "Say hello."
PROOF_TOKENS = 16


class Provider(Protocol):
    """What every adapter is: made anew for each call from ``Credentials``, and thrown away after it."""

    kind: ClassVar[ProviderKind]
    #: Whether a generation costs money: decides what a lost answer means.
    paid: ClassVar[bool]
    #: What all our workers together may ask of it.
    limits: ClassVar[Limits]
    #: Whether ``list_models`` asks the provider, or returns the list of its documentation.
    lists_models: ClassVar[bool]
    #: What ``prove`` does, and so costs.
    proof: ClassVar[Proof]

    def __init__(self, credentials: Credentials) -> None: ...

    def check_key(self, stage_type: StageType) -> float | None:
        """Make one authenticated call, free where the provider has one; return if the key is accepted.

        Returns what is left on the account in the provider's own unit, where the call tells that.
        Raises a ``SettingsError`` that names the refusal, or a ``TransientError`` when nothing was learnt.
        """

    def prove(self, stage_type: StageType, model: str) -> float | None:
        """Show that this key generates with ``model``: as ``check_key``, and as ``proof`` says what it costs.

        Safe to repeat. Returns and raises like ``check_key``; a ``ContentError`` says what the provider has against
        the few words that it was given.
        """

    def list_models(self, stage_type: StageType) -> tuple[str, ...]:
        """The ids of the models that this key can use for ``stage_type``, in the order to show them.

        Of a provider that names the days on which models end, they are ``Model``.

        Raises like ``check_key``; ``InvalidResponse`` when the list cannot be read. Never returns half a list.
        """


class InstantProvider(Provider, Protocol):
    """A provider that answers a generation in the call that asks for it."""

    def generate(self, request: GenerationRequest) -> GenerationResult:
        """Make the work. One request to the provider at most, never repeated inside (see ``OutcomeUnknown``).

        Raises a ``ProviderError``; the error carries no word of the request.
        """


@dataclass(frozen=True, slots=True)
class Ticket:
    """A job that the provider has taken: its id there, to be stored before anything else is done."""

    job_id: str
    model: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class MediaLink:
    """Where a finished file lies for a while. Fetched without the provider's key, whatever host it names."""

    url: str = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How a job stands: running while neither ``media`` nor ``error`` is set.

    ``error`` is what ended it, as the errors of ``submit`` are; ``charged`` whether the provider keeps the money of a
    job that ended so. ``usage`` as in ``GenerationResult``.
    """

    media: MediaLink | None = None
    error: ProviderError | None = None
    charged: bool = False
    usage: Mapping[str, Any] = field(default_factory=dict)


class JobProvider(Provider, Protocol):
    """A provider that takes a job, and is asked about it until it has ended."""

    #: Whether a submit that is sent again with the same ``token`` and body gives the same job, and one charge.
    idempotent_submit: ClassVar[bool]
    #: Whether it calls the ``callback_url`` of a request when its job has ended.
    calls_back: ClassVar[bool]
    #: When such a job is usually done, in seconds after its submit: when to look first.
    usual_seconds: ClassVar[float]
    #: When a job that still runs is given up, in seconds after its submit.
    longest_seconds: ClassVar[float]

    @staticmethod
    def job_id_in(body: object) -> str | None:
        """The job that a call of the provider's to us names, or None. Whoever asks must not believe it."""

    @staticmethod
    def is_progress(body: object) -> bool:
        """Whether a call of the provider's to us only says that the job is under way: no look is worth while."""

    def submit(self, request: GenerationRequest) -> Ticket:
        """Hand the job over. One request to the provider, never repeated inside (see ``OutcomeUnknown``).

        Raises a ``ProviderError``; ``OutcomeUnknown`` and ``InvalidResponse`` mean that the job may run and be charged.
        """

    def poll(self, job_id: str) -> JobStatus:
        """Look once; free and repeatable. Raises a ``ProviderError`` when the look itself failed.

        ``JobUnknown`` when the provider knows no such job.
        """
