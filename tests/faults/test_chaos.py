"""Whatever breaks: every accepted order comes to a right end, and nothing is paid twice.

Some seconds of it, with a fault of each kind, on the database that can be struck itself, always the same unless
CHAOS_SEED says otherwise; ``make faults`` takes its time, on both.
"""

import os
from pathlib import Path

import pytest

from tests.faults.chaos import Plan, run
from tests.faults.schedule import KINDS_OF_FAULTS, kind_of

pytestmark = pytest.mark.processes

SEED = int(os.environ.get("CHAOS_SEED", "7"))


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan(SEED, seconds=8, orders=14, faults=len(KINDS_OF_FAULTS)), id="short"),
        pytest.param(Plan(SEED, seconds=20, orders=40, faults=18), id="long", marks=pytest.mark.thorough),
    ],
)
def test_a_storm_of_faults_loses_nothing_and_doubles_nothing(plan: Plan, tmp_path: Path) -> None:
    report = run(plan, tmp_path, "postgresql")

    assert report.broken == [], "\n".join(report.lines())
    assert len(report.strikes) >= plan.faults
    assert {kind_of(strike.fault) for strike in report.strikes} == set(KINDS_OF_FAULTS)
    assert report.evidence.states.total() > plan.orders
