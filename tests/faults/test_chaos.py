"""Whatever breaks: every accepted order comes to a right end, and nothing is paid twice.

Twenty seconds of it, on the database that can be struck itself, always the same unless CHAOS_SEED says otherwise;
``make faults`` takes its time, on both.
"""

import os
from pathlib import Path

import pytest

from tests.faults.chaos import Plan, run

pytestmark = pytest.mark.processes

SEED = int(os.environ.get("CHAOS_SEED", "4"))


def test_a_storm_of_faults_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    report = run(Plan(SEED, seconds=20, orders=40, faults=18), tmp_path, "postgresql")

    assert report.broken == [], "\n".join(report.lines())
    assert len(report.strikes) >= 17
    assert report.evidence.states.total() > 40
