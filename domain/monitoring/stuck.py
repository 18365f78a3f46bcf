"""Which stages stand longer than they should, and why: what an operator looks at first.

Only looks: whatever can go on by itself is moved by ``maintenance.sweep`` and ``generation.poll``. All of it is one
query, however many orders there are; whatever ends a stage's standing is in its row, so nothing here is stored.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, and_, case, literal, or_, select
from sqlalchemy.orm import selectinload

from domain.db import db
from domain.monitoring import stuck_rules
from domain.monitoring.stuck_rules import StuckReason, poem
from domain.orders.models import Attempt, AttemptState, Order, OrderState, Stage, StageState
from providers.kinds import StageType
from settings import current_settings

STAGES_OF_AN_ORDER = len(StageType)


@dataclass(frozen=True, slots=True)
class StuckStage:
    """One stage that stands. ``until`` is when something happens by itself; None where nothing will.

    ``reason`` is the stage's own: what its section lacks, what a person has to decide.
    """

    order_id: int
    stage_type: StageType
    state: StageState
    why: StuckReason
    since: datetime
    until: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of orders, newest first, with those of their stages that stand."""

    orders: list[Order]
    older_than: int | None
    standing: dict[int, list[StuckStage]]


def of_order(order_id: int, now: datetime) -> dict[StageType, StuckStage]:
    """The stages of one order that stand; those too that follow from an end, such as a poem that failed."""
    found = _standing(select_standing(now, ended=True).where(Stage.order_id == order_id), now)
    return {each.stage_type: each for each in found}


def of_orders(order_ids: Collection[int], now: datetime) -> dict[int, list[StuckStage]]:
    """The stages of these orders that stand."""
    return _by_order(_standing(select_standing(now).where(Stage.order_id.in_(order_ids)).order_by(Stage.id), now))


def list_page(now: datetime, size: int, before_id: int | None = None, state: OrderState | None = None) -> Page:
    """Orders in which a stage stands, newest first, from ``before_id`` downwards."""
    query = select_standing(now).order_by(Stage.order_id.desc(), Stage.id).limit((size + 1) * STAGES_OF_AN_ORDER)
    if before_id is not None:
        query = query.where(Stage.order_id < before_id)
    if state is not None:
        query = query.join(Order, Order.id == Stage.order_id).where(Order.state == state)
    found = _by_order(_standing(query, now))
    ids = list(found)[:size]
    wanted = select(Order).options(selectinload(Order.stages)).where(Order.id.in_(ids)).order_by(Order.id.desc())
    orders = db.session.scalars(wanted).all()
    return Page(list(orders), ids[-1] if len(found) > size else None, {each: found[each] for each in ids})


def stuck_orders(now: datetime) -> Select[int, str, str]:
    """Id, recipient and occasion of each order in which a stage stands, for ``orders.search``."""
    columns = (Order.id, Order.recipient, Order.occasion)
    query = select_standing(now).join(Order, Order.id == Stage.order_id)
    return query.with_only_columns(*columns, maintain_column_froms=True).distinct()


def select_standing(now: datetime, *, ended: bool = False) -> Select[*tuple[Any, ...]]:
    """Every stage that stands, why, and the times that tell since when."""
    rules = stuck_rules.rules(now)
    if ended:
        rules.append((StuckReason.POEM_FAILED, stuck_rules.poem_failed()))
    return (
        select(
            Stage.order_id,
            Stage.stage_type,
            Stage.state,
            Stage.reason,
            Stage.due_at,
            Stage.lease_until,
            Stage.started_at,
            Stage.waiting_since,
            Stage.updated_at,
            Attempt.submitted_at,
            Attempt.deadline_at,
            Attempt.started_at.label("attempted_at"),
            Attempt.ended_at.label("lost_at"),
            poem.updated_at.label("poem_moved_at"),
            case(*((holds, literal(why.value)) for why, holds in rules)).label("why"),
        )
        .outerjoin(Attempt, and_(Attempt.stage_id == Stage.id, Attempt.state.in_(AttemptState.unended())))
        # Only who is blocked waits for a poem; for the thousands in the queue none is looked up.
        .outerjoin(
            poem,
            and_(
                poem.order_id == case((Stage.state == StageState.BLOCKED, Stage.order_id)),
                poem.stage_type == StageType.POEM,
            ),
        )
        .where(or_(*(holds for _, holds in rules)))
    )


def _standing(query: Select[*tuple[Any, ...]], now: datetime) -> list[StuckStage]:
    return [read_standing(row, now) for row in db.session.execute(query)]


def read_standing(row: Row[*tuple[Any, ...]], now: datetime) -> StuckStage:
    """What a row of ``select_standing`` says, or one with the same names."""
    why = StuckReason(row.why)
    since, until = _times(row, why)
    since = min(since or row.updated_at, now)
    # What should have happened by now, and has not, is no promise any more.
    until = until if until and until > now else None
    return StuckStage(row.order_id, row.stage_type, row.state, why, since, until, row.reason)


def _times(  # noqa: PLR0911  # one for each reason
    row: Row[*tuple[Any, ...]], why: StuckReason
) -> tuple[datetime | None, datetime | None]:
    """Since when it stands, and when something happens by itself."""
    match why:
        case StuckReason.SETTINGS:
            return row.waiting_since, row.waiting_since + timedelta(hours=current_settings().stage_wait_hours)
        case StuckReason.JOB_KEY_UNREADABLE:
            patience = timedelta(hours=current_settings().stage_wait_hours)
            return row.submitted_at or row.attempted_at, row.submitted_at and row.submitted_at + patience
        case StuckReason.JOB_SLOW | StuckReason.JOB_KEY_REFUSED:
            return row.submitted_at, row.deadline_at
        case StuckReason.ANSWER_LOST:
            return row.lost_at or row.attempted_at, row.due_at
        case StuckReason.DISK_FULL | StuckReason.CLOCK_SET:
            return row.updated_at, row.due_at
        case StuckReason.DECISION:
            return row.updated_at, None
        case StuckReason.POEM_FAILED | StuckReason.POEM_UNDECIDED:
            return row.poem_moved_at, None
        case _:
            return _left_since(row), None


def _left_since(row: Row[*tuple[Any, ...]]) -> datetime | None:
    """Since when the next step of a stage could have been made, or the present one runs."""
    times: dict[StageState, datetime | None] = {
        StageState.RUNNING: row.started_at,
        StageState.FETCHING: row.updated_at,
        StageState.WAITING: row.waiting_since,
        StageState.BLOCKED: row.poem_moved_at,
    }
    return times.get(row.state, row.due_at)


def _by_order(found: Iterable[StuckStage]) -> dict[int, list[StuckStage]]:
    orders: dict[int, list[StuckStage]] = {}
    for each in found:
        orders.setdefault(each.order_id, []).append(each)
    return orders
