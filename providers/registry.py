"""Which adapter speaks to which provider. A new vendor is one line here."""

from typing import TypeAlias

from providers.base import Credentials, InstantProvider, JobProvider, Provider
from providers.dummy.adapter import Dummy
from providers.gemini.adapter import Gemini
from providers.kinds import ProviderKind
from providers.openai.adapter import OpenAI
from providers.pika.adapter import Pika
from providers.speechkit.adapter import SpeechKit
from providers.suno.adapter import Suno
from providers.yandex_gpt.adapter import YandexGPT

Adapter: TypeAlias = type[InstantProvider] | type[JobProvider]

INSTANT_ADAPTERS: dict[ProviderKind, type[InstantProvider]] = {
    ProviderKind.DUMMY: Dummy,
    ProviderKind.OPENAI: OpenAI,
    ProviderKind.GEMINI: Gemini,
    ProviderKind.YANDEX_GPT: YandexGPT,
    ProviderKind.SPEECHKIT: SpeechKit,
}
JOB_ADAPTERS: dict[ProviderKind, type[JobProvider]] = {
    ProviderKind.SUNO: Suno,
    ProviderKind.PIKA: Pika,
}
ADAPTERS: dict[ProviderKind, Adapter] = {**INSTANT_ADAPTERS, **JOB_ADAPTERS}


def has_adapter(kind: ProviderKind) -> bool:
    """Whether this release can speak to ``kind``."""
    return kind in ADAPTERS


def needs_key(kind: ProviderKind) -> bool:
    """Whether ``kind`` is of no use without a key."""
    return kind is not ProviderKind.DUMMY


def runs_jobs(kind: ProviderKind) -> bool:
    """Whether ``kind`` takes jobs and is asked about them, instead of answering at once."""
    return kind in JOB_ADAPTERS


def open_provider(kind: ProviderKind, credentials: Credentials) -> Provider:
    """An adapter for questions about key and models. Raises ``KeyError`` for a kind without; see ``has_adapter``."""
    return ADAPTERS[kind](credentials)


def open_instant_provider(kind: ProviderKind, credentials: Credentials) -> InstantProvider:
    """An adapter for one generation. Raises ``KeyError`` for a kind that runs jobs."""
    return INSTANT_ADAPTERS[kind](credentials)


def open_job_provider(kind: ProviderKind, credentials: Credentials) -> JobProvider:
    """An adapter for one submit or one look. Raises ``KeyError`` for a kind that answers at once; see ``runs_jobs``."""
    return JOB_ADAPTERS[kind](credentials)
