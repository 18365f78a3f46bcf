"""``python -m tests.emulator [--port N]``: the emulated providers by hand, until Ctrl-C."""

import argparse
import signal
import threading

from providers.kinds import ProviderKind
from tests.emulator.server import Emulator

#: Name of the key -> the scenario that it plays for ever; None works.
KEYS: dict[str, str | None] = {
    "works": None,
    "revoked": "revoked",
    "may-not-list": "may_not_list",
    "may-not-generate": "may_not_generate",
    "no-credit": "insufficient_quota",
    "region": "region",
    "rate-limited": "rate_limited",
    "refusal": "refusal",
    "overloaded": "overloaded",
    "slow": "slow",
    "lost": "lost",
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    emulator = Emulator(arguments.parse_args().port)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    with emulator:
        print(f"OPENAI_BASE_URL={emulator.base_url(ProviderKind.OPENAI)}")
        for name, scenario in KEYS.items():
            key = emulator.openai.add_key(name, f"sk-emulated-{name}-0123456789abcdef", scenario=scenario)
            print(f"  {key.secret:<48} {scenario or 'works'}")
        print("Any other key is refused. Ctrl-C ends it.", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
