"""A program that calls the API with a token."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from domain.accounts.api_tokens import create_api_token
from domain.db import db
from domain.orders.models import Order
from tests.builders import ALL_RIGHTS

ORDER = {"recipient": "Анна", "occasion": "60 лет", "stages": ["POEM"]}


@pytest.fixture
def token(app: Flask) -> str:
    """A token of the program called ``shop``, which may do everything."""
    with app.app_context():
        return create_api_token("shop", ALL_RIGHTS)


@pytest.fixture
def api(client: FlaskClient, token: str) -> Callable[..., TestResponse]:
    """``api("GET", "/orders/1")``: a request with the token; keywords are those of the test client."""

    def call(method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any) -> TestResponse:
        signed = {"Authorization": f"Bearer {token}", **(headers or {})}
        return client.open("/api/v1" + path, method=method, headers=signed, buffered=True, **rest)

    return call


@pytest.fixture
def count_orders(app: Flask) -> Callable[[], int]:
    """How many orders are stored."""

    def count() -> int:
        with app.app_context():
            return db.session.scalar(select(func.count()).select_from(Order)) or 0

    return count
