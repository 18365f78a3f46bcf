"""Whose the orders are that a token may see, once its rights change."""

from collections.abc import Callable

from sqlalchemy import select, update

from domain.accounts import api_tokens
from domain.accounts.administrators import Administrator
from domain.accounts.api_tokens import ApiToken, Rights, Scope
from domain.db import db
from domain.orders.models import Order


def change_api_token(name: str, change: Callable[[Rights], Rights]) -> ApiToken:
    """Give the token the rights that ``change`` makes of its present ones, from the next request on, and commit.

    A token that may no longer read everybody's orders keeps its own. Raises ``AccountRefused`` for a token that is
    unknown or revoked, and for rights that are none.
    """
    row, before = api_tokens.change_rights(name, change)
    if before.allow(Scope.ADMIN_READ) and not row.rights.allow(Scope.ADMIN_READ):
        _adopt_orders(row)
    db.session.commit()
    return row


def _adopt_orders(row: ApiToken) -> None:
    """Give the token what it has ordered from a process of the release before, which wrote down no more than its name.

    An administrator may be called the same; then nobody knows whose the order is.
    """
    db.session.execute(
        update(Order)
        .where(Order.api_token_id.is_(None), Order.placed_by == f"token:{row.name}")
        .where(Order.placed_by.not_in(select(Administrator.username)))
        .values(api_token_id=row.id)
        .execution_options(synchronize_session=False)
    )
