"""Erasing an order by the API."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from domain.accounts import api_tokens
from domain.accounts.api_tokens import Rights, Scope
from domain.db import db, utc_now
from domain.orders import erasure, token_orders
from domain.orders.models import Order
from providers.kinds import StageType
from tests import builders
from tests.web.api.conftest import ORDER
from tests.web.conftest import json_of

pytestmark = pytest.mark.usefixtures("messages")

Api = Callable[..., TestResponse]


@pytest.fixture
def token_id(app: Flask, token: str) -> int:
    """Of the token with which orders are placed and erased."""
    with app.app_context():
        row = api_tokens.identify(token)
        assert row is not None
        return row.id


@pytest.fixture
def made(app: Flask, token_id: int) -> int:
    """An order whose poem is made."""
    with app.app_context():
        builders.working_section(StageType.POEM)
        order_id = builders.place_order(token_id=token_id).id
        builders.run(order_id)
        return order_id


def test_erasing_is_accepted_and_says_since_when(app: Flask, api: Api, made: int) -> None:
    answer = api("DELETE", f"/orders/{made}")

    assert answer.status_code == 202
    assert "Location" not in answer.headers
    with app.app_context():
        order = db.session.get_one(Order, made)
        assert (order.recipient, order.erased_by) == ("", "token:shop")
        assert order.erase_requested_at is not None
        asked = order.erase_requested_at.isoformat().replace("+00:00", "Z")
    assert json_of(answer) == {"id": made, "erased_at": asked}


def test_erasing_again_has_the_same_answer(app: Flask, api: Api, made: int) -> None:
    first = api("DELETE", f"/orders/{made}")
    second = api("DELETE", f"/orders/{made}")
    with app.app_context():
        erasure.go_on(utc_now())

    third = api("DELETE", f"/orders/{made}")

    assert (second.status_code, second.json) == (third.status_code, third.json) == (first.status_code, first.json)


@pytest.mark.parametrize("is_swept", [False, True])
@pytest.mark.parametrize("path", ["/orders/{}", "/orders/{}/works/POEM", "/orders/{}/works/VOICE"])
def test_an_erased_order_and_its_works_are_gone(app: Flask, api: Api, made: int, path: str, *, is_swept: bool) -> None:
    api("DELETE", f"/orders/{made}")
    if is_swept:
        with app.app_context():
            erasure.go_on(utc_now())

    answer = api("GET", path.format(made))

    assert answer.status_code == 410
    assert json_of(answer)["error"] == {
        "code": "order_erased",
        "message": "This order was erased: its words and works are gone.",
        "field": None,
    }


@pytest.mark.parametrize("order_id", ["2", "0", "-1", "x", "٣", "9" * 19, "9" * 30, "2147483648"])
def test_there_is_nothing_to_erase_where_no_order_is(api: Api, made: int, order_id: str) -> None:
    answer = api("DELETE", f"/orders/{order_id}")

    assert (answer.status_code, json_of(answer)["error"]["code"]) == (404, "order_not_found")


def test_nobody_erases_without_a_token(app: Flask, api: Api, made: int) -> None:
    assert api("DELETE", f"/orders/{made}", headers={"Authorization": ""}).status_code == 401
    assert api("DELETE", f"/orders/{made}", headers={"Authorization": "Bearer qt_unknown"}).status_code == 401

    assert api("GET", f"/orders/{made}").status_code == 200


def test_the_request_for_an_erased_order_repeated_places_none(api: Api, count_orders: Callable[[], int]) -> None:
    key = {"Idempotency-Key": "anna-60"}
    placed = json_of(api("POST", "/orders", json=ORDER, headers=key))["id"]
    api("DELETE", f"/orders/{placed}")

    answer = api("POST", "/orders", json=ORDER, headers=key)

    assert (answer.status_code, json_of(answer)["error"]["code"]) == (410, "order_erased")
    assert count_orders() == 1
    another = api("POST", "/orders", json={**ORDER, "recipient": "Вера"}, headers=key)
    assert (another.status_code, json_of(another)["error"]["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize("rights", [builders.ALL_RIGHTS, Rights(frozenset({Scope.ORDERS_WRITE}))])
def test_nobody_erases_an_order_of_somebody_else(app: Flask, api: Api, made: int, rights: Rights) -> None:
    with app.app_context():
        another = api_tokens.create_api_token("another", rights)

    answer = api("DELETE", f"/orders/{made}", headers={"Authorization": f"Bearer {another}"})

    assert (answer.status_code, json_of(answer)["error"]["code"]) == (404, "order_not_found")
    assert api("GET", f"/orders/{made}").status_code == 200


def test_who_may_only_look_may_not_erase(app: Flask, api: Api, made: int) -> None:
    with app.app_context():
        token_orders.change_api_token("shop", lambda _: Rights(frozenset({Scope.ORDERS_READ})))

    answer = api("DELETE", f"/orders/{made}")

    assert (answer.status_code, json_of(answer)["error"]["code"]) == (403, "scope_missing")
    assert api("GET", f"/orders/{made}").status_code == 200


def test_whoever_reads_meanwhile_gets_an_answer(app: Flask, api: Api, token: str, token_id: int) -> None:
    with app.app_context():
        for stage_type in (StageType.POEM, StageType.VOICE):
            builders.working_section(stage_type)
        orders = [
            builders.place_order(frozenset({StageType.POEM, StageType.VOICE}), token_id=token_id).id for _ in range(4)
        ]
        for order_id in orders:
            builders.run(order_id, StageType.POEM)
            builders.run(order_id, StageType.VOICE)
    ended = Event()

    def read(path: str) -> set[int]:
        client, seen = app.test_client(), set()
        while not ended.is_set():
            answer = client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"}, buffered=True)
            seen.add(answer.status_code)
        return seen

    paths = [f"/orders/{order_id}{rest}" for order_id in orders for rest in ("", "/works/VOICE")]
    with ThreadPoolExecutor(len(paths)) as pool:
        readers = [pool.submit(read, path) for path in paths]
        try:
            for order_id in orders:
                assert api("DELETE", f"/orders/{order_id}").status_code == 202
                with app.app_context():
                    erasure.go_on(utc_now(), [order_id])
        finally:
            ended.set()
        seen = set().union(*(reader.result() for reader in readers))

    assert seen <= {200, 404, 410}
    assert api("GET", paths[0]).status_code == 410
