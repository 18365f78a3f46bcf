"""Orders: the list, a new one, one of them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from flask import abort, render_template, request
from flask_babel.speaklater import LazyString

from domain import order_lists, standing_still
from domain.db import utc_now
from domain.orders import OrderState, StageState
from domain.retrying import RETRYABLE_STATES
from web.admin.blueprint import blueprint
from web.sentences import ORDER_STATES, STAGE_NAMES, STAGE_STATES

Word = TypeVar("Word", bound=StrEnum)
FINAL_STATES = (OrderState.DONE, OrderState.FAILED, OrderState.ATTENTION)


@blueprint.get("/orders")
def orders() -> str:
    """A page of orders, newest first; ``state`` and ``stuck`` filter, ``before`` is the id that it ends before."""
    asked = request.args.get("state", "")
    state = OrderState(asked) if asked in set(OrderState) else None
    stuck = request.args.get("stuck") == "1"
    before = request.args.get("before", type=int)
    if before is not None and not 0 < before <= order_lists.LARGEST_ID:
        abort(404)
    return render_template(
        "admin/orders.html",
        page=_find_page(state, before, only_stuck=stuck),
        state=state,
        states=list(OrderState),
        stuck=stuck,
        before=before,
        # Translated once, and not once for each of a hundred stages.
        stage_names=_translated(STAGE_NAMES),
        stage_states=_translated(STAGE_STATES),
        order_states=_translated(ORDER_STATES),
    )


def _translated(words: Mapping[Word, LazyString]) -> dict[Word, str]:
    return {each: str(text) for each, text in words.items()}


def _find_page(state: OrderState | None, before: int | None, *, only_stuck: bool) -> standing_still.Page:
    now = utc_now()
    if only_stuck:
        return standing_still.list_page(now, order_lists.PAGE_SIZE, before, state)
    page = order_lists.list_page(state, before, in_short=True)
    standing = standing_still.of_orders([order.id for order in page.orders], now)
    return standing_still.Page(page.orders, page.older_than, standing)


@blueprint.get(f"/orders/<int(max={order_lists.LARGEST_ID}):order_id>")
def order(order_id: int) -> str:
    """One order; ``?part=stages`` is its changing part alone, for a page that keeps itself up to date."""
    found = order_lists.find(order_id) or abort(404)
    alone = request.args.get("part") == "stages"
    return render_template(
        "admin/_stages.html" if alone else "admin/order.html",
        order=found,
        standing=standing_still.of_order(order_id, utc_now()),
        is_moving=found.state not in FINAL_STATES,
        retryable=RETRYABLE_STATES,
        StageState=StageState,
    )
