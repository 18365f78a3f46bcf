"""What API tokens may do, until when, and how often; and whose the orders are that they place."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import func, select, text

from domain.accounts import administrators, api_tokens
from domain.accounts.api_tokens import ApiToken, Rights, Scope, Standing
from domain.accounts.rules import AccountRefused
from domain.db import db, utc_now
from domain.orders import placing, queries, token_orders
from domain.orders.models import Order
from domain.orders.placing import NewOrder, QuotaUsedUp
from providers.base import Brief
from providers.kinds import StageType
from tests.builders import ALL_RIGHTS
from tests.domain.accounts.test_administrators import ODD_NAMES
from tests.stopped_clock import NOON, StoppedClock

DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 19, tzinfo=UTC)
BRIEF = Brief("Анна", "60 лет", "", "", "ru")


def new_token(name: str = "shop", rights: Rights | None = None) -> ApiToken:
    """A stored token."""
    found = api_tokens.identify(api_tokens.create_api_token(name, rights or Rights()))
    assert found is not None
    return found


def order_of(token: ApiToken) -> NewOrder:
    """What a program orders with it."""
    return NewOrder(BRIEF, frozenset({StageType.POEM}), None, f"token:{token.name}", token.id)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_token_has_a_name_that_can_be_printed(name: str) -> None:
    with pytest.raises(AccountRefused):
        api_tokens.create_api_token(name)

    assert api_tokens.list_api_tokens() == []


def test_a_token_is_known_again_and_is_not_stored() -> None:
    token = api_tokens.create_api_token("shop")

    found = api_tokens.identify(token)
    assert found is not None
    assert (found.name, found.standing_at(utc_now())) == ("shop", Standing.SERVES)
    assert token not in found.token_hash
    assert api_tokens.identify(token + "x") is None


def test_a_token_serves_until_it_is_revoked() -> None:
    token = new_token()

    api_tokens.revoke_api_token("shop")
    revoked_at = token.revoked_at
    api_tokens.revoke_api_token("shop")

    assert token.standing_at(utc_now()) is Standing.REVOKED
    assert token.revoked_at == revoked_at


def test_a_tokens_name_is_taken_once_and_for_good() -> None:
    new_token()
    api_tokens.revoke_api_token("shop")

    with pytest.raises(AccountRefused):
        api_tokens.create_api_token("shop")


def test_an_unknown_token_cannot_be_revoked() -> None:
    with pytest.raises(AccountRefused):
        api_tokens.revoke_api_token("nobody")


def test_a_token_serves_up_to_its_end_and_not_at_it() -> None:
    token = new_token(rights=Rights(ends_at=MIDNIGHT))

    moments = (MIDNIGHT - timedelta(microseconds=1), MIDNIGHT, MIDNIGHT + DAY)
    assert [token.standing_at(moment) for moment in moments] == [Standing.SERVES, Standing.ENDED, Standing.ENDED]


def test_the_last_day_ends_at_the_next_midnight_and_may_be_today() -> None:
    today = NOON.date()

    assert api_tokens.end_of(today, NOON) == MIDNIGHT
    with pytest.raises(AccountRefused, match="2026-11-17 is over"):
        api_tokens.end_of(today - DAY, NOON)


def test_a_new_token_has_no_more_than_its_own_orders() -> None:
    rights = new_token().rights

    assert rights == Rights(frozenset({Scope.ORDERS_READ, Scope.ORDERS_WRITE}), None, None)
    assert [rights.allow(scope) for scope in Scope] == [True, True, False]


def test_who_reads_the_orders_of_everybody_reads_his_own_and_places_none() -> None:
    rights = Rights(frozenset({Scope.ADMIN_READ}))

    assert [scope for scope in Scope if rights.allow(scope)] == [Scope.ORDERS_READ, Scope.ADMIN_READ]


def test_a_scope_that_this_release_does_not_know_is_none() -> None:
    token = new_token()
    token.scopes = "orders:read webhooks:write"

    assert token.rights.scopes == {Scope.ORDERS_READ}


@pytest.mark.parametrize("rights", [Rights(frozenset()), Rights(orders_per_day=0), Rights(orders_per_day=1_000_001)])
def test_rights_that_are_none_are_neither_given_nor_changed_to(rights: Rights) -> None:
    token = new_token()

    with pytest.raises(AccountRefused):
        api_tokens.create_api_token("another", rights)
    with pytest.raises(AccountRefused):
        token_orders.change_api_token("shop", lambda _: rights)

    db.session.rollback()
    assert token.rights == Rights()


def test_a_token_places_as_many_orders_a_day_as_it_may(clock: StoppedClock) -> None:
    token = new_token(rights=Rights(orders_per_day=2))
    new = order_of(token)
    placing.place(new)
    placing.place(new)

    with pytest.raises(QuotaUsedUp) as refused:
        placing.place(new)
    clock.move_to(MIDNIGHT - timedelta(microseconds=1))
    with pytest.raises(QuotaUsedUp):
        placing.place(new)
    clock.move_to(MIDNIGHT)
    placing.place(new)

    assert refused.value.ends_at == MIDNIGHT
    assert db.session.scalar(select(func.count()).select_from(Order)) == 3
    db.session.refresh(token)
    assert token.orders_on(MIDNIGHT.date()) == 1


def test_orders_of_others_do_not_count(clock: StoppedClock) -> None:
    token, other = new_token(rights=Rights(orders_per_day=1)), new_token("bot", Rights(orders_per_day=1))
    placing.place(order_of(other))
    placing.place(NewOrder(BRIEF, frozenset({StageType.POEM}), None, "token:shop"))

    placing.place(order_of(token))

    with pytest.raises(QuotaUsedUp):
        placing.place(order_of(token))


def test_a_quota_counts_what_was_placed_before_it_was_set() -> None:
    token = new_token()
    placing.place(order_of(token))

    token_orders.change_api_token("shop", lambda rights: replace(rights, orders_per_day=1))

    with pytest.raises(QuotaUsedUp):
        placing.place(order_of(token))


def test_an_order_that_is_sent_again_counts_once_and_is_given_also_with_no_more_allowed() -> None:
    token = new_token(rights=Rights(orders_per_day=2))
    new = order_of(token)

    ids = {placing.place_once(new, "key").id for _ in range(3)}
    placing.place_once(new, "another key")

    assert len(ids) == 1
    with pytest.raises(QuotaUsedUp):
        placing.place_once(new, "third key")
    assert {placing.place_once(new, "key").id} == ids


def test_an_order_that_is_not_stored_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    token = new_token(rights=Rights(orders_per_day=1))

    with monkeypatch.context() as patch:
        patch.setattr(placing, "add", lambda _new: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            placing.place(order_of(token))
        db.session.rollback()

    assert placing.place(order_of(token)).api_token_id == token.id


def test_of_many_at_the_same_moment_no_more_are_placed_than_are_allowed(app: Flask) -> None:
    new, start = order_of(new_token(rights=Rights(orders_per_day=3))), threading.Barrier(8)
    db.session.rollback()

    def place(number: int) -> bool:
        with app.app_context():
            start.wait(60)
            try:
                placing.place_once(new, f"key {number}")
            except QuotaUsedUp:
                return False
            return True

    with ThreadPoolExecutor(8) as threads:
        placed = list(threads.map(place, range(8)))

    assert sum(placed) == 3
    assert db.session.scalar(select(func.count()).select_from(Order)) == 3


def test_the_last_order_that_is_allowed_is_given_to_all_who_send_it_at_the_same_moment(app: Flask) -> None:
    new, start = order_of(new_token(rights=Rights(orders_per_day=1))), threading.Barrier(8)
    db.session.rollback()

    def place(_number: int) -> int:
        with app.app_context():
            start.wait(60)
            return placing.place_once(new, "key").id

    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(place, range(8)))

    assert len(ids) == 1


def test_a_machine_that_is_a_moment_behind_at_midnight_begins_no_day_anew() -> None:
    token = new_token(rights=Rights(orders_per_day=2))
    moments = [MIDNIGHT, MIDNIGHT - timedelta(seconds=1)] * 2

    counted = [api_tokens.count_order(token.id, moment) for moment in moments]

    assert counted == [True, True, False, False]


def test_a_clock_that_was_far_ahead_keeps_no_token_from_ordering() -> None:
    token = new_token(rights=Rights(orders_per_day=1))

    assert api_tokens.count_order(token.id, NOON + 400 * DAY)
    assert api_tokens.count_order(token.id, NOON)
    assert not api_tokens.count_order(token.id, NOON)


def test_an_order_is_found_by_its_token_and_by_no_other() -> None:
    token, other = new_token(), new_token("bot")
    order, from_the_page = (
        placing.place(order_of(token)),
        placing.place(NewOrder(BRIEF, frozenset(), None, "token:shop")),
    )

    assert queries.find_of_token(order.id, token.id) is order
    assert queries.find_of_token(order.id, other.id) is None
    assert queries.find_of_token(from_the_page.id, token.id) is None
    assert [queries.find_of_token(number, token.id) for number in (0, -1, 2**31, 2**70)] == [None] * 4


def test_the_same_key_of_two_tokens_gives_two_orders() -> None:
    tokens = new_token(), new_token("bot")

    placed = [placing.place_once(order_of(token), "key") for token in tokens]

    assert [order.api_token_id for order in placed] == [token.id for token in tokens]


def test_a_token_that_is_left_its_own_orders_gets_those_that_told_its_name_only() -> None:
    token = new_token(rights=ALL_RIGHTS)
    administrators.create_administrator("token:twin", "correct-horse-battery")
    twin = new_token("twin", ALL_RIGHTS)
    placed_by = {name: placing.place(NewOrder(BRIEF, frozenset(), None, name)).id for name in names_of_orders()}

    for name in ("shop", "twin"):
        token_orders.change_api_token(name, lambda _: Rights())

    db.session.expire_all()
    assert queries.find_of_token(placed_by["token:shop"], token.id) is not None
    assert [name for name, order_id in placed_by.items() if queries.find_of_token(order_id, twin.id)] == []
    assert owners() == {"token:shop": token.id}


def names_of_orders() -> list[str]:
    """Two tokens', of which one may be an administrator, one of nobody, and an administrator's."""
    return ["token:shop", "token:twin", "token:shop2", "maria"]


def owners() -> dict[str, int]:
    """The token of each order that has one, by what the order tells of who has placed it."""
    rows = db.session.execute(text("SELECT placed_by, api_token_id FROM orders WHERE api_token_id IS NOT NULL"))
    return {placed_by: token_id for placed_by, token_id in rows}  # noqa: C416  # a Row is not a pair


def test_tokens_and_orders_of_the_release_before_keep_what_they_could_do() -> None:
    token, twin = new_token(), new_token("twin")
    ids = token.id, twin.id
    administrators.create_administrator("token:twin", "correct-horse-battery")
    for name in names_of_orders():
        placing.place(NewOrder(BRIEF, frozenset({StageType.POEM}), None, name))
    db.session.remove()

    downgrade(revision="0011")
    upgrade()

    tokens = {each.id: each for each in api_tokens.list_api_tokens()}
    assert [tokens[each].rights for each in ids] == [Rights(frozenset(Scope), None, None)] * 2
    assert owners() == {"token:shop": ids[0]}
    assert db.session.scalar(select(func.count()).select_from(Order)) == 4
