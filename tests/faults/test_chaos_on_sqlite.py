"""Whatever breaks, on this database: every accepted order comes to a right end, and nothing is paid twice."""

from pathlib import Path

import pytest

from tests.faults.chaos import short_run

pytestmark = pytest.mark.processes


def test_a_storm_of_faults_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    report = short_run(tmp_path, "sqlite")

    assert report.broken == [], "\n".join(report.lines())
    assert len(report.strikes) >= 25
    assert report.evidence.states.total() > 60
