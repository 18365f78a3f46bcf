"""``python -m tests.emulator [--port N]``: the emulated providers by hand, until Ctrl-C."""

import argparse
import signal
import threading

from providers.kinds import ProviderKind
from tests.emulator.server import Emulator, EmulatorServer

#: By provider: name of the key -> the scenario that it plays for ever; None works.
KEYS: dict[ProviderKind, dict[str, str | None]] = {
    ProviderKind.OPENAI: {
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
    },
    ProviderKind.GEMINI: {
        "works": None,
        "revoked": "revoked",
        "leaked": "leaked",
        "restricted": "service_blocked",
        "no-credit": "prepaid_429",
        "daily-quota": "daily_quota",
        "region": "region",
        "rate-limited": "rate_limited",
        "blocked": "prompt_blocked",
        "overloaded": "overloaded",
        "slow": "slow",
        "lost": "lost",
    },
    ProviderKind.YANDEX_GPT: {
        "works": None,
        "revoked": "revoked",
        "no-role": "denied",
        "nobodys-list": "placeholder_list",
        "too-many-at-a-time": "gauge",
        "rate-limited": "rate_limited",
        "blocked": "content_filter",
        "polite-refusal": "polite_refusal",
        "overloaded": "overloaded",
        "slow": "slow",
        "lost": "lost",
    },
    ProviderKind.SPEECHKIT: {
        "works": None,
        "revoked": "revoked",
        "no-role": "no_role",
        "rate-limited": "rate_limited",
        "overloaded": "overloaded",
        "not-audio": "not_audio",
        "slow": "slow",
        "lost": "lost",
    },
    ProviderKind.SUNO: {
        "works": None,
        "revoked": "revoked",
        "no-credit": "no_credit",
        "rate-limited": "rate_limited",
        "maintenance": "maintenance",
        "blocked": "blocked",
        "fails": "failed",
        "callback-exception": "callback_exception",
        "slow-job": "slow_job",
        "slow": "slow",
        "lost": "lost",
    },
    ProviderKind.PIKA: {
        "works": None,
        "revoked": "revoked",
        "no-credit": "no_credit",
        "no-membership": "no_membership",
        "too-many-jobs": "too_many_jobs",
        "unavailable": "unavailable",
        "blocked": "fails_content_moderation",
        "fails": "fails_provider_error",
        "slow-job": "slow_job",
        "slow": "slow",
        "lost": "lost",
    },
}
#: Of a provider that is not named above.
ONE_KEY: dict[str, str | None] = {"works": None}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    server = EmulatorServer(arguments.parse_args().port)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    with server, Emulator(server) as emulator:
        for kind, room in emulator.rooms.items():
            print(f"{kind}_BASE_URL={emulator.base_url(kind)}")
            for name, scenario in KEYS.get(kind, ONE_KEY).items():
                key = room.add_key(name, f"sk-emulated-{name}-0123456789abcdef", scenario=scenario)
                print(f"  {key.secret:<48} {scenario or 'works'}")
        print("Any other key is refused. Ctrl-C ends it.", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
