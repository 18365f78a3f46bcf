"""The salt of an installation: there from the start, made where it is missing, and one for everybody."""

import threading
from collections.abc import Iterator
from secrets import token_hex, token_urlsafe

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import event, select

from domain.db import db
from domain.secrets import key_derivation
from domain.secrets.salt import Salt, StoredSalt
from domain.secrets.vault import KeyContext, Vault
from providers.kinds import ProviderKind, StageType

POEM = KeyContext(StageType.POEM, ProviderKind.OPENAI)
KEY = "sk-fake-0123456789"


@pytest.fixture
def passphrase(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(key_derivation, "SCRYPT_N", 2)
    return f"fake passphrase {token_urlsafe()}"


def test_the_migration_draws_one() -> None:
    db.session.remove()
    downgrade(revision="0005")
    upgrade()

    [salt] = db.session.scalars(select(Salt.salt))

    assert len(salt) == 16
    assert len(set(salt)) > 4
    assert StoredSalt().read() == StoredSalt().make() == salt


def test_where_it_is_missing_it_is_stored_with_what_it_was_made_for(passphrase: str) -> None:
    assert StoredSalt().read() is None
    token = Vault(passphrase, salt=StoredSalt()).seal(KEY, POEM)
    db.session.commit()

    assert Vault(passphrase, salt=StoredSalt()).open(token, POEM) == KEY
    assert StoredSalt().make() == StoredSalt().read()


def test_one_that_was_rolled_back_is_forgotten_by_the_process_that_made_it(passphrase: str) -> None:
    vault = Vault(passphrase, salt=StoredSalt())
    vault.seal(KEY, POEM)
    assert StoredSalt().read() is None
    db.session.rollback()
    token = Vault(passphrase, salt=StoredSalt()).seal(KEY, POEM)
    db.session.commit()

    assert vault.open(token, POEM) == KEY
    assert vault.seal(KEY, POEM).split(".")[1] == token.split(".")[1]


def test_two_processes_that_make_it_at_once_share_one(app: Flask) -> None:
    about_to_store, found = threading.Event(), []
    on_postgresql = db.engine.dialect.name == "postgresql"
    first = StoredSalt().make()

    def make_another() -> None:
        with app.app_context():
            found.append(StoredSalt().make())
            db.session.commit()

    def notice(*arguments: object) -> None:
        if str(arguments[2]).startswith("INSERT INTO salts"):
            about_to_store.set()

    event.listen(db.engine, "before_cursor_execute", notice)
    second = threading.Thread(target=make_another)
    second.start()
    if on_postgresql:
        # On SQLite it cannot even look before the first has ended its transaction.
        assert about_to_store.wait(60)
    db.session.commit()
    second.join()
    event.remove(db.engine, "before_cursor_execute", notice)

    assert found == [first]
    assert StoredSalt().read() == first


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What the database is asked."""
    asked: list[str] = []

    def note(*arguments: object) -> None:
        asked.append(str(arguments[2]))

    event.listen(db.engine, "before_cursor_execute", note)
    yield asked
    event.remove(db.engine, "before_cursor_execute", note)


def test_to_open_it_is_read_once_in_a_process(passphrase: str, statements: list[str]) -> None:
    token = Vault(passphrase, salt=StoredSalt()).seal(KEY, POEM)
    db.session.commit()
    vault = Vault(passphrase, salt=StoredSalt())
    statements.clear()

    assert [vault.open(token, POEM) for _ in range(3)] == [KEY] * 3

    assert len([each for each in statements if "FROM salts" in each]) == 1


def test_a_random_secret_asks_for_no_salt(statements: list[str]) -> None:
    vault = Vault(token_hex(32), salt=StoredSalt())

    vault.opens(vault.seal(KEY, POEM), POEM)
    vault.opens("v1.00000000.AAAA", POEM)

    assert statements == []
