"""Placing orders through the API, and looking at them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine
from werkzeug.test import TestResponse

from domain import order_lists
from domain.accounts import revoke_api_token
from domain.db import db
from tests.web.api.conftest import ORDER

Api = Callable[..., TestResponse]
Messages = list[tuple[str, int | str]]


def order_with(**changes: object) -> dict[str, object]:
    return {**ORDER, **changes}


def test_an_order_is_accepted_stored_and_sent_to_the_workers(api: Api, app: Flask, messages: Messages) -> None:
    body = order_with(details="любит море", tone="тепло", language="en", stages=["POEM", "SONG"])

    response = api("POST", "/orders", json=body)

    accepted = response.json
    assert response.status_code == 202
    assert accepted == {"id": accepted["id"], "state": "running", "url": f"/api/v1/orders/{accepted['id']}"}
    assert response.headers["Location"] == accepted["url"]
    with app.app_context():
        order = order_lists.find(accepted["id"])
        assert order is not None
        assert (order.recipient, order.details, order.language, order.placed_by) == (
            "Анна",
            "любит море",
            "en",
            "token:shop",
        )
        assert [stage.stage_type for stage in order.stages] == ["POEM", "SONG"]
        assert messages == [("tasks.generation.generate_poem", order.stages[0].id)]


def test_the_answer_names_an_address_that_shows_the_order(
    api: Api, client: FlaskClient, token: str, messages: Messages
) -> None:
    url = api("POST", "/orders", json=ORDER).json["url"]

    shown = client.get(url, headers={"Authorization": f"Bearer {token}"}).json

    assert shown["state"] == "running"
    assert datetime.fromisoformat(shown["created_at"]).tzinfo == UTC
    assert list(shown["stages"]) == ["POEM"]
    assert shown["stages"]["POEM"] == {
        "state": "queued",
        "provider_kind": None,
        "model": None,
        "text": None,
        "work_url": None,
        "error": None,
        "attempts": 0,
        "started_at": None,
        "finished_at": None,
        "usage": {},
        "provider_request_id": None,
    }


@pytest.mark.usefixtures("broker_away")
def test_an_order_is_accepted_while_the_broker_is_away(api: Api, count_orders: Callable[[], int]) -> None:
    response = api("POST", "/orders", json=ORDER)

    assert response.status_code == 202
    assert count_orders() == 1


def test_the_same_key_and_body_give_the_same_order(
    api: Api, messages: Messages, count_orders: Callable[[], int]
) -> None:
    first, second = (api("POST", "/orders", json=ORDER, headers={"Idempotency-Key": "shop-1"}) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json == second.json
    assert first.headers["Location"] == second.headers["Location"]
    assert count_orders() == 1


def test_the_same_key_with_another_body_is_refused(
    api: Api, messages: Messages, count_orders: Callable[[], int]
) -> None:
    api("POST", "/orders", json=ORDER, headers={"Idempotency-Key": "shop-1"})

    response = api("POST", "/orders", json=order_with(recipient="Иван"), headers={"Idempotency-Key": "shop-1"})

    assert response.status_code == 409
    assert response.json["error"]["code"] == "idempotency_key_reused"
    assert response.json["error"]["field"] == "Idempotency-Key"
    assert count_orders() == 1


def test_without_a_key_every_request_is_an_order(api: Api, messages: Messages, count_orders: Callable[[], int]) -> None:
    for _ in range(2):
        api("POST", "/orders", json=ORDER)

    assert count_orders() == 2


@pytest.mark.parametrize("key", ["", "   ", "x" * 256, "tab\there", "caf\u00e9"])
def test_a_key_that_cannot_serve_is_refused(api: Api, count_orders: Callable[[], int], key: str) -> None:
    response = api("POST", "/orders", json=ORDER, headers={"Idempotency-Key": key})

    assert response.status_code == 400
    assert response.json["error"]["code"] == "idempotency_key_unfit"
    assert count_orders() == 0


def test_a_key_of_255_characters_serves(api: Api, messages: Messages) -> None:
    assert api("POST", "/orders", json=ORDER, headers={"Idempotency-Key": "x" * 255}).status_code == 202


@pytest.mark.parametrize(
    ("raw", "status", "code", "field"),
    [
        (b"", 400, "not_json", None),
        (b"{", 400, "not_json", None),
        (b"\xff\xfe{}", 400, "not_json", None),
        (b'{"recipient": "\xd0"}', 400, "not_json", None),
        (b'{"recipient": NaN}', 400, "not_json", None),
        (b'{"recipient": -Infinity}', 400, "not_json", None),
        (b'{"recipient": ' + b"9" * 5000 + b"}", 400, "not_json", None),
        (b"[" * 100_000, 400, "not_json", None),
        (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, 400, "not_json", None),
        (b'{"recipient": "a", "recipient": "b"}', 400, "doubled_name", "recipient"),
        (b'{"stages": [{"x": 1, "x": 2}]}', 400, "doubled_name", "x"),
        (b'{"\\ud800": 1, "\\ud800": 2}', 400, "doubled_name", "?"),
        (b"[]", 422, "not_an_object", None),
        (b'"text"', 422, "not_an_object", None),
        (b"null", 422, "not_an_object", None),
    ],
)
def test_a_body_that_is_no_object_is_refused(
    api: Api, count_orders: Callable[[], int], raw: bytes, status: int, code: str, field: str | None
) -> None:
    response = api("POST", "/orders", data=raw, content_type="application/json")

    assert response.status_code == status
    assert (response.json["error"]["code"], response.json["error"]["field"]) == (code, field)
    assert count_orders() == 0


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"recipient": None}, "recipient", "required"),
        ({"recipient": 7}, "recipient", "not_text"),
        ({"recipient": ["Анна"]}, "recipient", "not_text"),
        ({"recipient": "А" * 10_000}, "recipient", "too_long"),
        ({"recipient": "А\x00нна"}, "recipient", "odd_characters"),
        ({"details": "\ud800"}, "details", "odd_characters"),
        ({"occasion": ""}, "occasion", "required"),
        ({"language": "de"}, "language", "unknown_language"),
        ({"language": []}, "language", "unknown_language"),
        ({"stages": []}, "stages", "stages_missing"),
        ({"stages": "POEM"}, "stages", "stages_not_a_list"),
        ({"stages": {"POEM": 1}}, "stages", "stages_not_a_list"),
        ({"stages": [[]]}, "stages", "unknown_stage"),
        ({"stages": ["poem"]}, "stages", "unknown_stage"),
        ({"stages": ["POEM", "POEM"]}, "stages", "doubled_stage"),
        ({"stages": ["SONG"]}, "poem", "poem_required"),
        ({"stages": 1e308}, "stages", "stages_not_a_list"),
        ({"colour": "red"}, "colour", "unknown_field"),
        ({"\ud800": "red"}, "?", "unknown_field"),
    ],
)
def test_a_wrong_field_is_named(
    api: Api, count_orders: Callable[[], int], changes: dict[str, object], field: str, code: str
) -> None:
    response = api("POST", "/orders", json=order_with(**changes))

    assert response.status_code == 422
    assert (response.json["error"]["field"], response.json["error"]["code"]) == (field, code)
    assert response.json["error"]["message"]
    assert count_orders() == 0


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_another_content_type_is_refused(api: Api, count_orders: Callable[[], int], content_type: str | None) -> None:
    response = api("POST", "/orders", data=b'{"recipient": "A"}', content_type=content_type)

    assert response.status_code == 415
    assert response.json["error"]["code"] == "not_sent_as_json"
    assert count_orders() == 0


def test_a_body_over_256_kilobytes_is_refused(api: Api, count_orders: Callable[[], int]) -> None:
    response = api("POST", "/orders", json=order_with(details="x" * 300_000))

    assert response.status_code == 413
    assert response.json["error"]["code"] == "too_large"
    assert count_orders() == 0


def test_the_longest_order_passes_however_its_letters_are_written(api: Api, messages: Messages) -> None:
    # json.dumps writes each of these as twelve bytes.
    body = order_with(stages=["VOICE"], poem="\U0001d4d0" * 4000, details="\U0001d4d0" * 2000)

    assert api("POST", "/orders", json=body).status_code == 202


@pytest.mark.parametrize("languages", ["", "en", "de, fr;q=0.5", "en-GB, ru;q=0.5", "ru;q=0, en"])
def test_errors_are_in_english_unless_russian_is_asked_for(api: Api, languages: str) -> None:
    response = api("POST", "/orders", json=order_with(occasion=""), headers={"Accept-Language": languages})

    assert response.json["error"]["message"] == "Fill this in."


@pytest.mark.parametrize("body", [order_with(occasion=""), []], ids=["rule of orders", "rule of the API"])
def test_errors_are_in_russian_for_who_asks(api: Api, body: object) -> None:
    response = api("POST", "/orders", json=body, headers={"Accept-Language": "ru-RU, ru;q=0.9, en;q=0.8"})

    assert re.search("[а-я]", response.json["error"]["message"])


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
        assert response.json["error"]["code"] == code
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="Quatrain"')


def test_nothing_is_ordered_without_a_token(client: FlaskClient, count_orders: Callable[[], int]) -> None:
    assert client.post("/api/v1/orders", json=ORDER).status_code == 401
    assert count_orders() == 0


def test_a_revoked_token_is_refused(app: Flask, api: Api, token: str) -> None:
    with app.app_context():
        revoke_api_token("shop")

    assert api("GET", "/stages").json["error"]["code"] == "token_unknown"


@pytest.mark.parametrize("rest", ["", "/works/POEM"])
def test_an_order_that_is_not_there_is_not_found(api: Api, rest: str) -> None:
    too_large = (2**31 - 1, 2**31, 2**63 - 1, 2**63, "9" * 30, "9" * 5000)

    for order_id in ("0", "1", "-1", "x", "1.0", "\u0663", *too_large):
        response = api("GET", f"/orders/{order_id}{rest}")

        assert (order_id, response.status_code) == (order_id, 404)
        assert response.json["error"]["code"] == "order_not_found"


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
    assert set(response.json["error"]) == {"code", "message", "field"}
    assert ("Allow" in response.headers) == (status == 405)


def test_without_a_database_the_answer_is_503(api: Api, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        away = "sqlite:////nowhere/at/all.db"
        if db.engine.dialect.name == "postgresql":
            away = "postgresql+psycopg://nobody@127.0.0.1:1/none"
        monkeypatch.setitem(db.engines, None, create_engine(away))

    for method, path in (("POST", "/orders"), ("GET", "/orders/1"), ("GET", "/stages")):
        response = api(method, path)

        assert response.status_code == 503
        assert response.json["error"]["code"] == "database_away"
        assert int(response.headers["Retry-After"]) > 0
