"""``python -m tests.browser.report``: barriers, complaints and weight of every page in every state, as a table.

Both languages, desktop and phone, light and dark. Takes a minute or two; needs Chromium.
"""

import tempfile
from pathlib import Path

import tests.machine_environment  # noqa: F401  # clears the environment before the rest of ours is imported
from tests.browser.conftest import open_chromium, sign_in, system_env
from tests.browser.inspection import Look, look_at
from tests.browser.states import states_of
from tests.emulator.server import Emulator
from tests.running_system import RunningSystem

LOOKS = [Look(language, device) for language in ("ru", "en") for device in ("desktop", "phone")]
HEAD = "| page | axe violations | console and CSP complaints | requests to other hosts | kB, heaviest |"


def main() -> None:
    """Print the table, a row for each state, as Markdown."""
    print(HEAD, "|---|---|---|---|---|", sep="\n")
    with tempfile.TemporaryDirectory() as name, Emulator() as emulated, open_chromium() as chromium:
        folder = Path(name)
        database = f"sqlite:///{folder / 'quatrain.db'}"
        with RunningSystem(folder, database, system_env(emulated)) as system:
            signed_in = sign_in(chromium, system)
            for state in states_of(system, emulated):
                found = [look_at(state, look, chromium, system.url, signed_in) for look in LOOKS]
                barriers = sum(len(each.barriers) for each in found)
                complaints = sum(len(each.complaints) for each in found)
                elsewhere = sum(len(each.elsewhere) for each in found)
                weight = max(each.weight for each in found) / 1000
                print(f"| {state.name} | {barriers} | {complaints} | {elsewhere} | {weight:.0f} |", flush=True)


if __name__ == "__main__":
    main()
