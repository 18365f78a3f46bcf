"""Whoever may not, whatever is not there, and the language in which it is said."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine
from werkzeug.test import TestResponse

from domain.accounts.api_tokens import revoke_api_token
from domain.db import db
from tests.database_kinds import on_both_databases
from tests.web.api.conftest import ORDER
from tests.web.conftest import json_of

Api = Callable[..., TestResponse]


@pytest.mark.parametrize("languages", ["", "en", "de, fr;q=0.5", "en-GB, ru;q=0.5", "ru;q=0"])
def test_errors_are_in_english_unless_russian_is_asked_for(api: Api, languages: str) -> None:
    response = api("POST", "/orders", json={**ORDER, "occasion": ""}, headers={"Accept-Language": languages})

    assert json_of(response)["error"]["message"] == "Fill this in."


@pytest.mark.parametrize("body", [{**ORDER, "occasion": ""}, []], ids=["rule of orders", "rule of the API"])
def test_errors_are_in_russian_for_who_asks(api: Api, body: object) -> None:
    response = api("POST", "/orders", json=body, headers={"Accept-Language": "ru-RU, ru;q=0.9, en;q=0.8"})

    assert re.search("[а-я]", json_of(response)["error"]["message"])


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "token_missing"),
        ("", "token_missing"),
        ("Basic c2hvcDpzaG9w", "token_missing"),
        ("Bearer", "token_missing"),
        ("Bearer qt_wrong", "token_unknown"),
        ("Bearer \u00e9\u0000", "token_unknown"),
        ("Bearer " + "x" * 4000, "token_unknown"),
    ],
)
def test_nothing_is_shown_without_a_token(client: FlaskClient, authorization: str | None, code: str) -> None:
    environ = {} if authorization is None else {"HTTP_AUTHORIZATION": authorization}

    for path in ("/orders/1", "/orders/1/works/POEM", "/stages"):
        response = client.get("/api/v1" + path, environ_overrides=environ)

        assert response.status_code == 401
        assert json_of(response)["error"]["code"] == code
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="Quatrain"')


def test_nothing_is_ordered_without_a_token(client: FlaskClient, count_orders: Callable[[], int]) -> None:
    assert client.post("/api/v1/orders", json=ORDER).status_code == 401
    assert count_orders() == 0


def test_a_revoked_token_is_refused(app: Flask, api: Api, token: str) -> None:
    with app.app_context():
        revoke_api_token("shop")

    assert json_of(api("GET", "/stages"))["error"]["code"] == "token_unknown"


@on_both_databases
@pytest.mark.parametrize("rest", ["", "/works/POEM"])
def test_an_order_that_is_not_there_is_not_found(api: Api, rest: str) -> None:
    too_large = (2**31 - 1, 2**31, 2**63 - 1, 2**63, "9" * 30, "9" * 5000)

    for order_id in ("0", "1", "-1", "x", "1.0", "\u0663", *too_large):
        response = api("GET", f"/orders/{order_id}{rest}")

        assert (order_id, response.status_code) == (order_id, 404)
        assert json_of(response)["error"]["code"] == "order_not_found"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/orders", 405),
        ("GET", "/orders", 405),
        ("POST", "/stages", 405),
        ("GET", "/nothing", 404),
        ("GET", "/orders/", 404),
    ],
)
def test_wrong_addresses_and_methods_are_answered_as_json(api: Api, method: str, path: str, status: int) -> None:
    response = api(method, path)

    assert response.status_code == status
    assert set(json_of(response)["error"]) == {"code", "message", "field"}
    assert ("Allow" in response.headers) == (status == 405)


@on_both_databases
def test_without_a_database_the_answer_is_503(api: Api, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        away = "sqlite:////nowhere/at/all.db"
        if db.engine.dialect.name == "postgresql":
            away = "postgresql+psycopg://nobody@127.0.0.1:1/none"
        monkeypatch.setitem(db.engines, None, create_engine(away))

    for method, path in (("POST", "/orders"), ("GET", "/orders/1"), ("GET", "/stages")):
        response = api(method, path)

        assert response.status_code == 503
        assert json_of(response)["error"]["code"] == "database_away"
        assert int(response.headers["Retry-After"]) > 0
