"""Naughty strings and numbers in every part of an address that is read."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from domain.db import db
from tests import builders
from tests.database_kinds import on_one_database
from tests.hostile.pages import bones
from tests.hostile.sending import get_path
from tests.hostile.strings import EVERYTHING, OWN, strings_for
from tests.hostile.tally import Tally
from tests.web.admin.browser import Page

ORIGIN = "addresses"

# After a minute an order would be one that stands still, and its page another one.
pytestmark = [on_one_database, pytest.mark.usefixtures("clock", "kinds")]

Api = Callable[..., TestResponse]


@pytest.fixture
def strings(app: Flask) -> Callable[[str], list[str]]:
    """What is put into a place: on PostgreSQL what its numbers and texts cannot hold, on SQLite all kinds."""
    with app.app_context():
        all_kinds = EVERYTHING or db.engine.dialect.name == "sqlite"
    numbers = [*OWN["digits of others"], *OWN["sizes of numbers"], "a\x00b", "\x00", "\ud800", "1 OR 1=1"]
    return strings_for if all_kinds else lambda _place: numbers


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("/admin/orders", ("state", "stuck", "before", "q")),
        ("/admin/orders/1", ("part",)),
        ("/admin/providers/POEM/history", ("before",)),
        ("/admin/login", ("lang", "next")),
        ("/admin/orders/new", ("recipient", "lang")),
    ],
)
def test_an_argument_that_means_nothing_changes_nothing(
    app: Flask,
    admin: FlaskClient,
    strings: Callable[[str], list[str]],
    tally: Tally,
    path: str,
    arguments: tuple[str, ...],
) -> None:
    with app.app_context():
        builders.place_order()
        builders.working_section()
    harmless = set()
    for filled in ("", "1"):
        harmless |= bones(Page(admin.get(path, query_string=dict.fromkeys(arguments, filled))))
    harmless |= bones(Page(admin.get("/admin/orders?before=-1")))

    for text in strings(path):
        query = "&".join(f"{name}={escaped(text)}" for name in arguments)
        answer = admin.get(path, query_string=query, buffered=True)
        tally.answered((path, text), answer.status_code)
        tally.refuse_that((path, text), let_in=answer.status_code not in {200, 303, 404})
        assert bones(Page(answer)) <= harmless, text


PARTS = [
    ("GET", "/admin/orders/{}"),
    ("POST", "/admin/orders/{}/stages/POEM/retry"),
    ("POST", "/admin/orders/1/stages/{}/retry"),
    ("GET", "/admin/orders/1/works/{}"),
    ("GET", "/admin/providers/{}"),
    ("POST", "/admin/providers/{}/clear"),
    ("POST", "/admin/providers/POEM/{}"),
    ("GET", "/static/{}"),
    ("GET", "/{}"),
    ("POST", "/callbacks/{}"),
    ("GET", "/api/v1/orders/{}"),
    ("GET", "/api/v1/orders/1/works/{}"),
]


@pytest.mark.parametrize(("method", "path"), PARTS, ids=[" ".join(each) for each in PARTS])
def test_a_part_that_names_nothing_is_not_found(
    admin: FlaskClient,
    csrf: str,
    token: str,
    strings: Callable[[str], list[str]],
    tally: Tally,
    method: str,
    path: str,
) -> None:
    headers = {"X-CSRFToken": csrf, "Authorization": f"Bearer {token}"}

    for text in strings(path):
        answer = get_path(admin, path.format(text), method, headers=headers, data={})
        tally.answered((path, text), answer.status_code)
        # Slashes and dots may make another address of it; of a form without a type each of ours takes it for none.
        tally.refuse_that((path, text), let_in=answer.status_code not in {303, 308, 400, 404, 405, 415})
        assert not answer.location or answer.location.startswith(("/", "http://localhost/")), text


def escaped(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode(errors="surrogatepass"))
