"""What stands or is held back at the moment, by kind of work and by reason: for a page that shows it at a glance."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from domain.db import db
from domain.monitoring import stuck
from domain.monitoring.stuck import StuckStage
from domain.orders.models import Stage
from domain.orders.throttled_stages import is_throttled
from providers.kinds import StageType

#: As many stages as are looked at; with more, the numbers are the least that there are.
MOST = 1_000
#: What stands in a row tells the times, so the earliest of each are those of the group.
_TIMES = (
    "due_at",
    "lease_until",
    "started_at",
    "waiting_since",
    "updated_at",
    "submitted_at",
    "deadline_at",
    "attempted_at",
    "lost_at",
    "poem_moved_at",
)


@dataclass(frozen=True, slots=True)
class Group:
    """Works of one kind that stand for one reason; ``standing`` tells of them as of one, the oldest order's."""

    standing: StuckStage
    stages: int


@dataclass(frozen=True, slots=True)
class WhatWaits:
    """Groups that stand, the largest first; and how many works their provider's pace holds, which go on by themselves.

    ``is_all``: whether everything was looked at.
    """

    groups: list[Group]
    throttled: dict[StageType, int]
    is_all: bool


def look(now: datetime) -> WhatWaits:
    """All of it, from two queries that look at so many stages at the most. Stored states only."""
    groups = [_group(row, now) for row in db.session.execute(_groups(now))]
    groups.sort(key=lambda group: -group.stages)
    throttled = select(Stage.stage_type).where(*is_throttled()).limit(MOST).subquery()
    rows = db.session.execute(select(throttled.c.stage_type, func.count()).group_by(throttled.c.stage_type))
    numbers: dict[StageType, int] = {stage_type: number for stage_type, number in rows}  # noqa: C416  # as in call_counters
    is_all = sum(group.stages for group in groups) < MOST and sum(numbers.values()) < MOST
    return WhatWaits(groups, {kind: numbers[kind] for kind in StageType if kind in numbers}, is_all)


def _groups(now: datetime) -> Any:
    each = stuck.select_standing(now).limit(MOST).subquery().c
    kind = (each.stage_type, each.state, each.reason, each.why)
    times = (func.min(each[name]).label(name) for name in _TIMES)
    oldest = func.min(each.order_id).label("order_id")
    return select(*kind, *times, oldest, func.count().label("stages")).group_by(*kind)


def _group(row: Row[Any], now: datetime) -> Group:
    return Group(stuck.read_standing(row, now), row.stages)
