"""Ten times as many jobs at once: does a worker need more memory, or more of the processor for each of them?

Songs whose provider calls us when they are done; all are in flight before the first one ends. A thousand against a
hundred, as five thousand against five hundred would take more than an hour.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from bench.figure import REPETITIONS, Figure
from bench.songs_at_once import KEY, POEM, song_system
from providers.kinds import ProviderKind, StageType
from tests.emulator.server import Emulator
from tests.running_system import RunningSystem, wait_until

FEW, MANY = 100, 1000
#: How fast jobs are handed over, at the least; and callers that order side by side.
JOBS_PER_SECOND, SHOPS = 10, 4
MAX_SECONDS = 1200
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def measure() -> list[Figure]:
    """Two ratios: the worker's memory while all are in flight, and its processor time for each from order to work."""
    memory, seconds = [], []
    for _ in range(REPETITIONS):
        few, many = _run(FEW), _run(MANY)
        memory.append(many[0] / few[0])
        seconds.append(many[1] / few[1])
    name = f"{MANY:,} jobs in flight / {FEW}: "
    return [
        Figure(f"{name}memory of the worker", 1.2, True, tuple(memory)),
        Figure(f"{name}processor time of the worker for each job", 1.2, True, tuple(seconds)),
    ]


def _run(jobs: int) -> tuple[float, float]:
    """Megabytes of the worker while all jobs are in flight, and its seconds of processor time for each."""
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        emulator.suno.add_key("first", KEY)
        emulator.suno.most_calls = 10**9
        emulator.suno.job_seconds = 10 + jobs / JOBS_PER_SECOND
        system = stack.enter_context(song_system(stack, emulator, "SUNO=1000000/1s"))
        system.browser().save_section(StageType.SONG, ProviderKind.SUNO, api_key=KEY)
        shop = system.api()
        wait_until(lambda: shop.stage(StageType.SONG)["ready"], "the section works")
        worker = system._processes["worker"].pid
        before = _processor_seconds(worker)
        with ThreadPoolExecutor(SHOPS) as shops:
            list(shops.map(lambda _: shop.place(StageType.SONG, poem=POEM), range(jobs)))
        _wait_for(system, "submitted", jobs)
        megabytes = _megabytes(worker)
        _wait_for(system, "done", jobs)
        return megabytes, (_processor_seconds(worker) - before) / jobs


def _wait_for(system: RunningSystem, state: str, jobs: int) -> None:
    engine = create_engine(system.database_url, poolclass=NullPool)
    query = text("SELECT count(*) FROM stages WHERE state = :state")

    def are_there() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(query, {"state": state}) == jobs)

    wait_until(are_there, f"{jobs} stages {state}", MAX_SECONDS)


def _megabytes(pid: int) -> float:
    """What the process has in memory, by Linux."""
    resident_pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return resident_pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _processor_seconds(pid: int) -> float:
    """What the process has used of the processors, by Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
