"""PostgreSQL restarts under the requests: an order is accepted whole and once, or its sender is asked to come back."""
# ruff: noqa: F811  # fixtures are asked for by their names

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from domain.db import db
from domain.orders.models import Order
from tests.local_services import LocalPostgres
from tests.own_postgres import migrated_app, own_postgres  # noqa: F401
from tests.running_system import wait_until
from tests.web.api.conftest import ORDER
from tests.web.conftest import PATIENCE_SECONDS, json_of

Api = Callable[..., TestResponse]
RESTARTS = 6
SHOPS = 3
TWO_WORKS = {**ORDER, "stages": ["POEM", "VOICE"]}


def place(api: Api, key: str) -> TestResponse:
    return api("POST", "/orders", json=TWO_WORKS, headers={"Idempotency-Key": key})


def is_accepted(answer: TestResponse) -> bool:
    """Whether it is. Fails the test unless the sender is asked to come back otherwise."""
    if answer.status_code == 202:
        return True
    assert (answer.status_code, json_of(answer)["error"]["code"]) == (503, "database_away")
    assert int(answer.headers["Retry-After"]) > 0
    return False


def _more_than(number: int, accepted: list[int]) -> bool:
    return len(accepted) > number


def stored(app: Flask) -> dict[int, int]:
    """The ids of the orders, each with how many stages it has."""
    with app.app_context():
        return {order.id: len(order.stages) for order in db.session.scalars(select(Order))}


def test_orders_that_are_placed_through_restarts_are_accepted_once_each(
    app: Flask, own_postgres: LocalPostgres, api: Api, messages: list[object]
) -> None:
    accepted: list[int] = []
    closed = threading.Event()

    def shop(name: int) -> None:
        number = 0
        while not closed.is_set():
            number += 1
            while not is_accepted(answer := place(api, f"{name} {number}")):
                pass
            accepted.append(json_of(answer)["id"])

    with ThreadPoolExecutor(SHOPS) as pool:
        shops = [pool.submit(shop, name) for name in range(SHOPS)]
        for _ in range(RESTARTS):
            wait_until(partial(_more_than, len(accepted), accepted), "orders are accepted again", PATIENCE_SECONDS)
            own_postgres.restart(crash=True)
        closed.set()
        for each in shops:
            each.result()

    assert len(accepted) > RESTARTS
    assert stored(app) == dict.fromkeys(accepted, len(TWO_WORKS["stages"]))


@pytest.mark.parametrize(("moment", "kept"), [("before_commit", False), ("after_commit", True)])
def test_an_order_that_the_database_goes_down_with_is_there_once_after_the_next_try(
    app: Flask, own_postgres: LocalPostgres, api: Api, messages: list[object], moment: str, kept: bool
) -> None:
    event.listen(db.session, moment, lambda _session: own_postgres.kill(), once=True)

    first = place(api, "shop-1")
    own_postgres.start()
    assert not is_accepted(first)
    assert len(stored(app)) == kept

    second = place(api, "shop-1")
    assert is_accepted(second)
    assert stored(app) == {json_of(second)["id"]: len(TWO_WORKS["stages"])}


def test_the_first_request_after_a_restart_is_answered_as_if_nothing_had_been(
    own_postgres: LocalPostgres, api: Api, messages: list[object]
) -> None:
    path = json_of(place(api, "shop-1"))["url"].removeprefix("/api/v1")

    own_postgres.restart(crash=True)
    assert api("GET", path).status_code == 200
    own_postgres.restart(crash=True)
    assert is_accepted(place(api, "shop-2"))
