"""An application that is given another ADMIN_SECRET_KEY: what was sealed before cannot be opened until it is back."""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex

from flask import Flask

from domain.secrets.context import EXTENSION
from domain.secrets.vault import Vault


@contextmanager
def other_secret(app: Flask, *previous: str) -> Iterator[Vault]:
    """The vault of a secret that has sealed nothing yet, for as long as this lasts."""
    before = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = Vault(token_hex(32), previous)
    try:
        yield app.extensions[EXTENSION]
    finally:
        app.extensions[EXTENSION] = before
