"""`flask orders erase`: at once, all or none, and safe twice."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from domain.db import db
from domain.orders import works
from domain.orders.models import Order
from providers.kinds import StageType
from tests import builders

Run = Callable[..., Result]


@pytest.fixture
def orders(app: Flask) -> list[int]:
    """Two orders, of which the first has a poem."""
    with app.app_context():
        builders.working_section(StageType.POEM)
        ids = [builders.place_order().id for _ in range(2)]
        builders.run(ids[0])
        return ids


def recipients(app: Flask) -> list[str]:
    with app.app_context():
        return [order.recipient for order in db.session.query(Order).order_by(Order.id)]


def test_orders_are_erased_at_once(run: Run, app: Flask, orders: list[int]) -> None:
    first, second = orders

    result = run("orders", "erase", str(first), str(second), "--yes")

    assert (result.exit_code, result.stdout) == (0, f"Order {first} is erased.\nOrder {second} is erased.\n")
    assert recipients(app) == ["", ""]
    with app.app_context():
        order = db.session.get_one(Order, first)
        assert order.erased_at is not None
        assert order.erased_by == "command line"
    assert "Erased 20" in run("orders", "show", str(first)).stdout
    assert json.loads(run("orders", "show", str(first), "--json").stdout)["erased_at"]
    assert run("orders", "erase", str(first), "--yes").stdout == f"Order {first} is erased.\n"


def test_it_asks_first(run: Run, app: Flask, orders: list[int]) -> None:
    refused = run("orders", "erase", str(orders[0]), typed="n\n")
    assert (refused.exit_code, recipients(app)) == (1, ["Анна", "Анна"])

    accepted = run("orders", "erase", str(orders[0]), typed="y\n")
    assert (accepted.exit_code, recipients(app)) == (0, ["", "Анна"])


def test_one_that_is_not_there_keeps_all_from_being_erased(run: Run, app: Flask, orders: list[int]) -> None:
    result = run("orders", "erase", str(orders[0]), "17", "18", "--yes")

    assert (result.exit_code, result.stderr) == (1, "There is no order 17, 18; nothing was erased.\n")
    assert recipients(app) == ["Анна", "Анна"]


def test_files_that_cannot_be_removed_yet_are_told_of(
    run: Run, orders: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise OSError

    monkeypatch.setattr(works, "remove_files", away)

    result = run("orders", "erase", str(orders[0]), "--yes")

    said = f"Order {orders[0]} is erased. Its files could not be removed yet: the sweep tries again.\n"
    assert (result.exit_code, result.stdout) == (0, said)


def test_an_erased_order_is_not_retried(run: Run, orders: list[int]) -> None:
    run("orders", "erase", str(orders[1]), "--yes")

    result = run("orders", "retry", str(orders[1]), "POEM")

    assert (result.exit_code, result.stderr) == (1, f"Order {orders[1]} is erased: nothing of it is made again.\n")
