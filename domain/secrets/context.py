"""What the domain takes from the running application: its settings and its vault."""

from typing import cast

from flask import Flask, current_app

from domain.secrets.redaction import redactor
from domain.secrets.salt import StoredSalt
from domain.secrets.vault import Vault
from settings import Settings

EXTENSION = "quatrain.vault"


def install_vault(app: Flask, settings: Settings) -> None:
    """Give ``app`` the vault of its ``ADMIN_SECRET_KEY``. Needs no database: what costs time is derived when needed."""
    app.extensions[EXTENSION] = Vault(
        settings.admin_secret_key.get_secret_value(),
        tuple(secret.get_secret_value() for secret in settings.admin_secret_key_previous),
        StoredSalt(),
        hide=redactor.know,
    )


def current_vault() -> Vault:
    """The vault of the application at work."""
    return cast(Vault, current_app.extensions[EXTENSION])
