"""Placing orders through the API, and looking at them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from domain.orders import queries
from tests.web.api.conftest import ORDER
from tests.web.conftest import json_of

Api = Callable[..., TestResponse]
Messages = list[tuple[str, int | str]]


def order_with(**changes: object) -> dict[str, object]:
    return {**ORDER, **changes}


def test_an_order_is_accepted_stored_and_sent_to_the_workers(api: Api, app: Flask, messages: Messages) -> None:
    body = order_with(details="любит море", tone="тепло", language="en", stages=["POEM", "SONG"])

    response = api("POST", "/orders", json=body)

    accepted = json_of(response)
    assert response.status_code == 202
    assert accepted == {"id": accepted["id"], "state": "running", "url": f"/api/v1/orders/{accepted['id']}"}
    assert response.headers["Location"] == accepted["url"]
    with app.app_context():
        order = queries.find(accepted["id"])
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
    url = json_of(api("POST", "/orders", json=ORDER))["url"]

    shown = json_of(client.get(url, headers={"Authorization": f"Bearer {token}"}))

    assert shown["state"] == "running"
    assert datetime.fromisoformat(shown["created_at"]).tzinfo == UTC
    assert list(shown["stages"]) == ["POEM"]
    assert shown["stages"]["POEM"] == {
        "state": "queued",
        "provider_kind": None,
        "model": None,
        "sample": False,
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
    assert json_of(response)["error"]["code"] == "idempotency_key_reused"
    assert json_of(response)["error"]["field"] == "Idempotency-Key"
    assert count_orders() == 1


def test_without_a_key_every_request_is_an_order(api: Api, messages: Messages, count_orders: Callable[[], int]) -> None:
    for _ in range(2):
        api("POST", "/orders", json=ORDER)

    assert count_orders() == 2


@pytest.mark.parametrize("key", ["", "   ", "x" * 256, "tab\there", "caf\u00e9"])
def test_a_key_that_cannot_serve_is_refused(api: Api, count_orders: Callable[[], int], key: str) -> None:
    response = api("POST", "/orders", json=ORDER, headers={"Idempotency-Key": key})

    assert response.status_code == 400
    assert json_of(response)["error"]["code"] == "idempotency_key_unfit"
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
    assert (json_of(response)["error"]["code"], json_of(response)["error"]["field"]) == (code, field)
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
    assert (json_of(response)["error"]["field"], json_of(response)["error"]["code"]) == (field, code)
    assert json_of(response)["error"]["message"]
    assert count_orders() == 0


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_another_content_type_is_refused(api: Api, count_orders: Callable[[], int], content_type: str | None) -> None:
    response = api("POST", "/orders", data=b'{"recipient": "A"}', content_type=content_type)

    assert response.status_code == 415
    assert json_of(response)["error"]["code"] == "not_sent_as_json"
    assert count_orders() == 0


def test_a_chunked_body_over_256_kilobytes_is_refused_not_cut(api: Api, count_orders: Callable[[], int]) -> None:
    body = json.dumps(ORDER).encode() + b" " * 300_000
    chunked = {"wsgi.input": BytesIO(body), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}

    response = api("POST", "/orders", content_type="application/json", environ_overrides=chunked)

    assert response.status_code == 413
    assert json_of(response)["error"]["code"] == "too_large"
    assert count_orders() == 0


def test_a_body_over_256_kilobytes_is_refused(api: Api, count_orders: Callable[[], int]) -> None:
    response = api("POST", "/orders", json=order_with(details="x" * 300_000))

    assert response.status_code == 413
    assert json_of(response)["error"]["code"] == "too_large"
    assert count_orders() == 0


def test_the_longest_order_passes_however_its_letters_are_written(api: Api, messages: Messages) -> None:
    # json.dumps writes each of these as twelve bytes.
    body = order_with(stages=["VOICE"], poem="\U0001d4d0" * 4000, details="\U0001d4d0" * 2000)

    assert api("POST", "/orders", json=body).status_code == 202
