"""Works that need a person, and works that have failed lately, by kind of work: what somebody is alerted to.

A failed work stays failed until somebody retries it, mostly for ever: only those count whose end is at most a day old.
What waits for a poem that failed, or that needs a person, is blocked and not counted: that is the poem's trouble.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, literal_column, select, union_all

from domain.db import db
from domain.orders.models import Stage, StageReason, StageState
from providers.kinds import StageType

#: For so long a failed work is news.
RECENT = timedelta(hours=24)
#: As many works of one kind as are looked at; with more, their number is the least that there are.
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Group:
    """Works of one kind in one state: how many, since when the first of them, and the reason that most of them have."""

    state: StageState
    stage_type: StageType
    works: int
    since: datetime
    reason: str | None


def look(now: datetime) -> list[Group]:
    """All of it, from one query that looks at so many works at the most and uses an index. Stored states only."""
    each = union_all(*(_some(state, kind, now) for state in _SINCE for kind in StageType)).subquery().c
    of = (each.state, each.stage_type, each.reason)
    rows = db.session.execute(
        select(*of, func.count().label("works"), func.min(each.since).label("since")).group_by(*of)
    ).all()
    found: dict[tuple[StageState, StageType], list[Row[Any]]] = {}
    for row in rows:
        found.setdefault((row.state, row.stage_type), []).append(row)
    return [_group(each) for each in found.values()]


_SINCE = {StageState.ATTENTION: Stage.updated_at, StageState.FAILED: Stage.finished_at}
#: Written out, as SQLite uses the index of these for no parameter.
_IN_TROUBLE = Stage.state.in_([literal_column(f"'{state}'") for state in _SINCE])


def _some(state: StageState, kind: StageType, now: datetime) -> Select[*tuple[Any, ...]]:
    since = _SINCE[state]
    found = select(Stage.state, Stage.stage_type, Stage.reason, since.label("since")).where(
        _IN_TROUBLE, Stage.state == state, Stage.stage_type == kind
    )
    if state is StageState.FAILED:
        # What was cancelled with its order is nobody's trouble.
        found = found.where(since > now - RECENT, Stage.reason.is_distinct_from(StageReason.ERASED))
    return select(found.limit(MOST).subquery())


def _group(rows: Sequence[Row[Any]]) -> Group:
    """Of one kind and state, from the rows of its reasons; of two that are as frequent, the first by name."""
    most = min(rows, key=lambda row: (-row.works, row.reason or ""))
    works, since = sum(row.works for row in rows), min(row.since for row in rows)
    return Group(most.state, most.stage_type, works, since, most.reason)
