"""Orders: the list, a new one, one of them."""

import math
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import TypeVar

from flask import abort, get_template_attribute, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal
from flask_babel.speaklater import LazyString

from domain.db import utc_now
from domain.generation.manual_retry import RETRYABLE_STATES
from domain.monitoring import stuck as monitoring_stuck
from domain.orders import erasure, queries, search
from domain.orders.models import Order, OrderState, StageState
from domain.orders.stages import ACTIVE_STATES
from domain.provider_configs import release
from providers.registry import JOB_ADAPTERS
from web.admin.asked_orders import Asked, read_asked
from web.admin.blueprint import blueprint
from web.i18n.messages import ORDER_STATES, STAGE_NAMES
from web.key_places import KEY_PLACES

Word = TypeVar("Word", bound=StrEnum)
#: What a stage leaves by itself, or when somebody has set a section right. Those that are blocked follow their poem.
MOVING_STATES = (*ACTIVE_STATES, StageState.WAITING)


@blueprint.get("/orders")
def orders() -> str:
    """A page of orders, newest first; ``q``, ``state`` and ``stuck`` filter, ``before`` is the id that it ends before.

    ``?part=list`` is the list alone, for a page that keeps itself up to date.
    """
    asked = read_asked()
    found, is_cut_short = _find_page(asked)
    alone = request.args.get("part") == "list"
    pairs = {(stage.stage_type, stage.state) for order in found.orders for stage in order.stages}
    stage_mark = get_template_attribute("macros.html", "stage_mark")
    return render_template(
        "admin/_order_list.html" if alone else "admin/orders.html",
        asked=asked,
        found=found,
        is_cut_short=is_cut_short,
        is_moving=asked.before is None and any(map(_moves, found.orders)),
        states=list(OrderState),
        longest_query=search.MAX_QUERY_LENGTH,
        looked_at=format_decimal(search.LOOKED_AT),
        # Made once, and not once for each of a hundred stages.
        marks={pair: stage_mark(*pair) for pair in pairs},
        stage_names=_translated(STAGE_NAMES),
        order_states=_translated(ORDER_STATES),
    )


def _translated(words: Mapping[Word, LazyString]) -> dict[Word, str]:
    return {each: str(text) for each, text in words.items()}


def _find_page(asked: Asked) -> tuple[monitoring_stuck.Page, bool]:
    """The orders with those of their stages that stand, and whether a search has more to look at."""
    now = utc_now()
    if asked.stuck and not asked.query:
        return monitoring_stuck.list_page(now, queries.PAGE_SIZE, asked.before, asked.state), False
    page: queries.Page | search.Found
    if asked.query:
        stuck = monitoring_stuck.stuck_orders(now) if asked.stuck else None
        page = search.search(asked.query, asked.state, asked.before, stuck)
    else:
        page = queries.list_page(asked.state, asked.before, in_short=True)
    standing = monitoring_stuck.of_orders([order.id for order in page.orders], now)
    is_cut_short = isinstance(page, search.Found) and page.is_cut_short
    return monitoring_stuck.Page(page.orders, page.older_than, standing), is_cut_short


@blueprint.get(f"/orders/<int(max={queries.MAX_ID}):order_id>")
def order(order_id: int) -> ResponseReturnValue:
    """One order; ``?part=stages`` is its changing part alone, for a page that keeps itself up to date.

    The rest of the address is that of the list from which it was opened: the way back leads there. Of an order that
    was erased the page shows what stays.
    """
    found = queries.find(order_id) or abort(404)
    alone = request.args.get("part") == "stages"
    if found.is_erased:
        if alone:
            # A page that still shows its words reloads where its part leads elsewhere.
            return redirect(url_for("admin.order", order_id=order_id, **read_asked().address_of_page), code=303)
        return render_template("admin/erased_order.html", order=found, asked=read_asked(), RETENTION=erasure.RETENTION)
    return render_template(
        "admin/_stages.html" if alone else "admin/order.html",
        order=found,
        asked=read_asked(),
        standing=monitoring_stuck.of_order(order_id, utc_now()),
        is_moving=_moves(found),
        active=ACTIVE_STATES,
        retryable=RETRYABLE_STATES,
        is_pausing=partial(release.is_pausing, now=utc_now()),
        usual_minutes={kind: math.ceil(adapter.usual_seconds / 60) for kind, adapter in JOB_ADAPTERS.items()},
        work_remarks={kind: place.of_works for kind, place in KEY_PLACES.items()},
        StageState=StageState,
    )


def _moves(order: Order) -> bool:
    """Whether a page that shows ``order`` has something to wait for."""
    return any(stage.state in MOVING_STATES for stage in order.stages)
