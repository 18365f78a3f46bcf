"""How much there is to do, counted for who watches: bounded by what is unfinished, or answered by an index alone."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from domain.db import db
from domain.orders.models import Order, OrderState, Stage, StageState
from domain.orders.stages import ACTIVE_STATES
from providers.kinds import StageType

UNFINISHED = (*ACTIVE_STATES, StageState.BLOCKED, StageState.WAITING, StageState.ATTENTION)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """How many stages of one type are in one state, and since when the oldest of them is due."""

    stage_type: StageType
    state: StageState
    stages: int
    oldest_due_at: datetime


def orders_by_state() -> dict[OrderState, int]:
    """How many orders are in each state that any is in."""
    return dict(db.session.execute(select(Order.state, func.count()).group_by(Order.state)).all())


def stages_by_state() -> dict[StageState, int]:
    """How many stages are in each state that any is in."""
    return dict(db.session.execute(select(Stage.state, func.count()).group_by(Stage.state)).all())


def unfinished() -> list[Unfinished]:
    """The stages that are neither done nor failed, by type and state."""
    found = (
        select(Stage.stage_type, Stage.state, func.count(), func.min(Stage.due_at))
        .where(Stage.state.in_(UNFINISHED))
        .group_by(Stage.stage_type, Stage.state)
    )
    return [Unfinished(*row) for row in db.session.execute(found)]
