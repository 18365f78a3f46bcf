"""Which adapter speaks to which provider. A new vendor is one line here."""

from providers.base import Credentials, InstantProvider
from providers.dummy import Dummy
from providers.kinds import ProviderKind
from providers.openai import OpenAI

ADAPTERS: dict[ProviderKind, type[InstantProvider]] = {
    ProviderKind.DUMMY: Dummy,
    ProviderKind.OPENAI: OpenAI,
}


def has_adapter(kind: ProviderKind) -> bool:
    """Whether this release can speak to ``kind``."""
    return kind in ADAPTERS


def needs_key(kind: ProviderKind) -> bool:
    """Whether ``kind`` is of no use without a key."""
    return kind is not ProviderKind.DUMMY


def open_provider(kind: ProviderKind, credentials: Credentials) -> InstantProvider:
    """An adapter for one call. Raises ``KeyError`` for a kind without one; see ``has_adapter``."""
    return ADAPTERS[kind](credentials)
