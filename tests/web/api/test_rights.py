"""What a token may see and do: its own orders and no others, within its scopes, until its end, so many a day."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from domain.accounts.api_tokens import Rights, Scope, create_api_token, revoke_api_token
from domain.db import db
from tests import builders
from tests.web.api.conftest import ORDER
from tests.web.conftest import json_of

pytestmark = pytest.mark.usefixtures("clock", "messages")

Api = Callable[..., TestResponse]
NewApi = Callable[..., Api]

READ, WRITE, ALL = Scope.ORDERS_READ, Scope.ORDERS_WRITE, Scope.ADMIN_READ


@pytest.fixture
def program(app: Flask, client: FlaskClient) -> NewApi:
    """A program with a token of its own: ``program("bot", Rights(…))("GET", "/orders/1")``."""

    def create(name: str = "shop", rights: Rights | None = None) -> Api:
        with app.app_context():
            token = create_api_token(name, rights or Rights())

        def call(method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any) -> TestResponse:
            signed = {"Authorization": f"Bearer {token}", **(headers or {})}
            return client.open("/api/v1" + path, method=method, headers=signed, buffered=True, **rest)

        return call

    return create


def place(api: Api, key: str | None = None) -> TestResponse:
    """Order a poem."""
    return api("POST", "/orders", json=ORDER, headers={"Idempotency-Key": key} if key else {})


def code_of(answer: TestResponse) -> tuple[int, str]:
    """The status, and why."""
    return answer.status_code, json_of(answer)["error"]["code"]


def test_a_token_sees_what_it_has_ordered_and_nothing_of_others(program: NewApi, app: Flask) -> None:
    shop, bot = program("shop"), program("bot")
    order_id = json_of(place(shop))["id"]
    with app.app_context():
        builders.working_section()
        builders.run(order_id)
        from_the_page = builders.place_order().id
        builders.run(from_the_page)

    assert shop("GET", f"/orders/{order_id}").status_code == 200
    assert shop("GET", f"/orders/{order_id}/works/POEM").status_code == 200
    for api, foreign in ((bot, order_id), (bot, from_the_page), (shop, from_the_page)):
        for path in (f"/orders/{foreign}", f"/orders/{foreign}/works/POEM", f"/orders/{foreign}/works/SONG"):
            there, not_there = api("GET", path), api("GET", path.replace(f"/{foreign}", "/999", 1))
            assert code_of(there) == (404, "order_not_found")
            assert there.data == not_there.data


def test_who_may_read_all_orders_does(program: NewApi) -> None:
    shop, office = program("shop"), program("office", Rights(frozenset({ALL})))
    order_id = json_of(place(shop))["id"]

    assert office("GET", f"/orders/{order_id}").status_code == 200


def test_the_same_key_of_two_tokens_stands_for_two_orders(program: NewApi) -> None:
    apis = program("shop"), program("bot"), program("office", Rights(frozenset({WRITE, ALL})))

    first, again = [[place(api, "cart-1") for api in apis] for _ in range(2)]

    ids = [json_of(answer)["id"] for answer in first]
    assert len(set(ids)) == 3
    assert [json_of(answer)["id"] for answer in again] == ids


def test_a_key_of_another_token_does_not_tell_what_was_ordered_with_it(program: NewApi) -> None:
    shop, bot = program("shop"), program("bot")
    place(shop, "cart-1")

    other = bot("POST", "/orders", json={**ORDER, "occasion": "юбилей"}, headers={"Idempotency-Key": "cart-1"})

    assert other.status_code == 202


def test_only_what_the_token_has_ordered_is_counted_among_what_waits(program: NewApi, app: Flask) -> None:
    shop, bot, office = program("shop"), program("bot"), program("office", Rights(frozenset({ALL})))
    ids = [json_of(place(shop))["id"] for _ in range(2)]
    with app.app_context():
        for order_id in (*ids, builders.place_order().id):
            builders.run(order_id)

    waiting = [json_of(api("GET", "/stages"))["POEM"]["waiting"] for api in (shop, bot, office)]

    assert waiting == [2, 0, 3]


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [
        ({READ}, {"POST": 403, "order": 200, "work": 404, "stages": 200}),
        ({WRITE}, {"POST": 202, "order": 403, "work": 403, "stages": 200}),
        ({ALL}, {"POST": 403, "order": 200, "work": 404, "stages": 200}),
        ({READ, WRITE}, {"POST": 202, "order": 200, "work": 404, "stages": 200}),
    ],
)
def test_a_token_does_what_its_scopes_say(
    program: NewApi, app: Flask, scopes: set[Scope], statuses: dict[str, int]
) -> None:
    api = program("shop", Rights(frozenset(scopes)))
    with app.app_context():
        order = builders.place_order()
        order.api_token_id = 1
        db.session.commit()
        path = f"/orders/{order.id}"

    answers = {
        "POST": place(api),
        "order": api("GET", path),
        "work": api("GET", f"{path}/works/POEM"),
        "stages": api("GET", "/stages"),
    }

    assert {name: answer.status_code for name, answer in answers.items()} == statuses


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "This API token has no scope orders:write. The operator can give it one."),
        ("ru", "У этого токена API нет права orders:write. Дать его может оператор."),
    ],
)
def test_who_lacks_a_scope_is_told_which(program: NewApi, language: str, words: str) -> None:
    reader = program("reader", Rights(frozenset({READ})))

    answer = reader("POST", "/orders", json=ORDER, headers={"Accept-Language": language})

    assert json_of(answer)["error"] == {"code": "scope_missing", "message": words, "field": None}
    assert 'error="insufficient_scope", scope="orders:write"' in answer.headers["WWW-Authenticate"]


def test_a_token_that_has_ended_is_refused_as_one_that_never_was(
    program: NewApi, clock: time_machine.Traveller
) -> None:
    shop = program("shop", Rights(ends_at=datetime(2026, 11, 19, tzinfo=UTC)))
    before = shop("GET", "/stages")

    clock.move_to(datetime(2026, 11, 19, tzinfo=UTC))
    after, unknown = shop("GET", "/stages"), shop("GET", "/stages", headers={"Authorization": "Bearer qt_wrong"})

    assert before.status_code == 200
    assert code_of(after) == (401, "token_unknown")
    assert (after.data, after.headers["WWW-Authenticate"]) == (unknown.data, unknown.headers["WWW-Authenticate"])


def test_a_revoked_token_is_refused_as_one_that_never_was(program: NewApi, app: Flask) -> None:
    shop = program("shop")
    with app.app_context():
        revoke_api_token("shop")

    answer, unknown = shop("GET", "/stages"), shop("GET", "/stages", headers={"Authorization": "Bearer qt_wrong"})

    assert (answer.status_code, answer.data) == (401, unknown.data)


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 12), ("Europe/Moscow", 9), ("America/Havana", 17)])
def test_a_token_places_as_many_orders_a_day_as_it_may(
    program: NewApi, clock: time_machine.Traveller, change_settings: Callable[..., None], zone: str, hours: int
) -> None:
    change_settings(time_zone=zone)
    shop = program("shop", Rights(orders_per_day=2))

    answers = [place(shop) for _ in range(3)]
    clock.shift(int(answers[2].headers["Retry-After"]) - 1)
    too_early = place(shop)
    clock.shift(1)

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert code_of(answers[2]) == (429, "quota_used_up")
    assert int(answers[2].headers["Retry-After"]) == hours * 3600
    assert (too_early.status_code, too_early.headers["Retry-After"]) == (429, "1")
    assert place(shop).status_code == 202


def test_a_used_up_quota_hinders_nothing_but_new_orders(program: NewApi) -> None:
    shop, bot = program("shop", Rights(orders_per_day=1)), program("bot", Rights(orders_per_day=1))
    order_id = json_of(place(shop, "cart-1"))["id"]

    assert place(shop).status_code == 429
    assert json_of(place(shop, "cart-1"))["id"] == order_id
    assert shop("GET", f"/orders/{order_id}").status_code == 200
    assert shop("GET", "/stages").status_code == 200
    assert place(bot).status_code == 202


def test_an_order_that_is_refused_for_what_it_says_does_not_count(program: NewApi) -> None:
    shop = program("shop", Rights(orders_per_day=1))

    refused = shop("POST", "/orders", json={**ORDER, "stages": []})

    assert refused.status_code == 422
    assert place(shop).status_code == 202


def test_a_request_costs_one_query_for_its_token(program: NewApi, app: Flask) -> None:
    shop = program("shop", Rights(frozenset({READ, WRITE}), datetime(2099, 1, 1, tzinfo=UTC), 5))
    order_id = json_of(place(shop))["id"]
    statements: list[str] = []

    def note(*execution: object) -> None:
        if not str(execution[2]).startswith("BEGIN"):
            statements.append(str(execution[2]))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        shop("GET", f"/orders/{order_id}")
        shown = len(statements)
        place(shop)
    finally:
        event.remove(engine, "before_cursor_execute", note)

    # Of an order: the order, its stages, their works.
    assert shown == 1 + 3
    assert [text for text in statements[shown:] if "api_tokens" in text and not text.startswith("SELECT")] == [
        text for text in statements if text.startswith("UPDATE api_tokens SET counted_day")
    ]
    assert sum("api_tokens" in text for text in statements[shown:]) == 2
