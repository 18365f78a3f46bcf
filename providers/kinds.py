"""The two enums that everything else reads, and which provider may serve which stage."""

from enum import StrEnum


class StageType(StrEnum):
    """The four kinds of work that an order can ask for."""

    POEM = "POEM"
    VOICE = "VOICE"
    SONG = "SONG"
    CLIP = "CLIP"


class ProviderKind(StrEnum):
    """Every provider that a section can be set to."""

    YANDEX_GPT = "YANDEX_GPT"
    SPEECHKIT = "SPEECHKIT"
    SUNO = "SUNO"
    PIKA = "PIKA"
    DUMMY = "DUMMY"
    GEMINI = "GEMINI"
    OPENAI = "OPENAI"


ALLOWED_PROVIDERS: dict[StageType, tuple[ProviderKind, ...]] = {
    StageType.POEM: (ProviderKind.YANDEX_GPT, ProviderKind.GEMINI, ProviderKind.OPENAI),
    StageType.VOICE: (ProviderKind.SPEECHKIT,),
    StageType.SONG: (ProviderKind.SUNO,),
    StageType.CLIP: (ProviderKind.PIKA,),
}


def allowed_providers(stage_type: StageType, *, dummy: bool) -> tuple[ProviderKind, ...]:
    """The providers that ``stage_type`` may be set to; DUMMY serves every stage where it is switched on."""
    return ALLOWED_PROVIDERS[stage_type] + ((ProviderKind.DUMMY,) if dummy else ())


def makes_samples(kind: ProviderKind | None) -> bool:
    """Whether what ``kind`` makes is a sample, and nothing to be sold."""
    return kind is ProviderKind.DUMMY
