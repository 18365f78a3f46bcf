"""`make faults`: ten minutes of faults, shared by the databases that are asked for; prints figures and seed.

For a third of the time everything strikes at random; then each fault whose recovery is measured strikes by itself, and
at last there is peace.
CHAOS_SEED (random), CHAOS_SECONDS (600) and CHAOS_DATABASE (sqlite, postgresql) change it.
"""

import os
import secrets
import sys
import tempfile
from pathlib import Path

from tests.faults.chaos import Plan, run


def main() -> int:
    """Run; 0 if every promise was kept."""
    databases = os.environ.get("CHAOS_DATABASE", "sqlite postgresql").split()
    seconds = float(os.environ.get("CHAOS_SECONDS", "600")) / len(databases)
    broken = 0
    for database in databases:
        plan = Plan(
            seed=int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6)),
            seconds=seconds / 3,
            orders=int(seconds * 0.75),
            faults=int(seconds / 4),
            rounds_alone=1,
        )
        folder = Path(tempfile.mkdtemp(prefix="quatrain-faults-"))
        print(f"{database}, seed {plan.seed}, {plan.seconds:.0f} s; logs in {folder}", flush=True)  # noqa: T201  # what it is for
        report = run(plan, folder, database)
        print("\n".join(report.lines()), flush=True)  # noqa: T201  # what it is for
        broken += len(report.broken)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
