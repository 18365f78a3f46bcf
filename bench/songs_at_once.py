"""More songs at once than their provider takes: is its quota used, and kept?

Sixty songs, as five hundred would take ten minutes each time at the same pace.
"""

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.figure import Figure
from providers.kinds import ProviderKind, StageType
from tests.emulator.server import Emulator
from tests.emulator.state import Key
from tests.emulator.suno import SunoRoom
from tests.local_services import LocalPostgres
from tests.running_system import RunningSystem, free_port, wait_until

SONGS = 60
CALLS, WINDOW_SECONDS, SONG_SECONDS = 20, 10.0, 20.0
#: A submit, and a look when the provider has called us.
CALLS_OF_A_SONG = 2
KEY = "fake-suno-0123456789"
POEM = "Море шумит, и Анна поёт,\nсолнце встаёт над водой."
LONGEST_SECONDS = 600


class CountingRoom:
    """Counts what the emulated provider answers, and what it refuses because it comes too early."""

    def __init__(self, room: SunoRoom) -> None:
        self.answered = self.refused = 0
        keeps_pace = room._keeps_pace

        def count(key: Key) -> bool:
            kept = keeps_pace(key)
            self.answered += 1
            self.refused += not kept
            return kept

        room._keeps_pace = count  # type: ignore[method-assign]


def measure() -> list[Figure]:
    """Two figures: how near to the shortest possible time, and the share of refused calls."""
    shares, refusals = zip(*(_drain() for _ in range(5)), strict=True)
    return [
        Figure(
            "60 songs of 20 s at once, quota 20 requests in 10 s: shortest possible time / time taken",
            0.95,
            False,
            shares,
        ),
        Figure("the same: share of calls that were refused for coming too early", 0.01, True, refusals),
    ]


def _drain() -> tuple[float, float]:
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        emulator.suno.add_key("first", KEY)
        emulator.suno.most_calls, emulator.suno.window_seconds = CALLS, WINDOW_SECONDS
        counted = CountingRoom(emulator.suno)
        system = stack.enter_context(_system(stack, emulator))
        admin, shop = system.browser(), system.api()
        admin.save_section(StageType.SONG, ProviderKind.SUNO, api_key=KEY)
        wait_until(lambda: shop.stage(StageType.SONG)["ready"], "the section works")
        emulator.suno.job_seconds = SONG_SECONDS
        time.sleep(WINDOW_SECONDS)  # the check of the key is forgotten
        began = time.monotonic()
        ids = [shop.place(StageType.SONG, poem=POEM).json()["id"] for _ in range(SONGS)]
        for each in ids:
            wait_until(lambda each=each: shop.order(each)["state"] == "done", "all songs", LONGEST_SECONDS)
        took = time.monotonic() - began
        return shortest_seconds() / took, counted.refused / counted.answered


def shortest_seconds() -> float:
    """Each window full from the first moment on; the last one need not end, and its songs take their time."""
    windows = -(-SONGS * CALLS_OF_A_SONG // CALLS)
    return max((windows - 1) * WINDOW_SECONDS, SONG_SECONDS)


def _system(stack: ExitStack, emulator: Emulator) -> RunningSystem:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quatrain-bench-")))
    server = stack.enter_context(LocalPostgres())
    port = free_port()
    env = {
        "SUNO_BASE_URL": emulator.base_url(ProviderKind.SUNO),
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PROVIDER_LIMITS": f"SUNO={CALLS}/{WINDOW_SECONDS:g}s",
        "WORKER_THREADS": "64",
        "SWEEP_INTERVAL_SECONDS": "2",
        "REFRESH_INTERVAL_SECONDS": "3600",
    }
    return RunningSystem(folder, server.new_database(), env)
