"""API tokens on the command line: printed once, and what each may do is said and changed."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient

from domain.accounts import api_tokens
from domain.accounts.api_tokens import Rights, Standing
from domain.db import utc_now
from tests.builders import ALL_RIGHTS
from tests.web.api.conftest import ORDER

Run = Callable[..., Result]

OWN = ["orders:read", "orders:write"]


@pytest.fixture
def listed(run: Run) -> Callable[[str], dict[str, Any]]:
    """What the list tells machines of one token."""

    def facts(name: str) -> dict[str, Any]:
        (found,) = [each for each in json.loads(run("api-token", "list", "--json").stdout) if each["name"] == name]
        return found

    return facts


def standing(app: Flask, token: str) -> Standing:
    with app.app_context():
        row = api_tokens.identify(token)
        assert row is not None
        return row.standing_at(utc_now())


def test_a_token_is_printed_once_and_then_only_its_name(run: Run, app: Flask) -> None:
    created = run("api-token", "create", "shop")
    shown = run("api-token", "list").stdout + run("api-token", "list", "--json").stdout

    token = created.stdout.strip()
    assert re.fullmatch(r"qt_[\w-]{43}\n", created.stdout)
    assert "shop" in shown
    assert token not in shown
    assert standing(app, token) is Standing.SERVES


def test_a_revoked_token_no_longer_serves(run: Run, app: Flask) -> None:
    token = run("api-token", "create", "shop").stdout.strip()

    assert run("api-token", "revoke", "shop").exit_code == 0
    assert run("api-token", "revoke", "bot").exit_code == 1
    assert standing(app, token) is Standing.REVOKED


@pytest.mark.parametrize("name", ["", "two\nlines", "x" * 201])
def test_a_token_needs_a_name_that_can_be_printed(run: Run, name: str) -> None:
    result = run("api-token", "create", name)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("The name ")


def test_a_new_token_may_place_orders_and_see_its_own(run: Run, listed: Callable[[str], dict[str, Any]]) -> None:
    run("api-token", "create", "shop")

    facts = listed("shop")
    assert (facts["standing"], facts["scopes"]) == ("serves", OWN)
    assert (facts["ends_at"], facts["orders_per_day"], facts["orders_today"]) == (None, None, 0)


@pytest.mark.usefixtures("clock")
def test_a_token_is_made_with_what_is_asked_for(run: Run, listed: Callable[[str], dict[str, Any]]) -> None:
    options = ("--scope", "orders:write", "--ends", "2026-11-19", "--orders-per-day", "5")

    assert run("api-token", "create", "shop", *options).exit_code == 0

    facts = listed("shop")
    assert (facts["scopes"], facts["ends_at"], facts["orders_per_day"]) == (["orders:write"], "2026-11-20T00:00:00Z", 5)


def test_the_last_day_of_a_token_is_one_of_the_shop(
    run: Run,
    listed: Callable[[str], dict[str, Any]],
    clock: time_machine.Traveller,
    change_settings: Callable[..., None],
) -> None:
    change_settings(time_zone="Europe/Moscow")
    # In Moscow it is half past midnight of the 19th.
    clock.move_to(datetime(2026, 11, 18, 21, 30, tzinfo=UTC))

    over = run("api-token", "create", "old", "--ends", "2026-11-18")
    run("api-token", "create", "shop", "--ends", "2026-11-19")

    assert (over.exit_code, over.stdout) == (1, "")
    assert over.stderr == "2026-11-18 is over: name a day that is not. To end a token at once, revoke it.\n"
    assert listed("shop")["ends_at"] == "2026-11-19T21:00:00Z"


def test_what_a_token_may_do_is_changed_and_the_rest_of_it_stays(
    run: Run, app: Flask, listed: Callable[[str], dict[str, Any]]
) -> None:
    with app.app_context():
        api_tokens.create_api_token("shop", Rights(ALL_RIGHTS.scopes, datetime(2099, 1, 1, tzinfo=UTC), 7))
    before = listed("shop")

    changed = run("api-token", "set", "shop", "--scope", "orders:read", "--scope", "orders:write")
    scopes_changed = listed("shop")
    run("api-token", "set", "shop", "--no-end", "--orders-per-day", "9")
    rest_changed = listed("shop")
    run("api-token", "set", "shop", "--no-quota")

    assert changed.exit_code == 0
    assert "orders:read orders:write" in changed.stdout
    assert scopes_changed == {**before, "scopes": OWN}
    assert rest_changed == {**scopes_changed, "ends_at": None, "orders_per_day": 9}
    assert listed("shop") == {**rest_changed, "orders_per_day": None}


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--scope", "everything"),
        ("--ends", "soon"),
        ("--ends", "2099-01-01", "--no-end"),
        ("--orders-per-day", "0"),
        ("--orders-per-day", "1", "--no-quota"),
    ],
)
def test_a_change_that_says_nothing_or_two_things_is_wrong_usage(
    run: Run, listed: Callable[[str], dict[str, Any]], options: tuple[str, ...]
) -> None:
    run("api-token", "create", "shop")
    before = listed("shop")

    assert run("api-token", "set", "shop", *options).exit_code == 2
    assert listed("shop") == before


def test_a_token_that_is_unknown_or_revoked_is_not_changed(run: Run) -> None:
    run("api-token", "create", "shop")
    run("api-token", "revoke", "shop")

    unknown, revoked = (run("api-token", "set", name, "--no-end") for name in ("bot", "shop"))

    assert (unknown.exit_code, unknown.stderr) == (1, "There is no token called bot.\n")
    assert (revoked.exit_code, revoked.stderr) == (1, "The token shop is revoked for good. Create another one.\n")


@pytest.mark.usefixtures("clock", "messages")
def test_the_list_says_of_each_token_what_it_may_do_and_what_it_has_done(run: Run, client: FlaskClient) -> None:
    token = run("api-token", "create", "shop", "--ends", "2026-12-31", "--orders-per-day", "5").stdout.strip()
    run("api-token", "create", "idle")
    client.post("/api/v1/orders", json=ORDER, headers={"Authorization": f"Bearer {token}"})

    lines = run("api-token", "list").stdout.splitlines()

    noon, day = "2026-11-18T12:00:00Z", "2026-12-31"
    heads = ["NAME", "STANDING", "SCOPES", "LAST DAY", "ORDERS A DAY", "TODAY", "CREATED", "LAST USED", "REVOKED"]
    assert [re.split(r"  +", line) for line in lines] == [
        heads,
        ["idle", "serves", "orders:read orders:write", "never", "any", "0", noon, "-", "-"],
        ["shop", "serves", "orders:read orders:write", day, "5", "1", noon, noon, "-"],
    ]


def test_the_list_says_that_a_token_has_ended(run: Run, clock: time_machine.Traveller) -> None:
    run("api-token", "create", "shop", "--ends", "2026-11-18")

    clock.move_to(datetime(2026, 11, 19, tzinfo=UTC))

    assert re.search(r"^shop +ended ", run("api-token", "list").stdout, re.MULTILINE)


def test_the_list_names_the_tokens_that_read_the_orders_of_everybody(run: Run, app: Flask) -> None:
    with app.app_context():
        for name in ("bot", "gone", "shop"):
            api_tokens.create_api_token(name, ALL_RIGHTS)
        api_tokens.revoke_api_token("gone")
        api_tokens.create_api_token("new")

    told = run("api-token", "list").stderr

    assert told.startswith("Reading the orders of everybody (admin:read): shop, bot. ")
    assert "api-token set NAME --scope orders:read" in told
