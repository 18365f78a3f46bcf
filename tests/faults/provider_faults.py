"""What providers do to their callers, by the name of the fault; ``random`` says which of them does."""

from collections.abc import Callable
from random import Random

from providers.kinds import StageType
from tests.emulated_sections import KINDS, PAID_ROUTES
from tests.emulator.server import Emulator

POEM, VOICE, SONG, CLIP = StageType

ProviderFault = Callable[[Emulator, Random], None]


def _anywhere(**features: object) -> ProviderFault:
    def strike(emulator: Emulator, random: Random) -> None:
        room = emulator.rooms[random.choice(list(KINDS.values()))]
        room.fail(times=random.randint(1, 4), **features)

    return strike


def _where_it_is_paid(**features: object) -> ProviderFault:
    def strike(emulator: Emulator, random: Random) -> None:
        stage_type = random.choice(list(StageType))
        emulator.rooms[KINDS[stage_type]].fail(*PAID_ROUTES[stage_type], **features)

    return strike


def _be_slow(emulator: Emulator, random: Random) -> None:
    _where_it_is_paid(delay=random.uniform(2, 6), times=3)(emulator, random)


def _let_links_expire(emulator: Emulator, _: Random) -> None:
    for kind in (KINDS[SONG], KINDS[CLIP]):
        emulator.rooms[kind].fail("file", status=403, body="expired", times=2)


PROVIDER_FAULTS: dict[str, ProviderFault] = {
    "provider_says_429": _anywhere(status=429, body={"error": {"message": "slow down"}}, headers={"Retry-After": "2"}),
    "provider_says_500": _anywhere(status=500, body={"error": {"message": "oops"}}),
    "provider_says_503": _anywhere(status=503, body="<html>Service unavailable</html>"),
    "provider_talks_garbage": _anywhere(status=200, body="<html>welcome to the hotel's network</html>"),
    "provider_says_half": _anywhere(cut_body=True),
    "provider_hangs_up_after_taking_it": _where_it_is_paid(cut=True),
    "provider_is_slow": _be_slow,
    "links_expire": _let_links_expire,
}
