"""The rules by which a stage stands longer than it should: each kind of standstill, as a condition on rows.

Whatever ends a stage's standing is in its row, so nothing of this is stored. All of it fits one query, however many
orders there are: ``stuck`` asks it.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, not_, or_
from sqlalchemy.orm import aliased

from domain.heartbeats import WORKER, WORKER_SILENCE, Heartbeat
from domain.orders.models import Attempt, Stage, StageReason, StageState
from domain.provider_configs.models import REFUSALS, Reason
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
MAX_PLAN = timedelta(hours=2)

#: The poem that a blocked stage waits for.
poem = aliased(Stage)


class StuckReason(StrEnum):
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


def rules(now: datetime) -> list[tuple[StuckReason, ColumnElement[bool]]]:
    """Each reason with what makes it true; where several are, the first counts. ``Attempt`` is the unended one, if any.

    A stage that waits for its settings counts at once; only a check, which lasts seconds, may take its time.
    """
    someone_works = exists().where(Heartbeat.name == WORKER, Heartbeat.seen_at > now - WORKER_SILENCE)
    left, due = _left_lying(now), _overdue(now)
    in_line = Stage.state.in_((StageState.QUEUED, StageState.SUBMITTED, StageState.UNCERTAIN))
    submitted = Stage.state == StageState.SUBMITTED
    return [
        (StuckReason.NO_WORKER, and_(or_(left, due), not_(someone_works))),
        (StuckReason.NOT_TAKEN_UP, left),
        (
            StuckReason.DISK_FULL,
            and_(Stage.state.in_((StageState.QUEUED, StageState.SUBMITTED)), Stage.reason == StageReason.STORAGE_FULL),
        ),
        (
            StuckReason.JOB_KEY_UNREADABLE,
            and_(
                Stage.state.in_((StageState.SUBMITTED, StageState.UNCERTAIN)),
                Stage.reason == StageReason.JOB_KEY_UNREADABLE,
            ),
        ),
        (StuckReason.JOB_KEY_REFUSED, and_(submitted, Stage.reason.in_(REFUSALS))),
        # Those that are held go on by themselves, at their provider's pace; who wants more of it, buys more.
        (StuckReason.WORKERS_BUSY, and_(due, Stage.reason.is_distinct_from(StageReason.THROTTLED))),
        (StuckReason.CALL_HANGS, _hanging(now)),
        (StuckReason.CLOCK_SET, and_(in_line, Stage.due_at > now + MAX_PLAN)),
        (StuckReason.JOB_SLOW, and_(submitted, _slow(now))),
        (StuckReason.ANSWER_LOST, and_(Stage.state == StageState.UNCERTAIN, Attempt.started_at < now - PATIENCE)),
        (StuckReason.SETTINGS, _lacks_settings(now)),
        (StuckReason.DECISION, Stage.state == StageState.ATTENTION),
        (
            StuckReason.POEM_UNDECIDED,
            and_(Stage.state == StageState.BLOCKED, poem.state == StageState.ATTENTION),
        ),
    ]


def _lacks_settings(now: datetime) -> ColumnElement[bool]:
    is_no_mere_check = Stage.reason.is_distinct_from(Reason.CHECKING)
    return and_(Stage.state == StageState.WAITING, or_(is_no_mere_check, Stage.waiting_since <= now - PATIENCE))


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
            poem.state == StageState.DONE,
            poem.updated_at < now - PATIENCE,
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


def poem_failed() -> ColumnElement[bool]:
    """A stage that will never begin, because its poem has failed: an end, which only its own order shows."""
    return and_(Stage.state == StageState.BLOCKED, poem.state == StageState.FAILED)
