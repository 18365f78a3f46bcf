"""Programs with tokens that are none are slowed down; whoever has a good one is not."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from domain.accounts.api_tokens import ApiToken
from domain.db import db
from tests.web.conftest import answer_of, json_of

pytestmark = pytest.mark.usefixtures("clock")

HERE, ELSEWHERE = "203.0.113.7", "198.51.100.7"

Api = Callable[..., TestResponse]


@pytest.fixture
def migrated_app(apps: Callable[[str], Flask]) -> Flask:
    """On one database: the counts are in none."""
    return apps("sqlite")


@pytest.fixture
def guess(client: FlaskClient) -> Callable[..., TestResponse]:
    """Call with a token that is none, from ``HERE`` unless told otherwise."""

    def call(path: str = "/stages", address: str = HERE, **headers: str) -> TestResponse:
        headers = {"Authorization": "Bearer qt_wrong", **headers}
        return client.get("/api/v1" + path, headers=headers, environ_overrides={"REMOTE_ADDR": address})

    return call


def test_the_thirty_first_unknown_token_of_an_address_within_a_minute_is_refused_as_one_too_many(
    guess: Api, clock: time_machine.Traveller
) -> None:
    paths = ["/stages", "/orders/1"]

    answers = [guess(paths[number % 2]) for number in range(31)]
    clock.shift(60)
    later = guess()

    assert [answer.status_code for answer in answers] == [401] * 30 + [429]
    assert json_of(answers[30])["error"]["code"] == "too_many_unknown_tokens"
    assert answers[30].headers["Retry-After"] == "60"
    assert later.status_code == 401


@pytest.mark.parametrize(("language", "words"), [("en", "unknown tokens"), ("ru", "неизвестными токенами")])
def test_a_program_is_told_in_its_language(guess: Api, language: str, words: str) -> None:
    for _ in range(30):
        guess()

    assert words in json_of(guess(**{"Accept-Language": language}))["error"]["message"]


@pytest.mark.parametrize("address", [HERE, ELSEWHERE])
def test_a_good_token_is_answered_whoever_else_guesses(guess: Api, api: Api, address: str) -> None:
    for _ in range(35):
        guess()

    assert api("GET", "/stages", environ_overrides={"REMOTE_ADDR": address}).status_code == 200


def test_another_address_is_not_slowed_down(guess: Api) -> None:
    for _ in range(31):
        guess()

    assert guess(address=ELSEWHERE).status_code == 401


def test_who_sends_no_token_is_told_so_however_often(client: FlaskClient) -> None:
    answers: list[Any] = [json_of(client.get("/api/v1/stages"))["error"]["code"] for _ in range(35)]

    assert set(answers) == {"token_missing"}


@pytest.mark.usefixtures("endless_locks")
def test_a_request_waits_for_nobody_to_note_that_its_token_was_used(app: Flask, api: Api) -> None:
    with app.app_context(), db.engine.connect() as somebody:
        somebody.execute(update(ApiToken).values(name="renamed"))
        answer = answer_of(lambda: api("GET", "/stages"))
        somebody.rollback()

    assert answer.status_code == 200
