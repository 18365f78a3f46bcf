"""Stages that the pace of their provider holds: they are queued, and no message is sent for them."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, literal_column, select

from domain.orders.models import Stage, StageReason, StageState
from providers.kinds import StageType

#: How long a stage that was let go counts as on its way to a worker.
ON_ITS_WAY = timedelta(seconds=4)


def is_throttled(stage_type: StageType | None = None) -> list[ColumnElement[bool]]:
    """What is true of held stages, of one type or of any."""
    of_type = [] if stage_type is None else [Stage.stage_type == stage_type]
    # Written out, as SQLite uses the index of those that are held for no parameter.
    return [Stage.state == StageState.QUEUED, Stage.reason == literal_column(f"'{StageReason.THROTTLED}'"), *of_type]


def on_their_way(which: ColumnElement[bool], now: datetime) -> Select[int]:
    """How many were let go and have not reached a worker yet: the calls that they will make are not counted."""
    return select(func.count()).where(
        which,
        Stage.state == StageState.QUEUED,
        Stage.reason.is_(None),
        Stage.due_at <= now,
        Stage.published_at > now - ON_ITS_WAY,
    )
