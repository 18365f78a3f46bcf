"""Sections that the emulated providers serve, and orders of a single work."""

from domain.orders.models import Order
from domain.provider_configs.checks import check
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, save_section
from tests.emulator.server import Emulator

POEM, VOICE, SONG, CLIP = StageType
#: Who serves what, where a test does not say otherwise.
KINDS = {
    POEM: ProviderKind.OPENAI,
    VOICE: ProviderKind.SPEECHKIT,
    SONG: ProviderKind.SUNO,
    CLIP: ProviderKind.PIKA,
}
#: Where a work is ordered, and so paid.
PAID_ROUTES = {POEM: ("responses", "chat"), VOICE: ("v1", "v3"), SONG: ("generate",), CLIP: ("submit",)}
KEY = "sk-fake-first-0123456789-a1b2"
OWN_POEM = "Море шумит, и Анна поёт."


def works_with(stage_type: StageType, emulator: Emulator) -> int:
    """Let the section work; returns how many charges there are by now, as some checks cost."""
    emulator.rooms[KINDS[stage_type]].add_key("first", KEY)
    save_section(stage_type, KINDS[stage_type], api_key=KEY)
    check(stage_type)
    return len(emulator.ledger)


def order_of(stage_type: StageType) -> Order:
    """An order of one work, with a poem of the customer's own where it needs one."""
    return place_order(frozenset({stage_type}), poem=None if stage_type is POEM else OWN_POEM)
