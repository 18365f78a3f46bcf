"""An order that there is no room for is refused by the API in its own shape, with what to do about it."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from providers.kinds import StageType
from tests.builders import working_section
from tests.database_kinds import on_both_databases
from tests.full_disk import Disk, full_database
from tests.web.api.conftest import ORDER
from tests.web.conftest import json_of

Api = Callable[..., TestResponse]
#: Longer than what is free on the last page of any table.
LONG = {**ORDER, "stages": ["VOICE"], "poem": "Море шумит. " * 300}


def is_refused(response: TestResponse) -> bool:
    error = json_of(response)["error"]
    assert error["message"].startswith("There is no room on the server's disk, and nothing was stored. Try again when")
    return (response.status_code, error["code"], response.headers["Retry-After"]) == (507, "storage_full", "60")


def test_an_order_is_refused_while_there_is_no_room_for_its_works(
    api: Api, disk: Disk, messages: list[object], count_orders: Callable[[], int]
) -> None:
    key = {"Idempotency-Key": "shop-1"}
    first = api("POST", "/orders", json=ORDER, headers=key)
    disk.leave_little()

    assert is_refused(api("POST", "/orders", json=ORDER))
    assert is_refused(api("POST", "/orders", json=ORDER, headers={"Idempotency-Key": "shop-2"}))
    assert api("POST", "/orders", json=ORDER, headers=key).json == first.json
    assert count_orders() == 1
    disk.make_room()
    assert api("POST", "/orders", json=ORDER).status_code == 202


def test_no_stage_is_ready_while_there_is_no_room_for_works(api: Api, app: Flask, disk: Disk) -> None:
    with app.app_context():
        working_section(StageType.VOICE)
    disk.leave_little()

    full = json_of(api("GET", "/stages"))
    disk.make_room()

    voice = full["VOICE"]
    assert (voice["ready"], voice["reason"], voice["since"]) == (False, "storage_full", None)
    assert voice["message"]
    assert full["SONG"]["reason"] == "not_configured"
    assert json_of(api("GET", "/stages"))["VOICE"]["ready"]


@on_both_databases
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "shop-1"}], ids=["without a key", "with a key"])
def test_an_order_is_refused_while_the_database_is_full(
    api: Api, app: Flask, messages: list[object], count_orders: Callable[[], int], headers: dict[str, str]
) -> None:
    old = json_of(api("POST", "/orders", json=ORDER))["url"].removeprefix("/api/v1")

    with full_database(app):
        assert is_refused(api("POST", "/orders", json=LONG, headers=headers))
        assert api("GET", old).status_code == 200
    assert count_orders() == 1

    assert api("POST", "/orders", json=LONG, headers=headers).status_code == 202


def test_who_has_to_come_back_is_told_when(client: FlaskClient) -> None:
    paths = json_of(client.get("/api/openapi.json"))["paths"]

    for methods in paths.values():
        for operation in methods.values():
            answers = operation["responses"].items()
            told = {status for status, answer in answers if "Retry-After" in answer.get("headers", {})}
            assert told == {"429", "503", "507"}
