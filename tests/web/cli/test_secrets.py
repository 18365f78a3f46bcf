"""Changing ADMIN_SECRET_KEY on the command line: what is in use, sealing it anew, trying whether all can be read."""

import json
from collections.abc import Callable
from secrets import token_hex

import pytest
from click.testing import Result
from flask import Flask

from domain.db import db
from domain.secrets.context import EXTENSION
from domain.secrets.vault import Vault
from providers.kinds import StageType
from tests import builders
from tests.sealed_rows import KEYS, fill_every_place, keys_opened_by

Run = Callable[..., Result]
OLD, NEW = token_hex(32), token_hex(32)
OLD_ID, NEW_ID = Vault(OLD).key_id, Vault(NEW).key_id


@pytest.fixture(autouse=True)
def order_id(app: Flask, monkeypatch: pytest.MonkeyPatch) -> int:
    """All is sealed with the old secret, and the commands know both."""
    monkeypatch.setitem(app.extensions, EXTENSION, Vault(NEW, (OLD,)))
    with app.app_context():
        return fill_every_place(Vault(OLD))


@pytest.fixture
def one_unreadable(app: Flask) -> None:
    with app.app_context():
        builders.section(StageType.SONG).api_key_encrypted = "v1.0badbad0.AAAA"
        db.session.commit()


def test_the_whole_way_from_one_secret_to_the_next(
    run: Run, app: Flask, monkeypatch: pytest.MonkeyPatch, order_id: int
) -> None:
    before = run("secrets", "status")
    rehearsed = run("secrets", "rotate", "--dry-run")
    done = run("secrets", "rotate")
    monkeypatch.setitem(app.extensions, EXTENSION, Vault(NEW))
    after = run("secrets", "status")
    verified = run("secrets", "verify")

    assert [each.exit_code for each in (before, rehearsed, done, after, verified)] == [0] * 5
    assert before.stdout.splitlines()[2:] == [
        f"{NEW_ID}  seals  0     0          0         0",
        f"{OLD_ID}  opens  2     1          1         1",
    ]
    assert rehearsed.stdout.endswith(
        "re_encrypted 5, skipped 0, empty 2, failed 0.\nThis was a dry run: nothing was changed.\n"
    )
    assert f"SONG, job of order {order_id}: re-encrypted.\n" in done.stdout
    assert done.stdout.endswith(f"re_encrypted 5, skipped 0, empty 2, failed 0.\nThe key {NEW_ID} seals now.\n")
    assert after.stdout.splitlines()[2] == f"{NEW_ID}  seals  2     1          1         1"
    assert after.stdout.splitlines()[3].endswith(" UTC by the command line.")
    assert verified.stdout == "Every stored key can be read: 5.\n"
    with app.app_context():
        assert keys_opened_by(Vault(NEW)) == KEYS


@pytest.mark.usefixtures("one_unreadable")
def test_a_key_that_cannot_be_read_is_named_and_stops_the_rotation(run: Run, app: Flask) -> None:
    refused, verified = run("secrets", "rotate"), run("secrets", "verify")

    assert (refused.exit_code, verified.exit_code) == (1, 1)
    named = "SONG, live: sealed with the key 0badbad0, which no secret here gives.\n"
    assert refused.stderr.startswith(f"{named}Nothing was changed: a key cannot be read. Bring the ADMIN_SECRET_KEY")
    assert verified.stderr.startswith(f"{named}Cannot be read: 1 of 5 stored keys. ")
    assert "\n0badbad0  missing  1 " in run("secrets", "status").stdout
    skipped = run("secrets", "rotate", "--skip-unreadable")
    assert skipped.exit_code == 1
    assert skipped.stdout.endswith(f"re_encrypted 4, skipped 0, empty 2, failed 1.\nThe key {NEW_ID} seals now.\n")


@pytest.mark.usefixtures("one_unreadable")
def test_machines_are_told_the_same(run: Run, order_id: int) -> None:
    rehearsed = json.loads(run("secrets", "rotate", "--dry-run", "--json").stdout)
    refused = json.loads(run("secrets", "rotate", "--json").stdout)
    verified = json.loads(run("secrets", "verify", "--json").stdout)
    done = json.loads(run("secrets", "rotate", "--skip-unreadable", "--json").stdout)
    status = json.loads(run("secrets", "status", "--json").stdout)

    unreadable = {"stage_type": "SONG", "kind": "live", "order_id": None, "key_id": "0badbad0", "reason": "unknown_key"}
    assert (rehearsed["dry_run"], rehearsed["committed"], rehearsed["re_encrypted"]) == (True, False, 4)
    assert (refused["committed"], refused["failed"]) == (False, 1)
    assert {**unreadable, "outcome": "failed"} in refused["places"]
    assert verified == {"readable": 4, "unreadable": [unreadable]}
    counters = {"re_encrypted": 4, "skipped": 0, "empty": 2, "failed": 1}
    assert {name: done[name] for name in counters} == counters
    assert (done["committed"], done["key_id"]) == (True, NEW_ID)
    assert status["keys"] == [
        {"key_id": NEW_ID, "seals": True, "opens": True, "live": 1, "candidate": 1, "previous": 1, "job": 1},
        {"key_id": "0badbad0", "seals": False, "opens": False, "live": 1, "candidate": 0, "previous": 0, "job": 0},
    ]
    assert {name: status["last_rotation"][name] for name in counters} == counters


@pytest.mark.usefixtures("one_unreadable")
def test_no_command_ever_shows_a_key_a_token_or_a_secret(run: Run) -> None:
    shown = ""
    for command in (["status"], ["verify"], ["rotate", "--dry-run"], ["rotate"], ["rotate", "--skip-unreadable"]):
        for more in ([], ["--json"]):
            shown += run("secrets", *command, *more).output

    assert not [secret for secret in (*KEYS, "canary", "v1.", OLD, NEW) if secret in shown]


def test_an_option_that_there_is_not_is_wrong_usage(run: Run) -> None:
    assert run("secrets", "rotate", "--force").exit_code == 2


def test_without_any_key_there_is_nothing_to_do(run: Run, app: Flask) -> None:
    with app.app_context():
        for table in reversed(db.metadata.sorted_tables):
            db.session.execute(table.delete())
        db.session.commit()

    assert run("secrets", "rotate").stdout.startswith("re_encrypted 0, skipped 0, empty 0, failed 0.")
    assert run("secrets", "verify").stdout == "Every stored key can be read: 0.\n"
    assert run("secrets", "status").stdout.startswith(f"The key {NEW_ID} seals now.\n")
