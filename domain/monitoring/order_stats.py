"""How many orders were placed each day, and what became of them, without ever counting all of them.

The sweep counts orders once they are a minute old; what is younger is counted when it is asked for. A day is one of
the shop: that of the moment at which the order was placed. What was counted stays where it is when ``TIME_ZONE``
changes, so the days before that are those of the zone before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile

from sqlalchemy import ColumnElement, Date, Row, case, func, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.calendar import day_of, start_of
from domain.db import Base, db, insert_into
from domain.orders.models import Order, OrderState
from domain.orders.queries import MAX_ID

#: An order of this age is stored, or never will be, so that no lower id can still come.
SETTLED = timedelta(seconds=60)
BATCH = 5_000
#: How many are looked at that no sweep has counted yet: more are there only where none has run for long.
MAX_YOUNG = 10_000
NOT_DONE = (OrderState.RUNNING, OrderState.WAITING, OrderState.ATTENTION, OrderState.FAILED)


class OrderDay(Base):
    """How many orders of one day are counted, and between which ids they lie."""

    __tablename__ = "order_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    placed: Mapped[int]
    first_id: Mapped[int]
    last_id: Mapped[int]


@dataclass(frozen=True, slots=True)
class Orders:
    """How many orders were placed since some day, and how they stand now."""

    placed: int
    failed: int
    unfinished: int

    @property
    def done(self) -> int:
        """How many have all their works."""
        # An order of the last moment of a day may have a higher id than the first one of the next.
        return max(self.placed - self.failed - self.unfinished, 0)


def count_up(now: datetime) -> int:
    """Count some of the orders that are not counted yet; commits, returns how many.

    Two at once do no harm: of those who begin at the same order, one counts.
    """
    found = db.session.execute(
        select(Order.id, Order.created_at).where(Order.id > _last_counted()).order_by(Order.id).limit(BATCH)
    ).all()
    settled = list(takewhile(lambda row: row.created_at < now - SETTLED, found))
    if not settled:
        db.session.rollback()
        return 0
    day = day_of(settled[0].created_at)
    of_day = list(takewhile(lambda row: day_of(row.created_at) == day, settled))
    _add(day, of_day)
    db.session.commit()
    return len(of_day)


def since(*days: date) -> list[Orders]:
    """The orders since each of ``days``, today's included; from five small queries."""
    counted = db.session.scalars(select(OrderDay).where(OrderDay.day >= min(days))).all()
    young = select(Order.id, Order.created_at).where(Order.id > _last_counted()).limit(MAX_YOUNG).subquery().c
    of_day = [young.created_at >= start_of(day) for day in days]
    numbers = db.session.execute(select(*(func.count(case((each, 1))) for each in of_day))).one()
    first_young = db.session.execute(select(*(func.min(case((each, young.id))) for each in of_day))).one()
    first_ids = [
        min((each.first_id for each in counted if each.day >= day), default=first)
        for day, first in zip(days, first_young, strict=True)
    ]
    states = _states_from([MAX_ID if first_id is None else first_id for first_id in first_ids])
    return [
        Orders(
            sum(each.placed for each in counted if each.day >= day) + numbers[place],
            states[OrderState.FAILED][place],
            sum(states[state][place] for state in NOT_DONE if state is not OrderState.FAILED),
        )
        for place, day in enumerate(days)
    ]


def _last_counted() -> int:
    return db.session.scalar(select(func.max(OrderDay.last_id))) or 0


def _add(day: date, orders: Sequence[Row[int, datetime]]) -> None:
    table = Base.metadata.tables[OrderDay.__tablename__]
    new = insert_into(table, db.engine.dialect.name).values(
        day=day, placed=len(orders), first_id=orders[0].id, last_id=orders[-1].id
    )
    db.session.execute(
        new.on_conflict_do_update(
            index_elements=table.primary_key,
            set_={"placed": table.c.placed + new.excluded.placed, "last_id": new.excluded.last_id},
            where=table.c.last_id < new.excluded.first_id,
        )
    )


def _states_from(first_ids: Sequence[int]) -> dict[OrderState, list[int]]:
    """How many orders from each of the ids on are in each state but ``done``: the index of states knows."""
    columns: list[ColumnElement[int]] = [func.count(case((Order.id >= first_id, 1))) for first_id in first_ids]
    rows = db.session.execute(
        select(Order.state, *columns).where(Order.state.in_(NOT_DONE), Order.id >= min(first_ids)).group_by(Order.state)
    )
    found = {state: list(numbers) for state, *numbers in rows}
    return {state: found.get(state, [0] * len(first_ids)) for state in NOT_DONE}
