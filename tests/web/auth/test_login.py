"""Signing in and out."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from domain.accounts import administrators
from domain.db import db
from tests.conftest import ADMIN_PASSWORD, production_settings
from tests.database_kinds import on_both_databases
from tests.web.admin.browser import Page, post, token_of
from tests.web.conftest import answer_of
from web.auth import sessions
from web.config import config_of

PAGES = [
    "/admin",
    "/admin/providers",
    "/admin/providers/POEM",
    "/admin/orders",
    "/admin/orders/new",
    "/admin/account",
    "/admin/orders/1",
]


def sign_in(client: FlaskClient, username: str, password: str) -> TestResponse:
    token = token_of(client.get("/admin/login"))
    return post(client, "/admin/login", {"username": username, "password": password}, token=token)


@pytest.mark.parametrize("path", [*PAGES, "/admin/no-such-page"])
def test_a_signed_out_browser_is_sent_to_the_login_page(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.location) == (303, "/admin/login")


def test_signing_in_leads_to_the_start_page_and_opens_the_others(
    app: Flask, client: FlaskClient, administrator: str
) -> None:
    answer = sign_in(client, administrator, ADMIN_PASSWORD)

    assert (answer.status_code, answer.location) == (303, "/admin")
    with app.app_context():
        assert administrators.list_administrators()[0].last_signed_in_at is not None
    assert [client.get(path).status_code for path in PAGES] == [200, 200, 200, 200, 200, 200, 404]


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(client: FlaskClient, administrator: str) -> None:
    answers = [sign_in(client, administrator, "wrong-password"), sign_in(client, "nobody", ADMIN_PASSWORD)]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert [Page(answer).by_id("password-error").text for answer in answers] == ["Имя или пароль не подходят."] * 2
    assert all(ADMIN_PASSWORD not in answer.text and "wrong-password" not in answer.text for answer in answers)
    assert client.get("/admin").status_code == 303


ODD_FIELDS = ["%20%20", "admin%00", "x" * 5000, "%F0%9F%A6%80", "%E2%80%AEadmin"]


@pytest.mark.parametrize("odd", ODD_FIELDS)
@pytest.mark.parametrize("field", ["username", "password"])
def test_whatever_stands_in_a_field_is_answered_like_a_wrong_password(
    client: FlaskClient, administrator: str, field: str, odd: str
) -> None:
    values = {"username": administrator, "password": "wrong-password", field: odd}
    token = token_of(client.get("/admin/login"))
    body = "&".join(f"{name}={value}" for name, value in {"csrf_token": token, **values}.items())

    answer = client.post("/admin/login", data=body, content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 422
    assert [error.text for error in Page(answer).all("div", class_="invalid-feedback d-block")] == [
        "Имя или пароль не подходят."
    ]


@on_both_databases
@pytest.mark.usefixtures("endless_locks")
def test_signing_in_goes_on_while_the_database_is_written_to(
    app: Flask, client: FlaskClient, administrator: str
) -> None:
    with app.app_context(), db.engine.connect() as somebody:
        somebody.execute(update(administrators.Administrator).values(last_signed_in_at=None))
        answer = answer_of(lambda: sign_in(client, administrator, ADMIN_PASSWORD))
        somebody.rollback()

    assert answer.status_code == 303
    assert client.get("/admin").status_code == 200


def test_who_signs_in_and_out_is_in_the_log_without_the_password(client: FlaskClient, administrator: str) -> None:
    with capture_logs() as events:
        sign_in(client, administrator, "wrong-password")
        sign_in(client, administrator, ADMIN_PASSWORD)
        post(client, "/admin/logout")
        sign_in(client, administrator, ADMIN_PASSWORD)
        post(client, "/admin/logout-everywhere")

    told = [(event["event"], event["administrator"], event["address"]) for event in events]
    assert told == [
        (event, administrator, "127.0.0.1")
        for event in ("sign-in refused", "signed in", "signed out", "signed in", "signed out everywhere")
    ]
    assert not any(password in str(events) for password in ("wrong-password", ADMIN_PASSWORD))


@pytest.mark.parametrize("missing", ["username", "password"])
def test_an_empty_field_is_named_in_russian(client: FlaskClient, administrator: str, missing: str) -> None:
    values = {"username": administrator, "password": ADMIN_PASSWORD, missing: ""}

    answer = sign_in(client, **values)

    assert answer.status_code == 422
    assert Page(answer).by_id(f"{missing}-error").text == "Обязательное поле."


def test_a_session_from_before_signing_in_does_not_live_on(client: FlaskClient, administrator: str) -> None:
    client.get("/admin/login")
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
        token_before = session["csrf_token"]

    sign_in(client, administrator, ADMIN_PASSWORD)

    with client.session_transaction() as session:
        assert set(session) == {*sessions.IDENTITY, "drafts", "_permanent"}
    client.get("/admin")
    with client.session_transaction() as session:
        assert session["csrf_token"] != token_before


def test_signing_out_ends_the_session(admin: FlaskClient) -> None:
    answer = post(admin, "/admin/logout")

    assert (answer.status_code, answer.location) == (303, "/admin/login")
    assert "Вы вышли." in admin.get("/admin/login").text
    assert admin.get("/admin").status_code == 303


def test_a_link_cannot_sign_anybody_out(admin: FlaskClient) -> None:
    assert admin.get("/admin/logout").status_code == 405
    assert admin.get("/admin").status_code == 200


def test_a_new_password_ends_every_session(app: Flask, admin: FlaskClient, administrator: str) -> None:
    with app.app_context():
        administrators.set_password(administrator, "another-password")

    assert admin.get("/admin").location == "/admin/login"


def test_a_signed_out_form_is_refused_without_a_token_and_sent_to_the_login_page_with_one(client: FlaskClient) -> None:
    token = token_of(client.get("/admin/login"))
    data = {"stage_type": "POEM", "provider_kind": "DUMMY"}

    assert client.post("/admin/providers/update", data=data).status_code == 400
    answer = post(client, "/admin/providers/update", data, token=token)
    assert (answer.status_code, answer.location) == (303, "/admin/login")


def test_a_signed_in_browser_does_not_see_the_login_page(admin: FlaskClient) -> None:
    assert admin.get("/admin/login").location == "/admin"


def test_without_administrators_the_login_page_says_how_to_make_one(client: FlaskClient) -> None:
    assert "admin create" in client.get("/admin/login").text


def test_the_cookie_of_the_session_keeps_to_itself(client: FlaskClient, administrator: str) -> None:
    cookies = sign_in(client, administrator, ADMIN_PASSWORD).headers.getlist("Set-Cookie")

    [cookie] = [each for each in cookies if each.startswith("session=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_over_https_the_cookie_is_secure_and_bound_to_the_host() -> None:
    config = config_of(production_settings(public_url="https://gifts.example"))

    assert (config["SESSION_COOKIE_NAME"], config["SESSION_COOKIE_SECURE"]) == ("__Host-session", True)


def test_the_page_speaks_english_on_request_and_remembers_it(client: FlaskClient) -> None:
    assert Page(client.get("/admin/login")).one("html").get("lang") == "ru"
    assert Page(client.get("/admin/login?lang=en")).one("h1").text == "Sign in"
    assert Page(client.get("/admin/login")).one("html").get("lang") == "en"
    assert Page(client.get("/admin/login?lang=xx")).one("html").get("lang") == "ru"
