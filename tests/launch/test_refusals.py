"""`make run` refuses to start: one sentence that says what to do, exit code 1, no process left behind."""

import os
import re
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from tests.launch.starts import Begin, env_in, somebody_listening
from tests.reserved_port import ReservedPort

pytestmark = pytest.mark.processes


@pytest.fixture
def refusal(start: Begin) -> Callable[..., str]:
    """The one sentence with which a start refuses these variables; exit code 1, and nothing left running."""

    def refuse(**variables: object) -> str:
        run = start(**variables)
        assert run.end() == 1
        run.wait_until_nothing_is_left()
        said = re.sub(r"^Made .*\n", "", "".join(run.lines))
        assert "Traceback" not in said
        assert said.count("\n") == 1
        return said.strip()

    return refuse


def test_the_first_start_makes_an_env_file_for_its_owner_only(refusal: Callable[..., str], tmp_path: Path) -> None:
    with somebody_listening() as port:
        refusal(PORT=port)

    values = env_in(tmp_path)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert list(values) == ["ADMIN_SECRET_KEY", "SECRET_KEY", "ADMIN_USERNAME", "ADMIN_PASSWORD", "DUMMY_PROVIDER"]
    assert values["ADMIN_USERNAME"] == "admin"
    assert values["DUMMY_PROVIDER"] == "1"
    assert len(values["ADMIN_SECRET_KEY"]) >= 43
    assert len(values["SECRET_KEY"]) >= 43
    assert len(values["ADMIN_PASSWORD"]) >= 16
    assert len(set(values.values())) == len(values)


def test_a_later_start_keeps_the_env_file(refusal: Callable[..., str], tmp_path: Path) -> None:
    with somebody_listening() as port:
        refusal(PORT=port)
        first = (tmp_path / ".env").read_text()
        refusal(PORT=port)

    assert (tmp_path / ".env").read_text() == first


def test_the_environment_wins_over_the_env_file(refusal: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ADMIN_SECRET_KEY={uuid4()}-aB\nSECRET_KEY={uuid4()}-cD\nPORT=1\n")

    with somebody_listening() as port:
        assert refusal(PORT=port).startswith(f"Port {port} ")


def test_a_port_that_is_taken(refusal: Callable[..., str]) -> None:
    with somebody_listening() as port:
        assert refusal(PORT=port) == (
            f"Port {port} of 127.0.0.1 is taken; stop what listens there or set PORT to another."
        )


def test_a_weak_secret_key_is_refused_and_not_repeated(refusal: Callable[..., str]) -> None:
    said = refusal(ADMIN_SECRET_KEY="short-and-sweet")

    assert said.startswith("ADMIN_SECRET_KEY is shorter than 32 characters; make one with: ")
    assert "short-and-sweet" not in said


def test_a_missing_secret_key(refusal: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"SECRET_KEY={uuid4()}-cD\n")

    assert refusal().startswith("ADMIN_SECRET_KEY is not set; make one with: ")


def test_a_var_folder_that_cannot_be_written(refusal: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file, as root may write into any folder")

    said = refusal()

    assert said.startswith(f"The folder {tmp_path}/var cannot be written (")
    assert said.endswith("set VAR_DIR to one that can.")


def test_an_env_file_that_cannot_be_made(refusal: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()

    assert refusal().startswith(f"{tmp_path}/.env cannot be used (")


def test_a_database_that_cannot_be_written(refusal: Callable[..., str], tmp_path: Path) -> None:
    said = refusal(DATABASE_URL=f"sqlite:///{tmp_path}/missing/quatrain.db")

    assert said.endswith("cannot be written (unable to open database file); check DATABASE_URL and VAR_DIR.")


@pytest.mark.parametrize(
    ("urls", "sentence"),
    [
        (
            "json://localhost tgram://canary",
            "Apprise does not understand these addresses of ALERT_URLS, counted from 1: 2.",
        ),
        ("json://localhost canary", "ALERT_URLS cannot be read, number 2 is no address; write each like tgram://"),
    ],
)
def test_an_address_of_alerts_that_is_of_no_use(refusal: Callable[..., str], urls: str, sentence: str) -> None:
    said = refusal(ALERT_URLS=urls)

    assert said.startswith(sentence)
    assert "canary" not in said


def test_a_given_redis_that_does_not_answer(refusal: Callable[..., str]) -> None:
    with ReservedPort() as port:
        said = refusal(REDIS_URL=f"redis://:canary@127.0.0.1:{port.number}/0")

    assert said.startswith("The Redis of REDIS_URL does not answer (")
    assert "canary" not in said


def test_a_redis_of_our_own_that_cannot_start(refusal: Callable[..., str], tmp_path: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_text('#!/bin/sh\nif [ "$1" = --version ]; then echo v=7.0.0; else echo no luck; exit 1; fi\n')
    program.chmod(0o700)

    said = refusal(PATH=f"{tmp_path}:{os.environ['PATH']}")

    assert said.startswith("Redis did not start (no luck; its log is ")
    assert said.endswith("Set REDIS_URL to a Redis that runs.")


def test_a_database_that_cannot_be_migrated(start: Begin, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "newer.db")) as newer:
        newer.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        newer.execute("INSERT INTO alembic_version VALUES ('of-the-future')")
        newer.commit()

    run = start(DATABASE_URL=f"sqlite:///{tmp_path}/newer.db")

    assert run.end() == 1
    run.wait_until_nothing_is_left()
    said = "".join(run.lines)
    assert f"The database could not be prepared (exit code 1); {tmp_path}/var/release.log says why" in said
    assert "of-the-future" in said


def test_a_web_server_that_can_never_start(start: Begin) -> None:
    run = start(GUNICORN_CMD_ARGS="--no-such-option")

    assert run.end() == 1
    run.wait_until_nothing_is_left()
    said = "".join(run.lines)
    assert "unrecognized arguments: --no-such-option" in said
    assert said.endswith("Stopped: web ended (exit code 2) before all was ready; what it printed is above.\n")
