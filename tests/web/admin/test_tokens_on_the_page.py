"""The page of what one must know says what each API token may do."""

import re
from datetime import UTC, date, datetime

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from domain.accounts.api_tokens import ApiToken, Rights, Scope, create_api_token, revoke_api_token
from domain.db import db
from tests.builders import ALL_RIGHTS
from tests.web.admin.browser import Page

pytestmark = pytest.mark.usefixtures("clock")

HELP = "/admin/help?lang=en"


def test_each_token_says_what_it_may_until_when_and_how_often(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        create_api_token("old", ALL_RIGHTS)
        create_api_token("shop", Rights(ends_at=datetime(2027, 1, 1, tzinfo=UTC), orders_per_day=50))
        db.session.execute(update(ApiToken).values(counted_day=date(2026, 11, 18), counted_orders=3))
        create_api_token("bot", Rights(frozenset({Scope.ORDERS_WRITE})))
        create_api_token("gone")
        revoke_api_token("gone")

    told = [" ".join(each.text.split()) for each in Page(admin.get(HELP)).all("li", inside="tokens")]

    assert told == [
        "bot places orders · without end · any number of orders",
        "shop places orders, sees its own orders · last day: December 31, 2026 · orders today: 3 of 50",
        "old places orders, sees the orders of everybody · without end · any number of orders",
    ]


def test_a_token_that_has_ended_says_so(app: Flask, admin: FlaskClient, clock: time_machine.Traveller) -> None:
    with app.app_context():
        create_api_token("shop", Rights(ALL_RIGHTS.scopes, ends_at=datetime(2026, 11, 18, 12, 1, tzinfo=UTC)))

    before = Page(admin.get(HELP)).by_id("tokens").text
    clock.shift(60)
    after = Page(admin.get(HELP))

    assert "has ended" not in before
    assert "has ended" in after.by_id("tokens").text
    assert "api-token set shop" not in after.by_id("main").text


def test_who_reads_the_orders_of_everybody_is_named_with_the_command_against_it(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        create_api_token("own")
        without = Page(admin.get(HELP)).by_id("main").text
        create_api_token("office", Rights(frozenset({Scope.ADMIN_READ})))
        of_office = Page(admin.get(HELP)).by_id("main").text
        create_api_token("the shop", ALL_RIGHTS)
        of_shop = Page(admin.get(HELP)).by_id("main").text

    assert "api-token set" not in without
    assert re.search(r"api-token set office --scope orders:read(?! --scope)", of_office)
    assert "api-token set 'the shop' --scope orders:read --scope orders:write" in of_shop


def test_without_a_token_there_is_no_list(admin: FlaskClient) -> None:
    assert "What the tokens may do" not in admin.get(HELP).text
