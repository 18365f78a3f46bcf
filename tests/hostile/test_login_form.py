"""Bad input to whoever is not signed in: the form of the login page."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.database_kinds import on_both_databases
from tests.hostile.pages import bones
from tests.hostile.sending import send_form
from tests.hostile.strings import is_text, strings_for
from tests.hostile.tally import Tally
from tests.web.admin.browser import Page, token_of

ORIGIN = "form of the login page"
LOGIN = "/admin/login"


@on_both_databases
@pytest.mark.usefixtures("administrator", "kinds", "no_limits")
def test_no_text_is_a_name_or_a_password(client: FlaskClient, tally: Tally) -> None:
    token = token_of(client.get(LOGIN))
    harmless = set()
    for plain in ("", "plain", "plain" * 50):
        harmless |= bones(Page(send_form(client, LOGIN, sign_in(token, plain))))

    for text in strings_for("login"):
        answer = send_form(client, LOGIN, sign_in(token, text))
        tally.answered(text, answer.status_code)
        tally.refuse_that(text, let_in=answer.status_code != (422 if is_text(text) else 400))
        if answer.status_code == 422:
            page = Page(answer)
            assert bones(page) <= harmless, text
            # Neither comes back.
            assert [page.one("input", name=name).get("value") or "" for name in ("username", "password")] == ["", ""]
    assert client.get("/admin").location == LOGIN


def sign_in(token: str, text: str) -> list[tuple[str, str]]:
    return [("csrf_token", token), ("username", text), ("password", text)]


BODIES = (
    "[1]",
    "[[1, 2]]",
    '"x"',
    "null",
    '{"username": 5, "password": 6}',
    '{"username": ["a"], "password": {}}',
    "{",
)


@pytest.mark.parametrize("path", [LOGIN, "/admin/logout"])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/xml", ""])
def test_what_is_no_form_is_refused(admin: FlaskClient, csrf: str, tally: Tally, path: str, content_type: str) -> None:
    for body in BODIES:
        answer = admin.post(path, data=body, content_type=content_type, headers={"X-CSRFToken": csrf})
        tally.answered(body, answer.status_code)
        tally.refuse_that(body, let_in=answer.status_code != 415)
    assert admin.get("/admin").status_code == 200


def test_a_form_that_is_not_the_one_of_the_page_is_refused(app: Flask, client: FlaskClient, tally: Tally) -> None:
    token = token_of(client.get(LOGIN))

    for more in ([("next", "//elsewhere.example")], [("username", "b")], [("csrf_token", token)]):
        answer = send_form(client, LOGIN, [*sign_in(token, "a"), *more])
        tally.answered(more, answer.status_code)
        tally.refuse_that(more, let_in=answer.status_code != 400)
