"""How bad input is sent: past the clients that would mend it on the way."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

Fields = Iterable[tuple[str, str]]

URLENCODED = "application/x-www-form-urlencoded"
NEW_KEY = "sk-fake-9876543210-z9y8"
SECTION = {"stage_type": "POEM", "provider_kind": "OPENAI", "api_key": NEW_KEY, "model": "", "version": ""}


def send_form(client: FlaskClient, path: str, fields: Fields) -> TestResponse:
    """Post the fields as they are, halves of surrogate pairs in the bytes that some systems make of them."""
    body = urlencode(list(fields), errors="surrogatepass")
    return client.post(path, data=body, content_type=URLENCODED, buffered=True)


def as_bytes_arrive(text: str) -> str:
    """``text`` as a server gives it to a WSGI application, in a path or a header."""
    return text.encode(errors="surrogatepass").decode("latin-1")


def get_path(client: FlaskClient, path: str, method: str = "GET", **rest: Any) -> TestResponse:
    """Ask for a path whose bytes nobody has tidied."""
    over = {"PATH_INFO": as_bytes_arrive(path)}
    return client.open("/", method=method, environ_overrides=over, buffered=True, **rest)


def form(**changes: str) -> str:
    """The form of a section as a browser sends it, with ``changes``."""
    return urlencode({**SECTION, **changes})
