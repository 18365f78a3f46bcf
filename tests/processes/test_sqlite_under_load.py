"""SQLite with many processes at once: whoever writes waits for a turn, and nobody is told that it is locked."""

import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine_environment import HANDED_ON
from tests.prepared_database import prepare
from tests.processes import sqlite_load
from tests.running_system import PASSWORD, ROOT

pytestmark = pytest.mark.processes


def test_many_processes_at_once_never_find_the_database_locked(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'quatrain.db'}"
    prepare(url, "admin", PASSWORD)
    env = {
        **HANDED_ON,
        "DATABASE_URL": url,
        "ADMIN_SECRET_KEY": secrets.token_hex(32),
        "SECRET_KEY": secrets.token_urlsafe(32),
        "VAR_DIR": str(tmp_path),
        "DUMMY_PROVIDER": "1",
        "LOG_LEVEL": "ERROR",
    }

    run = subprocess.run(
        [sys.executable, "-m", sqlite_load.__name__],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * sqlite_load.DEADLINE_SECONDS,
    )

    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["met"] == []
    assert found["orders"] == {"done": sqlite_load.SHOPS * sqlite_load.ORDERS_EACH}
