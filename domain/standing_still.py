"""Which stages stand longer than they should, and why: what an operator looks at first.

Only looks: whatever can go on by itself is moved by ``recovery`` and ``polling``. All of it is one query, however many
orders there are; whatever ends a stage's standing is in its row, so nothing here is stored.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, literal, not_, or_, select
from sqlalchemy.orm import aliased, selectinload

from domain.db import db
from domain.heartbeats import WORKER, WORKER_SILENCE, Heartbeat
from domain.held_stages import HELD
from domain.orders import Attempt, AttemptState, Order, OrderState, Stage, StageState
from domain.provider_configs import PASSING_REASONS, Reason
from domain.submissions import JOB_KEY_UNREADABLE
from providers.kinds import StageType
from providers.registry import JOB_ADAPTERS
from settings import current_settings

#: A stage that may go on is taken up within seconds; after a minute something is in its way.
PATIENCE = timedelta(seconds=60)
#: The sweep takes a stage from a worker that is gone a few seconds after its lease; later nobody sweeps.
LEASE_PATIENCE = timedelta(seconds=30)
#: Calls, looks and what is stored after them have time limits of at most three minutes; beyond this they hang.
CALL_PATIENCE = timedelta(minutes=10)
#: Downloads run a few at a time, each up to three minutes, and those that stand in line count as begun.
FETCH_PATIENCE = timedelta(hours=1)
#: A job is slow after this many times what its provider usually needs, or when its deadline is this near.
SLOW_TIMES = 5
NEAR_DEADLINE = timedelta(minutes=5)
#: No wait between two steps of ours is longer than 72 minutes: what is planned later was planned by another clock.
LONGEST_PLAN = timedelta(hours=2)

STAGES_OF_AN_ORDER = len(StageType)


class Standstill(StrEnum):
    """Why a stage stands."""

    NO_WORKER = "no_worker"
    NOT_TAKEN_UP = "not_taken_up"
    DISK_FULL = "disk_full"
    JOB_KEY_UNREADABLE = "job_key_unreadable"
    JOB_KEY_REFUSED = "job_key_refused"
    WORKERS_BUSY = "workers_busy"
    CALL_HANGS = "call_hangs"
    CLOCK_SET = "clock_set"
    JOB_SLOW = "job_slow"
    ANSWER_LOST = "answer_lost"
    SETTINGS = "settings"
    DECISION = "decision"
    POEM_UNDECIDED = "poem_undecided"
    POEM_FAILED = "poem_failed"


@dataclass(frozen=True, slots=True)
class Standing:
    """One stage that stands. ``until`` is when something happens by itself; None where nothing will.

    ``reason`` is the stage's own: what its section lacks, what a person has to decide.
    """

    order_id: int
    stage_type: StageType
    state: StageState
    why: Standstill
    since: datetime
    until: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of orders, newest first, with those of their stages that stand."""

    orders: list[Order]
    older_than: int | None
    standing: dict[int, list[Standing]]


_poem = aliased(Stage)


def of_order(order_id: int, now: datetime) -> dict[StageType, Standing]:
    """The stages of one order that stand; those too that follow from an end, such as a poem that failed."""
    found = _standing(select_standing(now, ended=True).where(Stage.order_id == order_id), now)
    return {each.stage_type: each for each in found}


def of_orders(order_ids: Collection[int], now: datetime) -> dict[int, list[Standing]]:
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
    """Id, recipient and occasion of each order in which a stage stands, for ``order_search``."""
    columns = (Order.id, Order.recipient, Order.occasion)
    query = select_standing(now).join(Order, Order.id == Stage.order_id)
    return query.with_only_columns(*columns, maintain_column_froms=True).distinct()


def select_standing(now: datetime, *, ended: bool = False, at_once: bool = False) -> Select[*tuple[Any, ...]]:
    """Every stage that stands, why, and the times that tell since when.

    ``at_once``: also what has begun to wait for its settings just now.
    """
    rules = _rules(now, timedelta(0) if at_once else PATIENCE)
    if ended:
        poem_failed = and_(Stage.state == StageState.BLOCKED, _poem.state == StageState.FAILED)
        rules.append((Standstill.POEM_FAILED, poem_failed))
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
            _poem.updated_at.label("poem_moved_at"),
            case(*((holds, literal(why.value)) for why, holds in rules)).label("why"),
        )
        .outerjoin(Attempt, and_(Attempt.stage_id == Stage.id, Attempt.state.in_(AttemptState.unended())))
        # Only who is blocked waits for a poem; for the thousands in the queue none is looked up.
        .outerjoin(
            _poem,
            and_(
                _poem.order_id == case((Stage.state == StageState.BLOCKED, Stage.order_id)),
                _poem.stage_type == StageType.POEM,
            ),
        )
        .where(or_(*(holds for _, holds in rules)))
    )


def _rules(now: datetime, patience: timedelta) -> list[tuple[Standstill, ColumnElement[bool]]]:
    """Each reason with what makes it true; where several are, the first counts."""
    someone_works = exists().where(Heartbeat.name == WORKER, Heartbeat.seen_at > now - WORKER_SILENCE)
    left, due = _left_lying(now), _overdue(now)
    in_line = Stage.state.in_((StageState.QUEUED, StageState.SUBMITTED, StageState.UNCERTAIN))
    refusals = [reason for reason in Reason if reason not in PASSING_REASONS]
    submitted = Stage.state == StageState.SUBMITTED
    return [
        (Standstill.NO_WORKER, and_(or_(left, due), not_(someone_works))),
        (Standstill.NOT_TAKEN_UP, left),
        (
            Standstill.DISK_FULL,
            and_(Stage.state.in_((StageState.QUEUED, StageState.SUBMITTED)), Stage.reason == "storage_full"),
        ),
        (
            Standstill.JOB_KEY_UNREADABLE,
            and_(Stage.state.in_((StageState.SUBMITTED, StageState.UNCERTAIN)), Stage.reason == JOB_KEY_UNREADABLE),
        ),
        (Standstill.JOB_KEY_REFUSED, and_(submitted, Stage.reason.in_(refusals))),
        # Those that are held go on by themselves, at their provider's pace; who wants more of it, buys more.
        (Standstill.WORKERS_BUSY, and_(due, Stage.reason.is_distinct_from(HELD))),
        (Standstill.CALL_HANGS, _hanging(now)),
        (Standstill.CLOCK_SET, and_(in_line, Stage.due_at > now + LONGEST_PLAN)),
        (Standstill.JOB_SLOW, and_(submitted, _slow(now))),
        (Standstill.ANSWER_LOST, and_(Stage.state == StageState.UNCERTAIN, Attempt.started_at < now - PATIENCE)),
        (Standstill.SETTINGS, and_(Stage.state == StageState.WAITING, Stage.waiting_since <= now - patience)),
        (Standstill.DECISION, Stage.state == StageState.ATTENTION),
        (
            Standstill.POEM_UNDECIDED,
            and_(Stage.state == StageState.BLOCKED, _poem.state == StageState.ATTENTION),
        ),
    ]


def _left_lying(now: datetime) -> ColumnElement[bool]:
    """What the sweep should have moved on, and has not."""
    waited_out = now - timedelta(hours=current_settings().stage_wait_hours) - PATIENCE
    return or_(
        and_(
            Stage.state.in_((StageState.RUNNING, StageState.FETCHING)),
            Stage.lease_until < now - LEASE_PATIENCE,
        ),
        and_(Stage.state == StageState.WAITING, Stage.waiting_since < waited_out),
        and_(
            Stage.state == StageState.BLOCKED,
            Stage.due_at < now - PATIENCE,  # says nothing new, but the index knows it
            _poem.state == StageState.DONE,
            _poem.updated_at < now - PATIENCE,
        ),
    )


def _overdue(now: datetime) -> ColumnElement[bool]:
    """Whose time has come and whom no worker has taken, or whom one has taken and keeps for ever."""
    nobody_looks = or_(Stage.lease_until.is_(None), Stage.lease_until < now - LEASE_PATIENCE)
    return or_(
        and_(Stage.state == StageState.QUEUED, Stage.due_at < now - PATIENCE),
        and_(
            Stage.state.in_((StageState.SUBMITTED, StageState.UNCERTAIN)),
            Stage.due_at < now - PATIENCE,
            nobody_looks,
        ),
    )


def _hanging(now: datetime) -> ColumnElement[bool]:
    """Whom a worker holds, and renews its hold on, for longer than anything should take."""
    return or_(
        and_(Stage.state == StageState.RUNNING, Stage.started_at < now - CALL_PATIENCE),
        and_(Stage.state == StageState.FETCHING, Stage.updated_at < now - FETCH_PATIENCE),
        and_(Stage.state.in_((StageState.SUBMITTED, StageState.UNCERTAIN)), Stage.due_at < now - CALL_PATIENCE),
    )


def _slow(now: datetime) -> ColumnElement[bool]:
    late = [
        and_(Attempt.provider_kind == kind, Attempt.submitted_at < now - timedelta(seconds=SLOW_TIMES * usual))
        for kind, usual in ((kind, adapter.usual_seconds) for kind, adapter in JOB_ADAPTERS.items())
    ]
    return or_(Attempt.deadline_at < now + NEAR_DEADLINE, *late)


def _standing(query: Select[*tuple[Any, ...]], now: datetime) -> list[Standing]:
    return [read_standing(row, now) for row in db.session.execute(query)]


def read_standing(row: Row[*tuple[Any, ...]], now: datetime) -> Standing:
    """What a row of ``select_standing`` says, or one with the same names."""
    why = Standstill(row.why)
    since, until = _times(row, why)
    since = min(since or row.updated_at, now)
    # What should have happened by now, and has not, is no promise any more.
    until = until if until and until > now else None
    return Standing(row.order_id, row.stage_type, row.state, why, since, until, row.reason)


def _times(  # noqa: PLR0911  # one for each reason
    row: Row[*tuple[Any, ...]], why: Standstill
) -> tuple[datetime | None, datetime | None]:
    """Since when it stands, and when something happens by itself."""
    match why:
        case Standstill.SETTINGS:
            return row.waiting_since, row.waiting_since + timedelta(hours=current_settings().stage_wait_hours)
        case Standstill.JOB_KEY_UNREADABLE:
            patience = timedelta(hours=current_settings().stage_wait_hours)
            return row.submitted_at or row.attempted_at, row.submitted_at and row.submitted_at + patience
        case Standstill.JOB_SLOW | Standstill.JOB_KEY_REFUSED:
            return row.submitted_at, row.deadline_at
        case Standstill.ANSWER_LOST:
            return row.lost_at or row.attempted_at, row.due_at
        case Standstill.DISK_FULL | Standstill.CLOCK_SET:
            return row.updated_at, row.due_at
        case Standstill.DECISION:
            return row.updated_at, None
        case Standstill.POEM_FAILED | Standstill.POEM_UNDECIDED:
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


def _by_order(found: Iterable[Standing]) -> dict[int, list[Standing]]:
    orders: dict[int, list[Standing]] = {}
    for each in found:
        orders.setdefault(each.order_id, []).append(each)
    return orders
