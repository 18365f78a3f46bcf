"""Administrators on the command line: never a secret in an argument, never one shown twice."""

import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from pydantic import SecretStr

from domain.accounts import administrators
from domain.db import reading

ROOT = Path(__file__).parents[3]
PASSWORD = "correct-horse-battery"

Run = Callable[..., Result]


def can_sign_in(app: Flask, name: str, password: str) -> bool:
    with app.app_context():
        return administrators.sign_in(name, password) is not None


def test_an_administrator_is_created_with_a_password_from_standard_input(run: Run, app: Flask) -> None:
    result = run("admin", "create", "maria", typed=PASSWORD + "\n")

    assert (result.exit_code, result.stdout) == (0, "Created the administrator maria.\n")
    assert can_sign_in(app, "maria", PASSWORD)


@pytest.mark.parametrize("typed", ["", "short\n", "x" * 2000])
def test_an_unfit_password_is_refused(run: Run, typed: str) -> None:
    result = run("admin", "create", "maria", typed=typed)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "The password must have 8 to 1024 characters.\n"


@pytest.mark.parametrize("password", ["password", "12345678", "maria2026", "airam123", "quatrain"])
def test_a_password_that_somebody_would_try_first_is_refused(run: Run, app: Flask, password: str) -> None:
    created = run("admin", "create", "maria", typed=password)
    run("admin", "create", "maria", typed=PASSWORD)
    replaced = run("admin", "set-password", "maria", typed=password)

    for result in (created, replaced):
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("This password is one of the first that somebody would try")
        assert "Take another one" in result.stderr
    assert can_sign_in(app, "maria", PASSWORD)


@pytest.mark.usefixtures("administrator")
def test_a_taken_name_is_refused(run: Run) -> None:
    result = run("admin", "create", "admin", typed=PASSWORD)

    assert (result.exit_code, result.stderr) == (1, "There is an administrator called admin already.\n")


@pytest.mark.parametrize("arguments", [("create",), ("create", "maria", "--first"), ("create", "maria", "secret")])
def test_wrong_usage_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("admin", *arguments).exit_code == 2


def test_the_first_administrator_comes_from_the_environment_once(
    run: Run, app: Flask, change_settings: Callable[..., None]
) -> None:
    change_settings(admin_username="boss", admin_password=SecretStr(PASSWORD))

    first, second = run("admin", "create", "--first"), run("admin", "create", "--first")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == "Created the administrator boss; the password is that of ADMIN_PASSWORD.\n"
    assert second.stdout == "There is an administrator already; nothing was changed.\n"
    assert can_sign_in(app, "boss", PASSWORD)


@pytest.mark.usefixtures("administrator")
@pytest.mark.parametrize("password", [None, SecretStr("another-password")])
def test_the_first_administrator_is_not_created_beside_another(
    run: Run, app: Flask, change_settings: Callable[..., None], password: SecretStr | None
) -> None:
    change_settings(admin_username="boss", admin_password=password)

    assert run("admin", "create", "--first").exit_code == 0
    with app.app_context():
        assert [each.username for each in administrators.list_administrators()] == ["admin"]


def test_without_admin_password_the_first_administrator_is_refused(run: Run) -> None:
    result = run("admin", "create", "--first")

    assert result.exit_code == 1
    assert result.stderr == "ADMIN_PASSWORD is not set, so the first administrator cannot be created.\n"


def test_why_the_first_administrator_was_not_created_is_said(run: Run, change_settings: Callable[..., None]) -> None:
    change_settings(admin_username=" ", admin_password=SecretStr(PASSWORD))

    result = run("admin", "create", "--first")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "The first administrator was not created. The name is empty.\n"


@pytest.mark.parametrize("command", [("prepare",), ("admin", "create", "--first")])
def test_a_first_password_that_somebody_would_try_stops_the_release_with_what_to_do(
    run: Run, change_settings: Callable[..., None], command: tuple[str, ...]
) -> None:
    change_settings(admin_password=SecretStr("12345678"))

    result = run(*command)

    assert result.exit_code == 1
    assert result.stderr.startswith("The first administrator was not created. This password is one of the first")
    assert result.stderr.endswith("Put such a one into ADMIN_PASSWORD and start again.\n")
    assert "12345678" not in result.output


@pytest.mark.usefixtures("administrator")
def test_such_a_password_stops_no_release_once_somebody_can_sign_in(
    run: Run, change_settings: Callable[..., None]
) -> None:
    change_settings(admin_password=SecretStr("12345678"))

    assert run("prepare").exit_code == 0


def test_of_two_releases_at_the_same_moment_one_creates_the_first_administrator(
    run: Run, change_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(admin_username="boss", admin_password=SecretStr(PASSWORD))
    has_administrators = administrators.has_administrators

    def created_by_the_other_after_this_look() -> bool:
        monkeypatch.setattr(administrators, "has_administrators", has_administrators)
        found = has_administrators()
        administrators.create_administrator("boss", PASSWORD)
        return found

    monkeypatch.setattr(administrators, "has_administrators", created_by_the_other_after_this_look)
    result = run("admin", "create", "--first")

    assert (result.exit_code, result.stdout) == (0, "There is an administrator already; nothing was changed.\n")


def test_a_release_without_an_administrator_says_how_to_create_one(run: Run) -> None:
    result = run("prepare")

    assert result.exit_code == 0
    assert result.stdout.endswith(
        "Nobody can sign in yet. Create an administrator: flask --app wsgi admin create NAME\n"
    )


@pytest.mark.usefixtures("administrator")
def test_a_release_on_a_machine_without_a_known_time_zone_says_how_to_set_one(
    run: Run, change_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("settings.machine_zone", lambda: None)
    change_settings(time_zone="")

    result = run("prepare")

    assert result.exit_code == 0
    assert "times are shown in UTC; set TIME_ZONE" in result.stdout


@pytest.mark.usefixtures("administrator")
def test_a_password_is_replaced(run: Run, app: Flask) -> None:
    assert run("admin", "set-password", "admin", typed="another-password\n").exit_code == 0
    assert can_sign_in(app, "admin", "another-password")
    assert not can_sign_in(app, "admin", PASSWORD)
    assert run("admin", "set-password", "nobody", typed=PASSWORD).exit_code == 1


@pytest.mark.usefixtures("administrator")
def test_an_administrator_is_removed_and_the_last_one_only_on_demand(run: Run, app: Flask) -> None:
    run("admin", "create", "maria", typed=PASSWORD)

    removed, unknown, last = (run("admin", "remove", name) for name in ("maria", "maria", "admin"))

    assert (removed.exit_code, removed.stdout) == (
        0,
        "The administrator maria is removed; their sessions have ended.\n",
    )
    assert (unknown.exit_code, unknown.stderr) == (1, "There is no administrator called maria.\n")
    assert last.exit_code == 1
    assert "admin is the last administrator" in last.stderr
    assert can_sign_in(app, "admin", PASSWORD)
    assert run("admin", "remove", "admin", "--even-the-last").exit_code == 0
    assert not can_sign_in(app, "admin", PASSWORD)


@pytest.mark.usefixtures("administrator")
def test_the_list_says_who_signed_in_when(run: Run, app: Flask) -> None:
    with app.app_context(), reading():
        administrator = administrators.sign_in("admin", PASSWORD)
        assert administrator is not None
        administrators.note_sign_in(administrator, PASSWORD, datetime(2026, 11, 27, 9, 30, tzinfo=UTC))

    assert run("admin", "list").stdout.rstrip().endswith("2026-11-27T09:30:00Z")


@pytest.mark.usefixtures("administrator")
def test_administrators_are_listed_without_their_hashes(run: Run) -> None:
    result = run("admin", "list")

    assert re.fullmatch(r"NAME +CREATED +LAST SIGN-IN\nadmin +\d{4}-\d\d-\d\dT[\d:]+Z +-\n", result.stdout)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment of its own for processes, with a migrated database."""
    env = {**os.environ, "VAR_DIR": str(tmp_path_factory.mktemp("var"))}
    subprocess.run(flask("db", "upgrade"), cwd=ROOT, env=env, capture_output=True, check=True)
    return env


def flask(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]


def read_until(terminal: int, words: bytes) -> bytes:
    """What a program prints up to ``words``."""
    seen = b""
    while words not in seen:
        assert select.select([terminal], [], [], 60)[0], f"waited for {words!r} after {seen!r}"
        seen += os.read(terminal, 1024)
    return seen


@pytest.mark.processes
def test_the_release_line_creates_the_first_administrator(environment: dict[str, str]) -> None:
    env = environment | {"ADMIN_PASSWORD": PASSWORD}

    done = subprocess.run(
        flask("admin", "create", "--first"), cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )

    assert done.stdout == "Created the administrator admin; the password is that of ADMIN_PASSWORD.\n"
    assert PASSWORD not in done.stdout + done.stderr


@pytest.mark.processes
def test_a_password_typed_at_a_terminal_is_asked_twice_and_not_shown(environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        flask("admin", "create", "maria"),
        cwd=ROOT,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    for question in (b"better 15: ", b"Repeat for confirmation: "):
        seen += read_until(ours, question)
        os.write(ours, PASSWORD.encode() + b"\n")
    seen += read_until(ours, b"maria.")
    os.close(ours)

    assert process.wait(60) == 0
    assert b"Created the administrator maria." in seen
    assert PASSWORD.encode() not in seen
