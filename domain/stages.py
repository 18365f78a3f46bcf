"""The moves of a stage from state to state: each is one conditional update, and an order follows its stages.

Moves that change what an order's state is lock the order first, then the stage, so that two stages that end at the
same moment cannot miss each other and cannot lock each other out. Nothing here commits: the caller does, with
whatever else belongs to the same moment.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Update, bindparam, case, func, or_, select, update

from domain.db import Base, UtcDateTime, db, utc_now
from domain.leases import LEASE
from domain.orders import Order, OrderState, Ready, Stage, StageState
from providers.kinds import ProviderKind

ACTIVE_STATES = (
    StageState.QUEUED,
    StageState.RUNNING,
    StageState.SUBMITTED,
    StageState.FETCHING,
    StageState.UNCERTAIN,
)


class Claimed(Protocol):
    """A stage as somebody has read or taken it: the claim says whether that still holds."""

    @property
    def id(self) -> int: ...
    @property
    def order_id(self) -> int: ...
    @property
    def claim(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A stage that the caller has taken just now, and the claim that it got."""

    id: int
    claim: int


def claim(stage_id: int, now: datetime) -> Stage | None:
    """Take a queued stage that is due, with a new claim; None if another worker has it or there is nothing to do.

    The update is the lock: a message that is delivered twice matches no row the second time.
    """
    return db.session.scalar(
        update(Stage)
        .where(Stage.id == stage_id, Stage.state == StageState.QUEUED, Stage.due_at <= now)
        .values(
            state=StageState.RUNNING,
            claim=Stage.claim + 1,
            lease_until=now + LEASE,
            started_at=now,
            resolved_at=now,
            updated_at=now,
        )
        .returning(Stage)
        .execution_options(synchronize_session=False, populate_existing=True)
    )


def move(stage: Claimed, expected: Collection[StageState], **values: Any) -> bool:
    """Give ``stage`` new values if it still has the claim that ``stage`` was read with and is in ``expected``.

    Returns whether it did: False means that somebody else has moved it since, and the caller must change nothing.
    """
    moved = move_first(stage, expected, **values)
    if moved:
        follow_stages([stage.order_id])
    return moved


def move_first(stage: Claimed, expected: Collection[StageState], **values: Any) -> bool:
    """As ``move``, for a caller that moves other stages of the order as well, and then lets the order follow."""
    lock_order(stage.order_id)
    moved = db.session.scalar(
        update(Stage)
        .where(Stage.id == stage.id, Stage.claim == stage.claim, Stage.state.in_(expected))
        .values(updated_at=utc_now(), **values)
        .returning(Stage.id)
        .execution_options(synchronize_session=False)
    )
    return moved is not None


def count_due(state: StageState, kind: ProviderKind, now: datetime, limit: int) -> int:
    """How many ``take_due`` would take."""
    due = select(Stage.id).where(*_due(state, now, kind)).limit(limit).subquery()
    return db.session.scalar(select(func.count()).select_from(due)) or 0


def take_due(state: StageState, now: datetime, limit: int, kind: ProviderKind | None = None) -> list[Taken]:
    """Take the stages in ``state``, of one provider or of any, whose time has come and that nobody holds.

    Longest due first. Their state stays; their claim goes up, so that whoever held them before and comes back changes
    nothing.
    """
    due = (
        select(Stage.id)
        .where(*_due(state, now, kind))
        .order_by(Stage.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = db.session.execute(
        update(Stage)
        .where(Stage.id.in_(due))
        .values(claim=Stage.claim + 1, lease_until=now + LEASE)
        .returning(Stage.id, Stage.claim)
        .execution_options(synchronize_session=False)
    )
    return [Taken(stage_id, claim) for stage_id, claim in sorted(taken)]


def _due(state: StageState, now: datetime, kind: ProviderKind | None) -> list[ColumnElement[bool]]:
    nobody_holds_it = or_(Stage.lease_until.is_(None), Stage.lease_until < now)
    of_kind = [] if kind is None else [Stage.provider_kind == kind]
    return [Stage.state == state, Stage.due_at <= now, nobody_holds_it, *of_kind]


def unblock(order_id: int, now: datetime) -> list[Ready]:
    """Let the stages start that waited for the poem; the order must be locked."""
    rows = db.session.execute(
        update(Stage)
        .where(Stage.order_id == order_id, Stage.state == StageState.BLOCKED)
        .values(state=StageState.QUEUED, due_at=now, published_at=now, updated_at=now)
        .returning(Stage.id, Stage.stage_type)
        .execution_options(synchronize_session=False)
    )
    return [Ready(stage_id, stage_type) for stage_id, stage_type in rows]


def lock_order(order_id: int) -> None:
    """Hold the order's row until the transaction ends; on SQLite the write lock is held already."""
    db.session.execute(_LOCK, {"order_id": order_id})


def follow_stages(order_ids: Collection[int]) -> None:
    """Give orders the state that follows from their stages; their rows must be locked."""
    now = utc_now()
    if order_ids:
        db.session.execute(_FOLLOW, [{"order_id": order_id, "now": now} for order_id in order_ids])


def _follow() -> Update:
    """Made once: it is run for each move, and to make it takes longer than to run it."""
    ranks = {
        **dict.fromkeys(ACTIVE_STATES, 1),
        StageState.ATTENTION: 2,
        StageState.WAITING: 3,
        StageState.FAILED: 4,
    }
    most_urgent = (
        select(func.min(case(ranks, value=Stage.state, else_=5)))
        .where(Stage.order_id == Order.id)
        .correlate(Order)
        .scalar_subquery()
    )
    states = {1: OrderState.RUNNING, 2: OrderState.ATTENTION, 3: OrderState.WAITING, 4: OrderState.FAILED}
    return (
        update(Base.metadata.tables["orders"])
        .where(Order.id == bindparam("order_id"))
        .values(
            state=case(states, value=most_urgent, else_=OrderState.DONE),
            updated_at=bindparam("now", type_=UtcDateTime()),
        )
    )


_FOLLOW = _follow()
_LOCK = select(Order.id).where(Order.id == bindparam("order_id")).with_for_update()
