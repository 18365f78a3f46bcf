"""Erasing orders: the words go at once, then the media files, then the rows that name them; what counts stays.

``request`` cancels what runs and takes the words out of every row in one transaction, so that from then on nobody is
shown any. ``go_on``, which the sweep calls, removes what lies outside of the rows, and only then forgets that it was
there: killed anywhere in between, the next sweep does it again. What stays of an order has no person in it: states,
times, models, costs, and the hash of an ``Idempotency-Key`` for as long as that counts.

A worker that comes back later finds its stage ended, stores no work and removes its file (``outcomes``). One that dies
at that very moment leaves a file, so each order is looked through once more after ``LATE_WORKERS``.
"""

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Select, and_, delete, literal_column, select, update

from domain.db import db, forget_replaced_pages, reading, taken_once
from domain.orders import placing, stages, works
from domain.orders.leases import LEASE
from domain.orders.models import Attempt, AttemptState, Order, OrderState, Stage, StageReason, StageState, Work
from providers.registry import JOB_ADAPTERS, runs_jobs
from settings import current_settings

log = structlog.get_logger(__name__)

#: Who erases what is older than ``RETENTION_DAYS``.
RETENTION: Final = "retention"
#: Orders that one sweep begins to erase for their age, and as many that it goes on with.
BATCH = 10
#: How long an order is left to the sweep that has taken it; after that another one tries again.
TAKEN_FOR = timedelta(seconds=60)
#: No worker that was frozen or cut off is expected back after so long.
LATE_WORKERS = timedelta(hours=24)
#: How long to wait for whoever holds a stage of the order for a moment.
HOLD_TRIES, HOLD_PAUSE_SECONDS = 40, 0.05

_ENDED_STATES = (OrderState.DONE, OrderState.FAILED)
_FINAL = (StageState.DONE, StageState.FAILED)


def request(order_id: int, by: str, now: datetime, *, ended_before: datetime | None = None) -> Order | None:
    """Erase the words of the order, and cancel what runs for it; commits. None where there is no such order.

    Safe twice: the second time nothing changes. With ``ended_before``, an order that has not ended by then is left as
    it is. ``go_on`` removes the files, within seconds where a sweep runs.
    """
    order = _held(order_id)
    is_wanted = order is not None and (ended_before is None or _has_ended(order, ended_before))
    if order is None or order.is_erased or not is_wanted:
        db.session.rollback()
        return db.session.get(Order, order_id) if order is not None else None
    _cancel(order_id, now)
    _take_words(order)
    order.erase_requested_at = order.erase_due_at = now
    order.erased_by = by
    db.session.flush()
    if order.state not in _ENDED_STATES:
        # One that has ended keeps its state, and so every figure that it is in.
        stages.update_order_states([order_id])
    db.session.commit()
    log.info("order erased", order_id=order_id, by=by)
    return order


def request_old(now: datetime) -> int:
    """``request`` for orders that ended ``RETENTION_DAYS`` ago, some of the oldest; how many: at most ``BATCH``."""
    days = current_settings().retention_days
    if days is None:
        return 0
    oldest = now - timedelta(days=days)
    with reading():
        ids = [order_id for state in _ENDED_STATES for order_id in db.session.scalars(_ended(state, oldest))][:BATCH]
        db.session.rollback()
    for order_id in ids:
        request(order_id, RETENTION, now, ended_before=oldest)
    return len(ids)


def go_on(now: datetime, order_ids: Collection[int] | None = None) -> None:
    """Remove the files of orders whose words are gone, then the rows that name them; ``order_ids`` or those due.

    Commits at each step. Several at once take different orders. When the media store does not answer, or somebody
    reads SQLite's log of writes for long, the orders stay as they are and are taken again after ``TAKEN_FOR``.
    """
    taken = _take(now, order_ids)
    if not taken:
        return
    stage_ids = db.session.scalars(select(Stage.id).where(Stage.order_id.in_(taken))).all()
    db.session.rollback()
    try:
        works.remove_files(stage_ids)
    except OSError as error:
        log.warning("media of erased orders not removed, trying again", orders=len(taken), error=type(error).__name__)
        return
    db.session.execute(delete(Work).where(Work.stage_id.in_(stage_ids)))
    db.session.commit()
    if not forget_replaced_pages():
        log.info("log of writes is being read, trying again", orders=len(taken))
        return
    for order_id in sorted(taken):
        _settle(order_id, now)
    db.session.commit()


def _held(order_id: int) -> Order | None:
    """The order, read anew, it and its stages held; None where there is none.

    Whoever takes a stage holds it first, and then may want its order: so nobody is waited for while that is held.
    """
    for last in (*[False] * HOLD_TRIES, True):
        order = db.session.get(Order, order_id, with_for_update={"key_share": True}, populate_existing=True)
        if order is None:
            return None
        of_order = select(Stage.id).where(Stage.order_id == order_id).order_by(Stage.id)
        free = db.session.scalars(of_order.with_for_update(skip_locked=not last)).all()
        if len(free) == len(db.session.scalars(of_order).all()):
            break
        db.session.rollback()
        time.sleep(HOLD_PAUSE_SECONDS)
    return order


def _has_ended(order: Order, before: datetime) -> bool:
    return order.state in _ENDED_STATES and order.updated_at < before


def _cancel(order_id: int, now: datetime) -> None:
    """End every stage, whoever works on it. What a provider has been asked for stays written down, and counted.

    The claim of one that is worked on stays, so that its worker can still say how the call ended, and its lease, which
    says whether somebody works on it. That of the others goes up: who was about to begin anew changes nothing.
    """
    of_order = Stage.order_id == order_id
    statements = (
        update(Stage).where(of_order, Stage.state.in_(_FINAL)).values(claim=Stage.claim + 1, detail=""),
        update(Stage)
        .where(of_order, Stage.state.not_in(_FINAL))
        .values(
            state=StageState.FAILED,
            reason=StageReason.ERASED,
            detail="",
            waiting_since=None,
            finished_at=now,
            updated_at=now,
        ),
    )
    for statement in statements:
        db.session.execute(statement.execution_options(synchronize_session=False))


def _take_words(order: Order) -> None:
    """Empty whatever holds words of the order; the rows of its media files stay until those are gone."""
    order.recipient = order.occasion = order.details = order.tone = ""
    order.poem = None
    of_order = select(Stage.id).where(Stage.order_id == order.id)
    texts = delete(Work).where(Work.stage_id.in_(of_order), Work.file_name.is_(None))
    hints = update(Attempt).where(Attempt.stage_id.in_(of_order)).values(hinted_job_id=None)
    for statement in (texts, hints):
        db.session.execute(statement.execution_options(synchronize_session=False))
    placing.hide_keys(order.id)


def _take(now: datetime, order_ids: Collection[int] | None) -> set[int]:
    """Of the orders that are due, or of ``order_ids``, those that nobody else has taken; commits."""
    if order_ids is None:
        due = select(Order.id).where(Order.erase_due_at <= now).order_by(Order.erase_due_at).limit(BATCH)
        with reading():  # mostly there are none, and nobody waits for us to find that out
            is_any_due = db.session.scalars(due).first() is not None
            db.session.rollback()
        if not is_any_due:
            return set()
        wanted: ColumnElement[bool] = Order.id.in_(taken_once(due))
    else:
        wanted = and_(Order.id.in_(order_ids), Order.erase_due_at.is_not(None))
    taken = db.session.scalars(
        update(Order)
        .where(wanted)
        .values(erase_due_at=now + TAKEN_FOR)
        .returning(Order.id)
        .execution_options(synchronize_session=False)
    ).all()
    db.session.commit()
    return set(taken)


def _settle(order_id: int, now: datetime) -> None:
    """Note that nothing is left of the order's words, and when to look again; the caller commits."""
    stages.lock_order(order_id)
    order = db.session.get_one(Order, order_id, populate_existing=True)
    again_at = _end_attempts(order_id, now)
    order.erased_at = order.erased_at or now
    last_look = order.erased_at + LATE_WORKERS
    order.erase_due_at = again_at or (last_look if now < last_look else None)


def _end_attempts(order_id: int, now: datetime) -> datetime | None:
    """End what nobody will tell us the end of, as lost: it may have been charged. When to look again, if any goes on.

    Until then a job counts among those that its provider runs for us, as it does there.
    """
    rows = db.session.execute(
        select(Attempt, Stage.lease_until)
        .join(Stage, Stage.id == Attempt.stage_id)
        .where(Stage.order_id == order_id, Attempt.state.in_(AttemptState.unended()))
    ).all()
    times = []
    for attempt, lease_until in rows:
        end = _end_of(attempt, lease_until, now)
        if end <= now:
            attempt.state, attempt.code, attempt.ended_at = AttemptState.LOST, StageReason.ERASED, now
            attempt.api_key_encrypted = None
        else:
            times.append(end)
    return min(times, default=None)


def _end_of(attempt: Attempt, lease_until: datetime | None, now: datetime) -> datetime:
    """When nothing can come of the attempt any more."""
    if lease_until is not None and lease_until >= now:
        return lease_until + LEASE
    if not runs_jobs(attempt.provider_kind):
        return now
    longest = timedelta(seconds=JOB_ADAPTERS[attempt.provider_kind].longest_seconds)
    return attempt.deadline_at or attempt.started_at + longest


def _ended(state: OrderState, before: datetime) -> Select[int]:
    """The orders that have ended so, longest ago first; by an index of these alone.

    Its condition is written out, as SQLite uses it for no parameter; and each state by itself, as they come in no
    common order.
    """
    kept = and_(Order.erase_requested_at.is_(None), Order.state.in_([_literal(each) for each in _ENDED_STATES]))
    ended = select(Order.id).where(kept, Order.state == _literal(state), Order.updated_at < before)
    return ended.order_by(Order.updated_at).limit(BATCH)


def _literal(state: OrderState) -> ColumnElement[str]:
    return literal_column(f"'{state}'")
