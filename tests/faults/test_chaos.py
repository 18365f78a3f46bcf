"""Whatever breaks: every accepted order comes to a right end, and nothing is paid twice."""

import os
from pathlib import Path

import pytest

from tests.faults.chaos import Plan, run

pytestmark = pytest.mark.processes

SEED = int(os.environ.get("CHAOS_SEED", "4"))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_storm_of_faults_loses_nothing_and_doubles_nothing(database: str, tmp_path: Path) -> None:
    report = run(Plan(SEED, seconds=30, orders=60, faults=26), tmp_path, database)

    assert report.broken == [], "\n".join(report.lines())
    assert report.evidence.states.total() > 60
    assert len(report.strikes) >= 25
