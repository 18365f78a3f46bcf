"""What tests of checks share: keys of the emulated OpenAI, and a section that one of them serves."""

from domain.provider_configs.checks import check
from domain.provider_configs.models import Status
from providers.kinds import ProviderKind, StageType
from tests.builders import save_section, section
from tests.emulator.server import Emulator

POEM = StageType.POEM
OPENAI = ProviderKind.OPENAI
KEY = "sk-fake-first-0123456789-a1b2"
OTHER_KEY = "sk-fake-other-0123456789-c3d4"
WRONG_KEY = "sk-fake-wrong-0123456789-e5f6"


def listed(emulator: Emulator) -> int:
    return len([call for call in emulator.requests if call.route == "models"])


def working_openai() -> None:
    save_section(POEM, OPENAI, api_key=KEY)
    check(POEM)
    assert section().status is Status.ACTIVE
