"""Each process is told what it needs, and no secret more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from launch.least_environment import environment_of
from launch.procfile import read_procfile
from settings import Settings

ROOT = Path(__file__).parents[2]
SECRET = "fake-secret-0123456789-abcdefghijklmnop"
NOBODYS = "redis://127.0.0.1:1/0"
#: Every variable that holds a secret, or may.
EVERYTHING = {name.upper(): f"{SECRET}-{name}" for name in Settings.model_fields} | {"PATH": "/bin"}
SIGN_IN = {"SECRET_KEY", "ADMIN_PASSWORD", "METRICS_TOKEN"}
STORE = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
ALERTS = {"ALERT_WEBHOOK_URL", "ALERT_URLS"}


@pytest.mark.parametrize(
    ("process", "withheld"),
    [
        ("release", set()),
        ("web", {"ADMIN_PASSWORD"} | ALERTS),
        ("worker", SIGN_IN),
        ("beat", SIGN_IN | STORE),
    ],
)
def test_a_process_gets_all_but_secrets_that_it_has_no_use_for(process: str, withheld: set[str]) -> None:
    given = environment_of(process, EVERYTHING)

    assert EVERYTHING.keys() - given.keys() == withheld
    assert given.items() <= EVERYTHING.items()


def test_every_process_of_the_procfile_is_known() -> None:
    assert set(read_procfile(ROOT / "Procfile")) == {"release", "web", "worker", "beat"}


def test_a_secret_is_withheld_however_its_name_is_written() -> None:
    assert environment_of("worker", {"secret_key": SECRET, "Metrics_Token": SECRET}) == {}


def begin(asked: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A process that takes what is asked for from ``wsgi.py``."""
    told = {"PATH": os.environ["PATH"], "VAR_DIR": str(folder), "REDIS_URL": NOBODYS, **environment}
    return subprocess.run(
        [sys.executable, "-c", f"from wsgi import {asked}"],
        cwd=ROOT,
        env=told,
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_faults_are_told_together_and_without_a_traceback(tmp_path: Path) -> None:
    ended = begin("app", tmp_path, {"ADMIN_SECRET_KEY": SECRET, "PORT": "70000"})

    assert ended.returncode == 1
    assert {line.partition(" ")[0] for line in ended.stderr.splitlines()} == {"PORT", "SECRET_KEY"}


@pytest.mark.parametrize(
    ("asked", "secrets", "sentences"),
    [
        ("app", {}, ["ADMIN_SECRET_KEY is not set", "SECRET_KEY is not set"]),
        pytest.param("app", {"ADMIN_SECRET_KEY": SECRET}, ["SECRET_KEY is not set"], marks=pytest.mark.thorough),
        pytest.param("celery_app", {}, ["ADMIN_SECRET_KEY is not set"], marks=pytest.mark.thorough),
        ("celery_app", {"ADMIN_SECRET_KEY": SECRET}, []),
    ],
    ids=["web without any", "web without one", "worker without any", "worker"],
)
def test_what_is_missing_is_told_by_who_needs_it(
    asked: str, secrets: dict[str, str], sentences: list[str], tmp_path: Path
) -> None:
    ended = begin(asked, tmp_path, secrets)

    assert sorted(line.partition(";")[0] for line in ended.stderr.splitlines() if "is not set" in line) == sentences
    assert (ended.returncode == 0) == (not sentences), ended.stderr
