"""Where each provider gives its keys and tells its prices, what a key needs, and what to know of its works."""

from dataclasses import dataclass

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from providers.kinds import ALLOWED_PROVIDERS, ProviderKind, StageType


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Addresses at a provider's own site."""

    keys: str
    #: What to see to, as whole sentences.
    advice: LazyString
    prices: str = ""
    voices: str = ""
    #: What is to be known of a work that the provider has made.
    of_works: LazyString | str = ""


KEY_PLACES: dict[ProviderKind, KeyPlace] = {
    ProviderKind.YANDEX_GPT: KeyPlace(
        "https://console.yandex.cloud/",
        _("Make a service account with the role ai.languageModels.user, and an API key for it."),
        "https://yandex.cloud/prices",
    ),
    ProviderKind.SPEECHKIT: KeyPlace(
        "https://console.yandex.cloud/",
        _("Make a service account with the role ai.speechkit-tts.user, and an API key for it."),
        "https://yandex.cloud/prices",
        voices="https://yandex.cloud/docs/speechkit/tts/voices",
    ),
    ProviderKind.GEMINI: KeyPlace(
        "https://aistudio.google.com/apikey",
        _("Keys of other Google services do not do."),
        "https://ai.google.dev/pricing",
    ),
    ProviderKind.OPENAI: KeyPlace(
        "https://platform.openai.com/api-keys",
        _("The API is paid apart from ChatGPT: its account needs money of its own."),
        "https://openai.com/api/pricing/",
    ),
    ProviderKind.SUNO: KeyPlace(
        "https://sunoapi.org/api-key",
        _("It is a key of sunoapi.org, not of suno.com. Each song is made twice and paid so; the first one is kept."),
        of_works=_("Suno made two songs; this is the one that was ready first."),
    ),
    ProviderKind.PIKA: KeyPlace(
        "https://dev.pika.art/keys",
        _("It is a key of the Pika API, whose balance is paid in advance."),
        "https://dev.pika.art/billing",
    ),
}


def key_places(stage_type: StageType) -> dict[ProviderKind, KeyPlace]:
    """Those of the providers that ``stage_type`` may be set to."""
    return {kind: KEY_PLACES[kind] for kind in ALLOWED_PROVIDERS[stage_type]}
