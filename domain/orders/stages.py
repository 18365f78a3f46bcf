"""The moves of a stage from state to state: each is one conditional update, and an order follows its stages.

Moves that change what an order's state is lock the order first, then the stage, so that two stages that end at the
same moment cannot miss each other and cannot lock each other out. Nothing here commits: the caller does, with
whatever else belongs to the same moment.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Update, bindparam, case, func, or_, select, update

from domain.db import Base, UtcDateTime, db, taken_once, utc_now
from domain.orders.leases import LEASE
from domain.orders.models import OrderState, Ready, Stage, StageState
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
class Claim:
    """A stage that the caller has taken just now, and the claim that it got."""

    id: int
    claim: int


def claim(stage_id: int, now: datetime) -> Stage | None:
    """Take a queued stage that is due, with a new claim; None if another worker has it or there is nothing to do.

    The update is the lock: a message that is delivered twice matches no row the second time.
    """
    return db.session.scalar(_CLAIM, {"stage_id": stage_id, "now": now, "leased_until": now + LEASE})


def transition(stage: Claimed, expected: Collection[StageState], **values: Any) -> bool:
    """Give ``stage`` new values if it still has the claim that ``stage`` was read with and is in ``expected``.

    Returns whether it did: False means that somebody else has moved it since, and the caller must change nothing.
    """
    moved = move_first(stage, expected, **values)
    if moved:
        update_order_states([stage.order_id])
    return moved


def move_first(stage: Claimed, expected: Collection[StageState], **values: Any) -> bool:
    """As ``transition``, for a caller that moves other stages of the order as well, and then lets the order follow."""
    lock_order(stage.order_id)
    expressions = {name: value for name, value in values.items() if isinstance(value, ColumnElement)}
    plain = {f"new_{name}": value for name, value in values.items() if name not in expressions}
    statement = _move(frozenset(expected), frozenset(values.keys() - expressions.keys()))
    if expressions:
        statement = statement.values(expressions)
    held = {"stage_id": stage.id, "held_claim": stage.claim, "new_updated_at": utc_now()}
    return db.session.scalar(statement, held | plain) is not None


def count_due(state: StageState, kind: ProviderKind, now: datetime, limit: int) -> int:
    """How many ``take_due`` would take."""
    due = _STAGES.select().where(*_due(state, now, kind)).limit(limit).subquery()
    return db.session.scalars(select(func.count()).select_from(due)).one()


def take_due(state: StageState, now: datetime, limit: int, kind: ProviderKind | None = None) -> list[Claim]:
    """Take the stages in ``state``, of one provider or of any, whose time has come and that nobody holds.

    Longest due first. Their state stays; their claim goes up, so that whoever held them before and comes back changes
    nothing.
    """
    due = select(Stage.id).where(*_due(state, now, kind)).order_by(Stage.due_at).limit(limit)
    taken = db.session.execute(
        update(Stage)
        .where(Stage.id.in_(taken_once(due)))
        .values(claim=Stage.claim + 1, lease_until=now + LEASE)
        .returning(Stage.id, Stage.claim)
        .execution_options(synchronize_session=False)
    )
    return [Claim(stage_id, claim) for stage_id, claim in sorted(taken)]


def _due(state: StageState, now: datetime, kind: ProviderKind | None) -> list[ColumnElement[bool]]:
    nobody_holds_it = or_(Stage.lease_until.is_(None), Stage.lease_until < now)
    of_kind = [] if kind is None else [Stage.provider_kind == kind]
    return [Stage.state == state, Stage.due_at <= now, nobody_holds_it, *of_kind]


def unblock(order_id: int, now: datetime) -> list[Ready]:
    """Let the stages start that waited for the poem; the order must be locked."""
    rows = db.session.execute(_UNBLOCK, {"of_order": order_id, "now": now})
    return [Ready(stage_id, stage_type) for stage_id, stage_type in rows]


def lock_order(order_id: int) -> None:
    """Hold the order's row until the transaction ends; on SQLite the write lock is held already."""
    db.session.execute(_LOCK, {"order_id": order_id})


def update_order_states(order_ids: Collection[int]) -> None:
    """Give orders the state that follows from their stages; their rows must be locked."""
    now = utc_now()
    if order_ids:
        db.session.execute(_FOLLOW, [{"order_id": order_id, "now": now} for order_id in order_ids])


# Statements that each stage needs are made once, of plain tables where no object is wanted: to make one takes longer
# than to run it, and the ORM adds as much again.
_STAGES, _ORDERS = Base.metadata.tables["stages"], Base.metadata.tables["orders"]
_NOW = bindparam("now", type_=UtcDateTime())


@cache
def _move(expected: frozenset[StageState], names: frozenset[str]) -> Update:
    """Gives each of ``names`` the value of the parameter ``new_`` and its name."""
    return (
        update(_STAGES)
        .where(_STAGES.c.id == bindparam("stage_id"), _STAGES.c.claim == bindparam("held_claim"))
        .where(_STAGES.c.state.in_(expected))
        .values({name: bindparam(f"new_{name}") for name in names | {"updated_at"}})
        .returning(_STAGES.c.id)
    )


_RANKS = {
    **dict.fromkeys(ACTIVE_STATES, 1),
    StageState.ATTENTION: 2,
    StageState.WAITING: 3,
    StageState.FAILED: 4,
}
_ORDER_STATES = {1: OrderState.RUNNING, 2: OrderState.ATTENTION, 3: OrderState.WAITING, 4: OrderState.FAILED}
_MOST_URGENT = (
    select(func.min(case(_RANKS, value=_STAGES.c.state, else_=5)))
    .where(_STAGES.c.order_id == _ORDERS.c.id)
    .correlate(_ORDERS)
    .scalar_subquery()
)
_FOLLOW = (
    update(_ORDERS)
    .where(_ORDERS.c.id == bindparam("order_id"))
    .values(state=case(_ORDER_STATES, value=_MOST_URGENT, else_=OrderState.DONE), updated_at=_NOW)
)
_CLAIM = (
    update(Stage)
    .where(Stage.id == bindparam("stage_id"), Stage.state == StageState.QUEUED, Stage.due_at <= _NOW)
    .values(
        state=StageState.RUNNING,
        claim=Stage.claim + 1,
        lease_until=bindparam("leased_until", type_=UtcDateTime()),
        started_at=_NOW,
        resolved_at=_NOW,
        updated_at=_NOW,
    )
    .returning(Stage)
    .execution_options(synchronize_session=False, populate_existing=True)
)
_UNBLOCK = (
    update(_STAGES)
    .where(_STAGES.c.order_id == bindparam("of_order"), _STAGES.c.state == StageState.BLOCKED)
    .values(state=StageState.QUEUED, due_at=_NOW, published_at=_NOW, updated_at=_NOW)
    .returning(_STAGES.c.id, _STAGES.c.stage_type)
)
_LOCK = select(_ORDERS.c.id).where(_ORDERS.c.id == bindparam("order_id")).with_for_update(key_share=True)
