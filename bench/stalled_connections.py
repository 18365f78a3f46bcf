"""How long others wait while connections are held: half a request, or an answer that nobody reads."""

import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import requests

from bench.figure import Figure, repeated
from tests.running_system import RunningSystem, wait_until
from tests.stalled_connections import KINDS, StalledConnections

STALLED = 200
#: Of one alone a process would not keep so many.
ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
PATHS = ("/healthz", "/admin/login")
REQUESTS = 120
#: So that they are held while it is measured; a port on which no broker listens.
ENV = {"WEB_PATIENCE_SECONDS": "100000", "REDIS_URL": "redis://127.0.0.1:1/0", "PUBLIC_URL": ""}
#: A processor that others use for a moment strikes both kinds of blocks.
BLOCKS = 2
#: What is measured is how it is while they are held. As they come, the system's buffers are filled with what is unread:
#: gigabytes, which takes a processor of this machine a second or two.
SETTLED_AFTER_SECONDS = 3.0


def measure() -> Iterator[Figure]:
    """A figure for each way to hold a connection, of web processes as the Procfile starts them."""
    with tempfile.TemporaryDirectory(prefix="quatrain-bench-") as folder:
        system = RunningSystem(Path(folder), f"sqlite:///{folder}/quatrain.db", ENV)
        system.prepare_database()
        system.start_process("web")
        try:
            wait_until(lambda: _is_up(system), "the web processes are up")
            for kind in KINDS:
                yield _figure_of(system, kind)
        finally:
            system.stop()


def _figure_of(system: RunningSystem, kind: str) -> Figure:
    name = f"GET {' or '.join(PATHS)} while {STALLED} connections hold {kind} / while none does, p95, the worse of both"
    return Figure(name, 2.0, True, repeated(lambda: _ratio(system, kind)))


def _ratio(system: RunningSystem, kind: str) -> float:
    alone: dict[str, list[float]] = {path: [] for path in PATHS}
    beside: dict[str, list[float]] = {path: [] for path in PATHS}
    for _ in range(BLOCKS):
        _ask(system, alone)
        with ExitStack() as stack:
            stalled = [
                stack.enter_context(StalledConnections(system.port, kind, STALLED // len(ADDRESSES), address))
                for address in ADDRESSES
            ]
            time.sleep(SETTLED_AFTER_SECONDS)
            _ask(system, beside)
            held = sum(each.held for each in stalled)
            assert held == STALLED, f"only {held} were held"
    return max(_p95(beside[path]) / _p95(alone[path]) for path in PATHS)


def _ask(system: RunningSystem, seconds: dict[str, list[float]]) -> None:
    for path, taken in seconds.items():
        for _ in range(REQUESTS // BLOCKS):
            began = time.monotonic()
            assert requests.get(system.url + path, timeout=60).status_code == 200
            taken.append(time.monotonic() - began)


def _is_up(system: RunningSystem) -> bool:
    try:
        return requests.get(f"{system.url}/healthz", timeout=60).status_code == 200
    except requests.ConnectionError:
        return False


def _p95(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]
