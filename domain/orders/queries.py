"""Finding orders: one, or a page of them."""

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import selectinload

from domain.db import db
from domain.orders.models import Order, OrderState, Stage
from providers.kinds import StageType

PAGE_SIZE = 25
_WITH_STAGES = selectinload(Order.stages)
#: What a page of orders shows of their stages.
IN_SHORT = selectinload(Order.stages).load_only(Stage.order_id, Stage.stage_type, Stage.state, Stage.provider_kind)
_WITH_WORKS = selectinload(Order.stages).selectinload(Stage.work)
#: The columns of ids are INTEGER: PostgreSQL refuses even to compare them with more.
MAX_ID = 2**31 - 1


def find(order_id: int) -> Order | None:
    """The order with its stages and works, or None."""
    return db.session.get(Order, order_id, options=[_WITH_WORKS]) if 0 < order_id <= MAX_ID else None


def find_of_token(order_id: int, api_token_id: int) -> Order | None:
    """The same, where that token has placed it: an order of anybody else is none."""
    if not 0 < order_id <= MAX_ID:
        return None
    its_own = select(Order).where(Order.id == order_id, Order.api_token_id == api_token_id)
    return db.session.scalar(its_own.options(_WITH_WORKS))


def find_stage(order_id: int, stage_type: StageType) -> Stage | None:
    """One stage of one order, or None."""
    return db.session.scalar(select(Stage).where(Stage.order_id == order_id, Stage.stage_type == stage_type))


@dataclass(frozen=True, slots=True)
class Page:
    """A page of orders, newest first. ``older_than`` is what to ask for next, None on the last page."""

    orders: list[Order]
    older_than: int | None


def list_page(
    state: OrderState | None = None, before_id: int | None = None, size: int = PAGE_SIZE, *, in_short: bool = False
) -> Page:
    """Orders newest first, from ``before_id`` downwards: costs the same on the last page as on the first.

    ``in_short`` reads of their stages only what they are and where they stand.
    """
    stages = IN_SHORT if in_short else _WITH_STAGES
    query: Select[Order] = select(Order).options(stages).order_by(Order.id.desc()).limit(size + 1)
    if state is not None:
        query = query.where(Order.state == state)
    if before_id is not None:
        query = query.where(Order.id < before_id)
    rows = db.session.scalars(query).all()
    return Page(list(rows[:size]), rows[size - 1].id if len(rows) > size else None)


def find_newest() -> Order | None:
    """The order that was placed last, without its stages; None before the first."""
    return db.session.scalar(select(Order).order_by(Order.id.desc()).limit(1))


def any_is_done() -> bool:
    """Whether any order has all its works."""
    return db.session.scalar(select(Order.id).where(Order.state == OrderState.DONE).limit(1)) is not None


def count_by_state() -> dict[OrderState, int]:
    """How many orders are in each state that is not final."""
    rows = db.session.execute(
        select(Order.state, func.count())
        .where(Order.state.in_((OrderState.RUNNING, OrderState.WAITING, OrderState.ATTENTION)))
        .group_by(Order.state)
    )
    return {state: count for state, count in rows}  # noqa: C416  # a Row is not a pair to the type checker
