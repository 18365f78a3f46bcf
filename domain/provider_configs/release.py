"""Stages that wait for their section: how they are let go on, and how waiting ends when nothing comes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select, update

from domain.db import db
from domain.orders import stages
from domain.orders.models import Order, Ready, Stage, StageReason, StageState
from domain.provider_configs.models import REFUSALS, Reason, find
from domain.provider_configs.resolver import environment_provider, why_blocked
from providers.kinds import StageType
from settings import current_settings

BATCH = 500
#: A section that has just recovered is not stormed: so many stages go at once, the others at this pace.
AT_ONCE, PER_SECOND = 10, 5
#: Waits between the attempts of a stage whose provider is away: six attempts over about half an hour.
BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 120, 480, 1200))
#: As often an order is tried before a younger one is: what is refused may be that order alone.
TRIES = 3
#: Why a stage is put back although its provider has not failed.
NOT_THE_PROVIDERS = (StageReason.THROTTLED, StageReason.STORAGE_FULL)
#: A key from the environment has no section whose checks could tell; its stages look again by themselves.
ENVIRONMENT_PATIENCE = timedelta(minutes=15)


def release(stage_type: StageType, now: datetime, *, from_now_on: bool = False) -> list[Ready]:
    """Queue the stages that wait for this section, if it works now; commits, and returns those that can start at once.

    The oldest go first and the others follow a few at a time: if the first are refused, the section is blocked before
    the last have tried. A stage that the same settings have refused before comes back with a delay that grows with its
    attempts, so that a key which passes its check but not its generations is not tried without end.

    ``from_now_on``: it was shown that the section generates, or its settings are new. Then nothing that was before
    holds anybody back: there is no such delay, and pauses that stages make after failures end as well.
    """
    row = find(stage_type)
    if row is not None and why_blocked(row) is not None:
        db.session.rollback()
        return []
    if row is None and environment_provider(stage_type) is None:
        db.session.rollback()
        return []
    version, passed_at = (row.version, row.passed_at) if row is not None else (0, None)
    ready: list[Ready] = []
    place = 0
    while found := _stopped(stage_type, now, from_now_on=from_now_on):
        if from_now_on:
            going = found
        elif version:
            going = [each for each in found if _may_go(each.resolved_at, each.config_version, version, passed_at)]
        else:
            going = _may_try_environment(stage_type, found, now)
        moved = [
            _queue(each, now, place + number, keeps_reason=not from_now_on and each.config_version == version)
            for number, each in enumerate(_held(going, now, from_now_on=from_now_on))
        ]
        place += len(moved)
        ready += [Ready(stage_id, stage_type) for stage_id in moved if stage_id is not None]
        stages.update_order_states([each.order_id for each in going])
        db.session.commit()
        if not from_now_on or not moved:
            break
    db.session.rollback()
    return ready


def _is_stopped(now: datetime, *, from_now_on: bool) -> ColumnElement[bool]:
    waits = Stage.state == StageState.WAITING
    return or_(waits, pauses(now)) if from_now_on else waits


def _stopped(stage_type: StageType, now: datetime, *, from_now_on: bool) -> list[Row[Any]]:
    """As many of those that stand as one transaction takes, the oldest first."""
    columns = (Stage.id, Stage.order_id, Stage.attempts, Stage.resolved_at, Stage.config_version)
    stopped = select(*columns).where(Stage.stage_type == stage_type, _is_stopped(now, from_now_on=from_now_on))
    return list(db.session.execute(stopped.order_by(Stage.id).limit(BATCH)))


def _held(going: Sequence[Row[Any]], now: datetime, *, from_now_on: bool) -> list[Row[Any]]:
    """Those that are still stopped once their orders are held; they are held as well.

    Whoever takes a stage holds it first, and then may want its order: so nobody is waited for, who may wait for us.
    """
    _lock_orders([each.order_id for each in going])
    still = select(Stage.id).where(Stage.id.in_([each.id for each in going]), _is_stopped(now, from_now_on=from_now_on))
    ids = set(db.session.scalars(still.with_for_update(skip_locked=True)))
    return [each for each in going if each.id in ids]


def _queue(stage: Row[Any], now: datetime, place: int, *, keeps_reason: bool) -> int | None:
    """Let a stage that is held go, each a little later than the one before; its id where it can start at once.

    ``keeps_reason``: the same settings have refused it before, so it comes back with a delay, and says why.
    """
    values: dict[str, Any] = {} if keeps_reason else {"reason": None, "detail": ""}
    due_at = now + timedelta(seconds=max(place - AT_ONCE + 1, 0) / PER_SECOND)
    if keeps_reason and stage.attempts and stage.config_version:
        due_at += BACKOFF[min(stage.attempts, len(BACKOFF)) - 1]
    at_once = due_at == now
    values |= {"due_at": due_at, "published_at": now if at_once else None}
    db.session.execute(
        update(Stage)
        .where(Stage.id == stage.id)
        .values(state=StageState.QUEUED, passing_failures=0, updated_at=now, **values)
        .execution_options(synchronize_session=False)
    )
    return int(stage.id) if at_once else None


def _may_try_environment(stage_type: StageType, found: Sequence[Row[Any]], now: datetime) -> list[Row[Any]]:
    """Of stages that wait for a key of the environment: those that it has not refused, and sometimes one that it has.

    No section says that the key is refused, so while one tries it, or has lately, the others wait for what comes of it.
    """
    refused = [each for each in found if each.config_version == 0 and each.resolved_at is not None]
    going = [each for each in found if each not in refused]
    if not refused:
        return going
    tries = select(Stage.id).where(
        Stage.stage_type == stage_type,
        Stage.config_version == 0,
        Stage.state.in_(stages.ACTIVE_STATES),
        Stage.reason.in_(REFUSALS),
    )
    latest = max(each.resolved_at for each in refused)
    if now - latest <= ENVIRONMENT_PATIENCE or db.session.scalar(tries.limit(1)) is not None:
        return going
    return [*going, min(refused, key=lambda each: (each.attempts // TRIES, each.id))]


def pauses(now: datetime) -> ColumnElement[bool]:
    """Whether a stage waits for nothing but the end of its pause after a failure of its provider."""
    return and_(
        Stage.state == StageState.QUEUED,
        Stage.due_at > now,
        # Of none at all the database does not know either.
        Stage.reason.not_in(NOT_THE_PROVIDERS),
    )


def is_pausing(stage: Stage, now: datetime) -> bool:
    """As ``pauses``, of a stage that was read."""
    is_put_back = stage.reason is not None and stage.reason not in NOT_THE_PROVIDERS
    return stage.state is StageState.QUEUED and stage.due_at > now and is_put_back


def update_wait_reason(stage_type: StageType) -> None:
    """Let the stages that wait for this section say what it lacks now, not what it lacked when they came; commits.

    So that nobody is told for hours of a check that has long ended. Nothing is said of a check that still runs.
    """
    row = find(stage_type)
    lacks = why_blocked(row) if row is not None else None
    if row is None or lacks in (None, Reason.CHECKING):
        db.session.rollback()
        return
    detail = row.detail if row.reason is lacks else ""
    others = db.session.scalars(
        select(Stage.id).where(
            Stage.stage_type == stage_type,
            Stage.state == StageState.WAITING,
            Stage.reason.is_distinct_from(lacks),
        )
    ).all()
    for start in range(0, len(others), BATCH):
        ids = others[start : start + BATCH]
        # In the order in which ``release`` takes them, so that the two never wait for each other.
        db.session.execute(select(Stage.id).where(Stage.id.in_(ids)).order_by(Stage.id).with_for_update())
        db.session.execute(
            update(Stage)
            .where(Stage.id.in_(ids), Stage.state == StageState.WAITING)
            .values(reason=lacks, detail=detail)
            .execution_options(synchronize_session=False)
        )
        db.session.commit()
    db.session.rollback()


def release_all(now: datetime) -> list[Ready]:
    """``release`` for every stage type that something waits for."""
    waiting = db.session.scalars(select(Stage.stage_type).distinct().where(Stage.state == StageState.WAITING)).all()
    db.session.rollback()
    return [ready for stage_type in waiting for ready in release(stage_type, now)]


def give_up(now: datetime) -> int:
    """Fail the stages that have waited longer than ``STAGE_WAIT_HOURS``; commits, and returns how many."""
    oldest = now - timedelta(hours=current_settings().stage_wait_hours)
    found = db.session.execute(
        select(Stage.id, Stage.order_id)
        .where(Stage.state == StageState.WAITING, Stage.waiting_since < oldest)
        .order_by(Stage.id)
        .limit(BATCH)
    ).all()
    if not found:
        db.session.rollback()
        return 0
    _lock_orders([each.order_id for each in found])
    failed = db.session.execute(
        update(Stage)
        .where(Stage.id.in_([each.id for each in found]), Stage.state == StageState.WAITING)
        .values(
            state=StageState.FAILED,
            detail=Stage.reason,
            reason=StageReason.WAITED_TOO_LONG,
            finished_at=now,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    stages.update_order_states([each.order_id for each in found])
    db.session.commit()
    return int(failed.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result is a CursorResult


def _may_go(resolved_at: datetime | None, tried_version: int | None, version: int, passed_at: datetime | None) -> bool:
    """Whether something has changed since the stage last tried."""
    if resolved_at is None or tried_version != version:
        return True
    return passed_at is not None and passed_at > resolved_at


def _lock_orders(order_ids: list[int]) -> None:
    """Hold the orders' rows, in one order for everybody, so that two who do this cannot lock each other out."""
    db.session.execute(
        select(Order.id).where(Order.id.in_(order_ids)).order_by(Order.id).with_for_update(key_share=True)
    )
