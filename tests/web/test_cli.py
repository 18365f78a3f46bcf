"""The command line: what it does, what it refuses, and what it never shows."""

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import create_engine, update

from domain import accounts
from domain.db import db
from domain.orders import Stage, StageState
from providers.kinds import StageType
from tests import builders

ROOT = Path(__file__).parents[2]
PASSWORD = "correct-horse-battery"

Run = Callable[..., Result]
Messages = list[tuple[str, int | str]]


@pytest.fixture
def run(app: Flask) -> Run:
    """``run("orders", "list")``; ``typed`` comes by standard input."""

    def call(*arguments: str, typed: str = "") -> Result:
        result = app.test_cli_runner().invoke(args=list(arguments), input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return call


def can_sign_in(app: Flask, name: str, password: str) -> bool:
    with app.app_context():
        return accounts.sign_in(name, password) is not None


def test_an_administrator_is_created_with_a_password_from_standard_input(run: Run, app: Flask) -> None:
    result = run("admin", "create", "maria", typed=PASSWORD + "\n")

    assert (result.exit_code, result.stdout) == (0, "Created the administrator maria.\n")
    assert can_sign_in(app, "maria", PASSWORD)


@pytest.mark.parametrize("typed", ["", "short\n", "x" * 2000])
def test_an_unfit_password_is_refused(run: Run, typed: str) -> None:
    result = run("admin", "create", "maria", typed=typed)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "The password must have 8 to 1024 characters.\n"


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


def test_without_admin_password_the_first_administrator_is_refused(run: Run) -> None:
    result = run("admin", "create", "--first")

    assert result.exit_code == 1
    assert result.stderr == "ADMIN_PASSWORD is not set, so the first administrator cannot be created.\n"


@pytest.mark.usefixtures("administrator")
def test_a_password_is_replaced(run: Run, app: Flask) -> None:
    assert run("admin", "set-password", "admin", typed="another-password\n").exit_code == 0
    assert can_sign_in(app, "admin", "another-password")
    assert not can_sign_in(app, "admin", PASSWORD)
    assert run("admin", "set-password", "nobody", typed=PASSWORD).exit_code == 1


@pytest.mark.usefixtures("administrator")
def test_administrators_are_listed_without_their_hashes(run: Run) -> None:
    result = run("admin", "list")

    assert re.fullmatch(r"NAME +CREATED\nadmin +\d{4}-\d\d-\d\dT[\d:]+Z\n", result.stdout)


def test_a_token_is_printed_once_and_then_only_its_name(run: Run, app: Flask) -> None:
    created = run("api-token", "create", "shop")
    listed = run("api-token", "list")

    token = created.stdout.strip()
    assert re.fullmatch(r"qt_[\w-]{43}\n", created.stdout)
    assert "shop" in listed.stdout
    assert token not in listed.stdout
    with app.app_context():
        assert accounts.find_api_token(token) is not None


def test_a_revoked_token_no_longer_serves(run: Run, app: Flask) -> None:
    token = run("api-token", "create", "shop").stdout.strip()

    assert run("api-token", "revoke", "shop").exit_code == 0
    assert run("api-token", "revoke", "bot").exit_code == 1
    with app.app_context():
        assert accounts.find_api_token(token) is None


def test_orders_are_listed_newest_first_and_by_state(run: Run, app: Flask) -> None:
    with app.app_context():
        first, second = (builders.place_order().id for _ in range(2))
        builders.run(first)

    everything = json.loads(run("orders", "list", "--json").stdout)
    waiting = json.loads(run("orders", "list", "--state", "waiting", "--json").stdout)

    assert [order["id"] for order in everything] == [second, first]
    assert [order["id"] for order in waiting] == [first]
    assert [order["id"] for order in json.loads(run("orders", "list", "--json", "--limit", "1").stdout)] == [second]
    assert waiting[0]["stages"]["POEM"]["reason"] == "not_configured"
    assert f"\n{second} " in run("orders", "list").stdout
    assert run("orders", "list", "--state", "lost").exit_code == 2


def test_an_order_is_shown_without_the_words_of_the_customer(run: Run, app: Flask) -> None:
    with app.app_context():
        builders.working_section()
        order_id = builders.place_order(recipient="Анна").id
        builders.run(order_id)

    shown = run("orders", "show", str(order_id))
    facts = json.loads(run("orders", "show", str(order_id), "--json").stdout)

    assert shown.stdout.startswith(f"Order {order_id}: done, placed ")
    assert "DUMMY" in shown.stdout
    assert facts["stages"]["POEM"]["state"] == "done"
    assert "Анна" not in shown.stdout + json.dumps(facts, ensure_ascii=False)


def test_an_order_that_is_not_there_is_refused(run: Run) -> None:
    result = run("orders", "show", "7")

    assert (result.exit_code, result.stderr) == (1, "There is no order 7.\n")
    assert run("orders", "show", str(2**31)).exit_code == 2
    assert run("orders", "show", "seven").exit_code == 2


def test_a_failed_stage_is_queued_again_and_sent(run: Run, app: Flask, messages: Messages) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        stage_id = builders.stage_of(order_id).id
        db.session.execute(update(Stage).values(state=StageState.FAILED, reason="content_blocked"))
        db.session.commit()

    result = run("orders", "retry", str(order_id), "poem")

    assert (result.exit_code, result.stdout) == (0, f"POEM of order {order_id} is queued.\n")
    assert messages == [("tasks.generation.generate_poem", stage_id)]
    with app.app_context():
        assert builders.stage_of(order_id).state is StageState.QUEUED


def test_a_stage_that_has_not_failed_is_not_retried(run: Run, app: Flask, messages: Messages) -> None:
    with app.app_context():
        order_id = builders.place_order().id

    result = run("orders", "retry", str(order_id), "POEM")

    assert result.exit_code == 1
    assert result.stderr == f"POEM of order {order_id} is queued; retry takes what failed or needs attention.\n"
    assert messages == []
    assert run("orders", "retry", str(order_id), "SONG").stderr == f"Order {order_id} has no SONG.\n"
    assert run("orders", "retry", str(order_id), "BOOK").exit_code == 2


@pytest.mark.usefixtures("broker_away")
def test_a_retry_counts_while_the_broker_is_away(run: Run, app: Flask) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        db.session.execute(update(Stage).values(state=StageState.ATTENTION))
        db.session.commit()

    result = run("orders", "retry", str(order_id), "POEM")

    assert result.exit_code == 0
    assert result.stdout.endswith(" is queued. The broker is away: it starts later.\n")


def test_sections_are_listed_as_they_are_stored(run: Run, app: Flask) -> None:
    with app.app_context():
        builders.working_section(StageType.POEM)

    poem, *others = json.loads(run("providers", "list", "--json").stdout)
    table = run("providers", "list").stdout.splitlines()

    assert (poem["stage_type"], poem["ready"], poem["provider_kind"], poem["reason"]) == ("POEM", True, "DUMMY", None)
    assert [(each["ready"], each["reason"]) for each in others] == [(False, "not_configured")] * 3
    assert [line.split()[:2] for line in table[1:]] == [
        ["POEM", "yes"],
        ["VOICE", "no"],
        ["SONG", "no"],
        ["CLIP", "no"],
    ]


def test_a_list_of_sections_holds_no_key(run: Run, app: Flask) -> None:
    with app.app_context():
        builders.save_section(StageType.POEM, builders.ProviderKind.OPENAI, api_key="sk-canary-0123456789abcd")

    listed = run("providers", "list").stdout + run("providers", "list", "--json").stdout

    assert "…abcd" in listed
    assert "canary" not in listed


def test_a_check_is_asked_for(run: Run, app: Flask, messages: Messages) -> None:
    with app.app_context():
        builders.working_section(StageType.POEM)

    result = run("providers", "check", "POEM")

    assert (result.exit_code, result.stdout) == (0, "The check of POEM was asked for.\n")
    assert messages == [("tasks.config.validate_and_fetch_models", "POEM")]
    with app.app_context():
        assert builders.section(StageType.POEM).is_checking


def test_a_check_of_a_section_that_was_never_set_is_refused(run: Run, messages: Messages) -> None:
    result = run("providers", "check", "SONG")

    assert (result.exit_code, result.stderr) == (1, "There is nothing to check: SONG has no provider.\n")
    assert messages == []


def test_a_fresh_secret_is_different_each_time(run: Run) -> None:
    secrets = {run("secrets", "generate").stdout.strip() for _ in range(3)}

    assert len(secrets) == 3
    assert all(len(secret) >= 32 for secret in secrets)


def test_a_database_that_is_away_is_said_in_a_sentence(run: Run, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        monkeypatch.setitem(db.engines, None, create_engine("sqlite:////nowhere/at/all.db"))

    result = run("orders", "list")

    assert result.exit_code == 1
    assert result.stderr.startswith("The database cannot be used (OperationalError).")


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
        assert select.select([terminal], [], [], 20)[0], f"waited for {words!r} after {seen!r}"
        seen += os.read(terminal, 1024)
    return seen


def test_the_release_line_creates_the_first_administrator(environment: dict[str, str]) -> None:
    env = environment | {"ADMIN_PASSWORD": PASSWORD}

    done = subprocess.run(
        flask("admin", "create", "--first"), cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )

    assert done.stdout == "Created the administrator admin; the password is that of ADMIN_PASSWORD.\n"
    assert PASSWORD not in done.stdout + done.stderr


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
    for question in (b"Password: ", b"Repeat for confirmation: "):
        seen += read_until(ours, question)
        os.write(ours, PASSWORD.encode() + b"\n")
    seen += read_until(ours, b"maria.")
    os.close(ours)

    assert process.wait(10) == 0
    assert b"Created the administrator maria." in seen
    assert PASSWORD.encode() not in seen
