"""Finding what stands still and moving it on. Needs no message: everything is read from the rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, not_, or_, select, update
from sqlalchemy.orm import aliased

from domain import heartbeats
from domain.clock import StepDetector
from domain.db import db, taken_once
from domain.generation import retries, submit
from domain.maintenance import clock_steps
from domain.monitoring import call_counters, order_stats
from domain.orders import placing, stages
from domain.orders.models import Attempt, AttemptState, Ready, Stage, StageReason, StageState
from domain.provider_configs import checks, probes, release, throttle_release
from providers.kinds import StageType
from providers.registry import ADAPTERS, runs_jobs

BATCH = 200
#: A message that was sent this long ago, brought nothing and is not in the broker either, is sent again.
MESSAGE_PATIENCE = timedelta(seconds=4)
CHECK_PATIENCE = timedelta(seconds=10)
#: Not plainly by their ids: PostgreSQL would read all stages in turn rather than sort the few that are due.
_OLDEST_FIRST = Stage.id + 0
_SENT_LONGEST_AGO = (Stage.published_at, Stage.id)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What has to be told to the workers again."""

    stages: list[Ready]
    checks: list[StageType]
    #: When to look again for stages that are held by their provider's pace.
    again_at: datetime | None = None


def sweep(now: datetime, waiting_messages: int = 0) -> Sweep:
    """Move on everything that stands still, and say which messages to send. Commits at each step.

    ``waiting_messages`` is how many messages about stages lie in the broker, counted before: what is sent already and
    waits there is not sent again. Two at once do no harm: each row is moved by one of them.
    """
    clock = StepDetector()
    leases_count = clock_steps.leases_can_be_trusted(now)
    heartbeats.beat(heartbeats.WORKER, now)
    placing.forget_old_keys(now)
    db.session.commit()
    if leases_count:
        _end_leases(now, clock)
        _end_fetch_leases(now, clock)
    ready = _unblock_forgotten(now)
    ready += release.release_all(now)
    ready += probes.let_through(now)
    release.give_up(now)
    ready += _lost_messages(now, waiting_messages)
    released = throttle_release.release_throttled(now)
    call_counters.count_up()
    order_stats.count_up(now)
    return Sweep(ready + released.ready, checks.due_checks(now, CHECK_PATIENCE), released.again_at)


def _end_leases(now: datetime, clock: StepDetector) -> None:
    """Take stages from workers that are gone: without an open attempt they start anew, with one its answer is lost."""
    expired = select(Stage).where(Stage.state == StageState.RUNNING, Stage.lease_until < now).limit(BATCH)
    for stage in db.session.scalars(expired).all():
        # Held, so that its worker, should it live after all, cannot renew its lease between our look and our move.
        stages.lock_order(stage.order_id)
        db.session.refresh(stage, with_for_update=True)
        if clock.step():
            # It may have been renewed by a clock that was set back since ``now``, and would look as if it were over.
            db.session.rollback()
            return
        if stage.state is not StageState.RUNNING or stage.lease_until is None or stage.lease_until >= now:
            db.session.rollback()
            continue
        attempt = db.session.scalar(
            select(Attempt).where(Attempt.stage_id == stage.id, Attempt.state == AttemptState.OPEN)
        )
        if attempt is None:
            stages.transition(
                stage, {StageState.RUNNING}, state=StageState.QUEUED, lease_until=None, due_at=now, published_at=None
            )
        else:
            _lose_worker(stage, attempt, now)
        db.session.commit()


def _lose_worker(stage: Stage, attempt: Attempt, now: datetime) -> None:
    """A worker was gone in the middle of its call: the provider may have got it."""
    if runs_jobs(attempt.provider_kind):
        submit.doubt(stage, attempt, StageReason.WORKER_GONE, now)
        return
    attempt.state, attempt.ended_at, attempt.code = AttemptState.LOST, now, StageReason.WORKER_GONE
    # Nothing says that the provider is unwell, so there is no reason to wait.
    paid = ADAPTERS[attempt.provider_kind].paid
    retries.handle_lost_response(stage, now, paid=paid, pause=timedelta(0))


def _end_fetch_leases(now: datetime, clock: StepDetector) -> None:
    """Look again at jobs whose download ended with its worker: a look is free, and gives a fresh link."""
    expired = select(Stage).where(Stage.state == StageState.FETCHING, Stage.lease_until < now).limit(BATCH)
    for stage in db.session.scalars(expired).all():
        if clock.step():
            db.session.rollback()
            return
        stages.transition(stage, {StageState.FETCHING}, state=StageState.SUBMITTED, lease_until=None, due_at=now)
        db.session.commit()


def _unblock_forgotten(now: datetime) -> list[Ready]:
    """Let stages start whose poem is there, should the move that made it have missed them."""
    poem = aliased(Stage)
    order_ids = db.session.scalars(
        select(Stage.order_id)
        .join(poem, poem.order_id == Stage.order_id)
        .where(Stage.state == StageState.BLOCKED, poem.stage_type == StageType.POEM, poem.state == StageState.DONE)
        .distinct()
        .limit(BATCH)
    ).all()
    ready: list[Ready] = []
    for order_id in order_ids:
        stages.lock_order(order_id)
        ready += stages.unblock(order_id, now)
        stages.update_order_states([order_id])
        db.session.commit()
    db.session.rollback()
    return ready


def _lost_messages(now: datetime, waiting_messages: int) -> list[Ready]:
    """Stages that are due and that no message is on its way for; notes that one is now.

    Those that none was sent for come first, the oldest first. Of the others as many are sent again as messages are
    missing, those first that were sent longest ago: in a queue that takes minutes to be worked off nothing is lost.
    """
    never_sent = or_(Stage.published_at.is_(None), Stage.published_at < Stage.due_at)
    ready = _sent_now(_due(now).where(never_sent).order_by(_OLDEST_FIRST).limit(BATCH), now)
    counted = _due(now).where(not_(never_sent)).limit(waiting_messages + BATCH).subquery()
    missing = db.session.scalars(select(func.count()).select_from(counted)).one() - waiting_messages
    overdue = _due(now).where(Stage.published_at < now - MESSAGE_PATIENCE)
    ready += _sent_now(overdue.order_by(*_SENT_LONGEST_AGO).limit(max(missing, 0)), now)
    db.session.commit()
    return ready


def _due(now: datetime) -> Select[int]:
    """The ids of the stages that wait for nothing but a worker."""
    throttled = Stage.reason.is_not_distinct_from(StageReason.THROTTLED)
    return select(Stage.id).where(Stage.state == StageState.QUEUED, Stage.due_at <= now, not_(throttled))


def _sent_now(due: Select[int], now: datetime) -> list[Ready]:
    rows = db.session.execute(
        update(Stage)
        .where(Stage.id.in_(taken_once(due)))
        .values(published_at=now)
        .returning(Stage.id, Stage.stage_type)
        .execution_options(synchronize_session=False)
    ).all()
    return [Ready(stage_id, stage_type) for stage_id, stage_type in sorted(rows)]
