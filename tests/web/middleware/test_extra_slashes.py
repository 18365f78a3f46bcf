"""A slash too many at the end of an address leads to the page, and never to anybody else's."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import json_of


def pages(app: Flask) -> list[str]:
    """The address of everything that can be looked at without knowing a number or a name."""
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    return [rule.rule for rule in rules if rule.rule != "/" and not rule.rule.startswith("/api/v1/")]


def test_a_slash_too_many_leads_to_each_page(app: Flask, client: FlaskClient) -> None:
    found = {page: client.get(f"{page}/") for page in pages(app)}

    assert {"/admin", "/admin/orders", "/admin/orders/new", "/admin/login", "/api/docs"} <= set(found)
    assert {page: (answer.status_code, answer.headers.get("Location")) for page, answer in found.items()} == {
        page: (308, page) for page in found
    }


@pytest.mark.parametrize(
    ("asked", "page"),
    [
        ("/admin/orders/?state=failed&q=%D0%90", "/admin/orders?state=failed&q=%D0%90"),
        ("/admin/orders/7/", "/admin/orders/7"),
        ("/admin/orders/7/works/SONG/?download=1", "/admin/orders/7/works/SONG?download=1"),
        ("/admin/providers/POEM/history//", "/admin/providers/POEM/history"),
    ],
)
def test_what_stands_in_the_address_is_kept(client: FlaskClient, asked: str, page: str) -> None:
    answer = client.get(asked)

    assert (answer.status_code, answer.headers.get("Location")) == (308, page)


@pytest.mark.parametrize(
    "asked", ["//evil.example/", "//evil.example/admin/", "/\\evil.example/", "/admin/nothing/", "/admin/orders/x/"]
)
def test_what_is_no_page_of_ours_is_not_found(admin: FlaskClient, asked: str) -> None:
    assert admin.get("/", environ_overrides={"PATH_INFO": asked}).status_code == 404


def test_a_form_and_a_program_are_told_that_the_address_is_wrong(admin: FlaskClient) -> None:
    program = admin.get("/api/v1/stages/")

    assert admin.post("/admin/orders/new/").status_code == 404
    assert (program.status_code, json_of(program)["error"]["code"]) == (404, "not_found")
