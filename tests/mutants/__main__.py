"""Change the rules of the domain, one place at a time, and print which changes no quick test notices.

MUTANTS_MINUTES=10  for how long; 0 tries all, which takes hours
MUTANTS_SEED=1      draws the same mutants again
MUTANTS=secrets     only a group, or a module: domain.secrets.vault; several with a blank between
MUTANTS_AGAIN=1     only those that were left over the last time
MUTANTS_AT_ONCE=2   how many processes
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.groups import GROUPS, REST, group_of
from tests.mutants.mutant import Mutant
from tests.mutants.reach import Reach, Recorder
from tests.mutants.trying import Trial, Verdict, begin, ended, import_tests, passes, stop

ROOT = Path(__file__).parents[2]
#: Where the last run's findings are kept; git does not see it.
FOLDER = ROOT / "var" / "mutants"
LEFT_OVER = FOLDER / "left.json"
TESTS = "tests/domain"
POLL_SECONDS = 0.05


def main() -> None:
    """Try, and tell."""
    for end in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(end, signal.default_int_handler)
    signal.alarm(int(60 * float(os.environ.get("MUTANTS_MINUTES") or 10)))
    FOLDER.mkdir(parents=True, exist_ok=True)
    verdicts: dict[Mutant, Verdict] = {}
    total = 0
    try:
        with _made() as (total, mutants):
            for mutant, verdict in _tried(mutants, _measured()):
                verdicts[mutant] = verdict
                if verdict is not Verdict.KILLED:
                    print(f"{verdict}: {_told(mutant)}", flush=True)
    except KeyboardInterrupt:
        print("The time is over.")
    _note(verdicts)
    _print_table(verdicts, total)


@contextmanager
def _made() -> Iterator[tuple[int, Iterator[Mutant]]]:
    """How many mutants there are of what was asked for, and they, each made when it is its turn."""
    seed = os.environ.get("MUTANTS_SEED") or str(random.randrange(10**6))
    environment = {**os.environ, "MUTANTS_SEED": seed}
    if os.environ.get("MUTANTS_AGAIN"):
        environment["MUTANTS_LEFT_OVER"] = LEFT_OVER.read_text()
    command: list[str | Path] = [ROOT / ".venv-tools/bin/python", "-m", "tests.mutants.making"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout is not None
        total = int(maker.stdout.readline())
        print(f"{total} mutants; MUTANTS_SEED={seed}", flush=True)
        try:
            yield total, (Mutant(**json.loads(line)) for line in maker.stdout)
        finally:
            maker.kill()


def _measured() -> Reach:
    """Import the quick tests for all that is to come, and see which lines they reach, if that is not known yet."""
    import_tests(TESTS)
    file = FOLDER / f"reach-{_fingerprint()}.json"
    if not file.exists():
        for outdated in FOLDER.glob("reach-*.json"):
            outdated.unlink()
        if not passes(TESTS, Recorder(file)):
            sys.exit("The quick tests fail without any change.")
    return Reach(file)


def _fingerprint() -> str:
    """Changes with any line of our code."""
    rooms = ("domain", "providers", "tasks", "web", "tests", "migrations")
    here = Path(__file__).parent
    files = sorted(path for room in rooms for path in (ROOT / room).rglob("*.py") if here not in path.parents)
    return hashlib.sha256(b"".join(path.read_bytes() for path in [*files, ROOT / "settings.py"])).hexdigest()[:12]


def _tried(mutants: Iterator[Mutant], reach: Reach) -> Iterator[tuple[Mutant, Verdict]]:
    """Try one after another, and two at a time."""
    running: list[Trial] = []
    at_once = int(os.environ.get("MUTANTS_AT_ONCE") or 2)
    try:
        for mutant in mutants:
            tests, seconds = reach.of(mutant.file, mutant.lines)
            if not tests:
                yield mutant, Verdict.NOT_COVERED
                continue
            while len(running) >= at_once:
                yield from _those_that_ended(running)
            running.append(begin(mutant, tests, seconds))
        while running:
            yield from _those_that_ended(running)
    finally:
        for trial in running:
            stop(trial)


def _those_that_ended(running: list[Trial]) -> Iterator[tuple[Mutant, Verdict]]:
    time.sleep(POLL_SECONDS)
    for trial in list(running):
        if verdict := ended(trial):
            running.remove(trial)
            yield trial.mutant, verdict


def _told(mutant: Mutant) -> str:
    return f"{Path(mutant.file).relative_to(ROOT)}:{mutant.first_line} ({mutant.name})\n{mutant.diff}"


def _note(verdicts: dict[Mutant, Verdict]) -> None:
    left = [mutant.name for mutant, verdict in verdicts.items() if verdict is not Verdict.KILLED]
    LEFT_OVER.write_text(json.dumps(left))


def _print_table(verdicts: dict[Mutant, Verdict], mutants: int) -> None:
    """How many, by group."""
    columns = list(Verdict)
    print(f"\n{'package':<14}{'tried':>8}" + "".join(f"{each:>13}" for each in columns))
    for group in (*GROUPS, REST):
        counts = Counter(verdict for mutant, verdict in verdicts.items() if group_of(mutant.module) == group)
        print(f"{group:<14}{counts.total():>8}" + "".join(f"{counts[each]:>13}" for each in columns))
    print(f"{len(verdicts)} of {mutants} were tried.")


if __name__ == "__main__":
    main()
