"""More songs at once than their provider takes: is its quota used, and kept, and do other works notice?

Two hundred songs, as five hundred would take ten minutes each time at the same pace.
"""

import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from bench.figure import REPETITIONS, Figure
from bench.poems_at_once import wait_for_all
from providers.kinds import ProviderKind, StageType
from tests.emulator.server import Emulator
from tests.emulator.state import Key
from tests.emulator.suno import SunoRoom
from tests.http_session import Api
from tests.local_services import LocalPostgres
from tests.running_system import RunningSystem, free_port, wait_until

SONGS = 200
POEMS, POEM_SECONDS, POEM_PAUSE_SECONDS = 100, 3, 0.2
CALLS, WINDOW_SECONDS, SONG_SECONDS = 20, 10.0, 20.0
#: A submit, and a look when the provider has called us.
CALLS_OF_A_SONG = 2
KEY = "fake-suno-0123456789"
POEM = "Море шумит, и Анна поёт,\nсолнце встаёт над водой."
MAX_SECONDS = 600
MEAN_SECONDS = text(
    "SELECT avg(extract(epoch FROM stages.finished_at - orders.created_at)) FROM stages JOIN orders"
    " ON orders.id = stages.order_id WHERE stage_type = 'POEM' AND orders.id BETWEEN :first AND :last"
)


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

        room._keeps_pace = count  # type: ignore[method-assign]  # it counts, and asks the method itself


def measure() -> list[Figure]:
    """How near to the shortest possible time, the share of refused calls, and how much longer poems take meanwhile."""
    shares, refusals, delays = zip(*(_drain() for _ in range(REPETITIONS)), strict=True)
    return [
        Figure(
            f"{SONGS} songs of 20 s at once, quota 20 requests in 10 s: shortest possible time / time taken",
            0.95,
            False,
            shares,
        ),
        Figure("the same: share of calls that were refused for coming too early", 0.01, True, refusals),
        Figure(f"the same, {POEMS} poems of 3 s meanwhile: their time / that in an empty system", 1.1, True, delays),
    ]


def _drain() -> tuple[float, float, float]:
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        emulator.suno.add_key("first", KEY)
        emulator.suno.most_calls, emulator.suno.window_seconds = CALLS, WINDOW_SECONDS
        counted = CountingRoom(emulator.suno)
        system = stack.enter_context(song_system(stack, emulator, f"SUNO={CALLS}/{WINDOW_SECONDS:g}s"))
        admin, shop = system.browser(), system.api()
        admin.save_section(StageType.SONG, ProviderKind.SUNO, api_key=KEY)
        admin.save_section(StageType.POEM, ProviderKind.DUMMY)
        for stage_type in (StageType.POEM, StageType.SONG):
            wait_until(partial(_is_ready, shop, stage_type), "the section works")
        emulator.suno.job_seconds = SONG_SECONDS
        # Longer than a window: the check of the key is forgotten.
        in_an_empty_system = _seconds_of_poems(system)
        began = time.monotonic()
        ids = [shop.place(StageType.SONG, poem=POEM).json()["id"] for _ in range(SONGS)]
        meanwhile = _seconds_of_poems(system)
        wait_for_all(shop, ids, "all songs", MAX_SECONDS)
        took = time.monotonic() - began
        return shortest_seconds() / took, counted.refused / counted.answered, meanwhile / in_an_empty_system


def _is_ready(shop: Api, stage_type: StageType) -> bool:
    return bool(shop.stage(stage_type)["ready"])


def _seconds_of_poems(system: RunningSystem) -> float:
    """From order to poem, as the rows have it, the mean of ``POEMS`` that come one after the other."""
    shop, ids = system.api(), []
    for _ in range(POEMS):
        ids.append(shop.place(StageType.POEM, details=f"!slow {POEM_SECONDS}").json()["id"])
        time.sleep(POEM_PAUSE_SECONDS)
    wait_for_all(shop, ids, "all poems", MAX_SECONDS)
    engine = create_engine(system.database_url, poolclass=NullPool)
    with engine.connect() as connection:
        return float(connection.scalar(MEAN_SECONDS, {"first": ids[0], "last": ids[-1]}) or 0)


def shortest_seconds() -> float:
    """Each window full from the first moment on; the last one need not end, and its songs take their time."""
    windows = -(-SONGS * CALLS_OF_A_SONG // CALLS)
    return max((windows - 1) * WINDOW_SECONDS, SONG_SECONDS)


def song_system(stack: ExitStack, emulator: Emulator, limits: str) -> RunningSystem:
    """Not started yet: a system that SUNO can call back, and that keeps to ``limits``; ``stack`` ends what it needs."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quatrain-bench-")))
    server = stack.enter_context(LocalPostgres())
    port = free_port()
    env = {
        "SUNO_BASE_URL": emulator.base_url(ProviderKind.SUNO),
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PROVIDER_LIMITS": limits,
        "WORKER_THREADS": "64",
        "SWEEP_INTERVAL_SECONDS": "2",
        "REFRESH_INTERVAL_SECONDS": "3600",
    }
    return RunningSystem(folder, server.new_database(), env)
