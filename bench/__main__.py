"""`make bench`: measures every figure, and writes bench/RESULTS.md.

All of it takes an hour. BENCH=songs_at_once measures those of one module, and replaces their lines.
"""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import tests.conftest  # noqa: F401  # no key of this machine's environment gets in

MODULES = (
    "many_orders",
    "order_throughput",
    "poems_at_once",
    "songs_at_once",
    "jobs_in_flight",
    "waiting_people",
    "stalled_connections",
    "thousand_orders",
)
RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """# Results

Ratios and shares, each measured five times in one run by `make bench`: seconds would say more about the machine. Each
line says when and with which commit it was measured.

| figure | aim | median | from, to | met | measured |
|---|---|---|---|---|---|
"""


def main() -> int:
    """Measure; 0 if every aim is met."""
    lines = _lines()
    figures = []
    for name in os.environ.get("BENCH", "").split() or MODULES:
        print(f"measuring {name}", flush=True)  # noqa: T201  # what it is for
        for figure in import_module(f"bench.{name}").measure():
            print(figure.line(), flush=True)  # noqa: T201  # what it is for
            figures.append(figure)
            lines[figure.name] = f"{figure.line()} {_circumstances()} |"
        RESULTS.write_text(HEAD + "".join(f"{line}\n" for line in lines.values()))
    return int(not all(figure.is_met for figure in figures))


def _lines() -> dict[str, str]:
    """The lines of the table as it stands, by the names of their figures."""
    kept = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    rows = [line for line in kept if line.startswith("| ") and not line.startswith("| figure |")]
    return {row.split(" | ")[0].removeprefix("| "): row for row in rows}


def _circumstances() -> str:
    return f"{datetime.now(UTC).date()}, {_commit()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
