"""Sixty-four poems that take their provider five seconds each, on one worker process."""

import os
import signal
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from bench.figure import REPETITIONS, Figure
from providers.kinds import ProviderKind, StageType
from tests.http_session import Api
from tests.local_services import LocalPostgres
from tests.running_system import RunningSystem, wait_until

POEMS, SECONDS = 64, 5


def measure() -> list[Figure]:
    """How much longer all of them take than one."""
    with tempfile.TemporaryDirectory(prefix="quatrain-bench-") as folder, LocalPostgres() as server:
        env = {"WORKER_THREADS": str(POEMS), "SWEEP_INTERVAL_SECONDS": "2", "REFRESH_INTERVAL_SECONDS": "3600"}
        with RunningSystem(Path(folder), server.new_database(), env) as system:
            system.browser().save_section(StageType.POEM, ProviderKind.DUMMY)
            wait_until(lambda: system.api().stage(StageType.POEM)["ready"], "the section works")
            values = tuple(_write_all(system) / SECONDS for _ in range(REPETITIONS))
    return [Figure(f"{POEMS} poems of {SECONDS} s on one worker process: time / {SECONDS} s", 1.2, True, values)]


def _write_all(system: RunningSystem) -> float:
    """Seconds from the moment at which the worker hears of all of them."""
    shop, worker = system.api(), system._processes["worker"].pid
    os.kill(worker, signal.SIGSTOP)
    ids = [shop.place(StageType.POEM, details=f"!slow {SECONDS}").json()["id"] for _ in range(POEMS)]
    began = time.monotonic()
    os.kill(worker, signal.SIGCONT)
    wait_for_all(shop, ids, "all poems", 120)
    return time.monotonic() - began


def wait_for_all(shop: Api, order_ids: Iterable[int], what: str, seconds: float) -> None:
    """Wait until these orders are done, ``seconds`` for each at the most."""
    for order_id in order_ids:
        wait_until(partial(_is_done, shop, order_id), what, seconds)


def _is_done(shop: Api, order_id: int) -> bool:
    return bool(shop.order(order_id)["state"] == "done")
