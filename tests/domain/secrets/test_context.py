"""The application's vault hides what it seals or opens, knows all secrets that it got, and has a salt."""

import secrets
from collections.abc import Iterator

import pytest
from flask import Flask
from pydantic import SecretStr

from domain.db import db
from domain.secrets import key_derivation
from domain.secrets.context import EXTENSION, current_vault, install_vault
from domain.secrets.redaction import HIDDEN, redactor
from domain.secrets.salt import StoredSalt
from domain.secrets.vault import KeyContext, Vault
from providers.kinds import ProviderKind, StageType

POEM = KeyContext(StageType.POEM, ProviderKind.OPENAI)
KEY = "fake-key-of-the-vault-0123456789"
EARLIER = secrets.token_hex(32)


@pytest.fixture(autouse=True)
def earlier_secret(app: Flask, in_app: None) -> Iterator[None]:
    """The application has a new secret, and still knows the one before."""
    before = app.extensions[EXTENSION]
    settings = app.config["SETTINGS"]
    install_vault(app, settings.model_copy(update={"admin_secret_key_previous": (SecretStr(EARLIER),)}))
    yield
    app.extensions[EXTENSION] = before


def test_a_key_is_hidden_once_it_was_opened() -> None:
    token = Vault(EARLIER).seal(KEY, POEM)
    assert redactor.clean(KEY) == KEY

    assert current_vault().open(token, POEM) == KEY

    assert redactor.clean(KEY) == HIDDEN


def test_a_key_is_hidden_once_it_was_sealed() -> None:
    current_vault().seal(KEY, POEM)

    assert redactor.clean(KEY) == HIDDEN


def test_it_seals_with_the_present_secret_and_opens_with_both(app: Flask) -> None:
    vault, present = current_vault(), Vault(app.config["SETTINGS"].admin_secret_key.get_secret_value())

    assert vault.key_id == present.key_id
    assert vault.holds(Vault(EARLIER).key_id)
    assert present.open(vault.seal(KEY, POEM), POEM) == KEY


def test_with_a_passphrase_it_takes_the_salt_of_the_database(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_derivation, "SCRYPT_N", 2)
    passphrase = f"fake passphrase {secrets.token_urlsafe()}"
    settings = app.config["SETTINGS"]
    install_vault(app, settings.model_copy(update={"admin_secret_key": SecretStr(passphrase)}))

    token = current_vault().seal(KEY, POEM)
    db.session.commit()

    assert Vault(passphrase, salt=StoredSalt()).key_id == current_vault().key_id
    assert current_vault().open(token, POEM) == KEY
