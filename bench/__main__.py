"""`make bench`: measures every figure, and writes bench/RESULTS.md.

BENCH=songs_at_once measures one and writes nothing.
"""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import tests.conftest  # noqa: F401  # no key of this machine's environment gets in

MODULES = ("many_orders", "poems_at_once", "songs_at_once")
RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """# Results

Ratios and shares, each measured five times in one run by `make bench`: seconds would say more about the machine.

{date}, commit {commit}, {cores} cores, Python {python}, PostgreSQL of the tests.

| figure | aim | median | from, to | met |
|---|---|---|---|---|
"""


def main() -> int:
    """Measure; 0 if every aim is met."""
    wanted = os.environ.get("BENCH", "").split() or MODULES
    figures = []
    for name in wanted:
        print(f"measuring {name}", flush=True)  # noqa: T201  # what it is for
        for figure in import_module(f"bench.{name}").measure():
            print(figure.line(), flush=True)  # noqa: T201  # what it is for
            figures.append(figure)
    if wanted is MODULES:
        facts = {
            "date": datetime.now(UTC).date(),
            "commit": _commit(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        }
        RESULTS.write_text(HEAD.format(**facts) + "".join(f"{figure.line()}\n" for figure in figures))
    return int(not all(figure.is_met for figure in figures))


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
