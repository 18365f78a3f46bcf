"""Any interleaving of workers, crashes, freezes and answers keeps the promises.

``MODEL_EXAMPLES=20000 .venv/bin/python -m pytest -n 0 -s tests/model`` looks for as long as that takes, at other runs
each time; without it the same few are made every time.
"""

import os
import sys
import time
from typing import cast

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.house import House
from tests.model.machine import Model

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "0"))
#: Those that every run of the suite has time for.
FEW = {"sqlite": 30, "postgresql": 8}


def test_any_interleaving_keeps_the_promises(house: House) -> None:
    machine = cast(type[Model], type("Model", (Model,), {"house": house}))
    began = time.perf_counter()
    try:
        run_state_machine_as_test(machine, settings=_settings(house.kind))
    finally:
        took = time.perf_counter() - began
        figures = f"{machine.runs} runs, {machine.steps} steps in {took:.0f} s, {machine.steps / took:.0f} steps/s"
        sys.stdout.write(f"\n{figures}\n")


def _settings(kind: str) -> settings:
    return settings(
        max_examples=EXAMPLES or FEW[kind],
        derandomize=not EXAMPLES,
        stateful_step_count=50,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
