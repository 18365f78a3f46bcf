"""Steps of the clock: somebody sets it, the network's time corrects it, or the machine has slept.

Leases and plans are times of day. After a step forward every lease looks as if it had run out, though its holder
lives; after a step back what was planned, or held by somebody who is gone, lies in a far future. The processes of one
machine see the same step. Several machines need clocks that agree within seconds (docs/operating.md).
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, select, update

from domain import heartbeats, quotas
from domain.clock import SMALLEST_STEP, StepDetector
from domain.db import db
from domain.orders.leases import LEASE, RENEW_SECONDS
from domain.orders.models import Stage, StageState
from domain.provider_configs.checks import CLAIM
from domain.provider_configs.models import HEALING_STEPS, ProviderConfig

log = structlog.get_logger(__name__)

CLOCK_STEP = "clock_step"
#: How long holders who live are given to renew their leases by the new time.
RENEWED_WITHIN = timedelta(seconds=2 * RENEW_SECONDS)
#: How long somebody may still write down what was reckoned by the clock as it was before: then their lease is over.
SETTLED_WITHIN = 2 * LEASE
PLANNED = (StageState.QUEUED, StageState.SUBMITTED, StageState.UNCERTAIN)


_detector = StepDetector()


def leases_can_be_trusted(now: datetime) -> bool:
    """Whether a lease that is over means that its holder is gone: not shortly after a step of the clock.

    A step that this process has not noted yet is written down for all of them, and what was planned by a clock that
    was ahead is planned anew. To be asked before the sweep is noted. Commits.
    """
    step = _detector.step() or _step_back_before_we_started(now)
    if step:
        log.warning("the clock was set", seconds=round(step.total_seconds()))
        heartbeats.beat(CLOCK_STEP, now)
    _detector.note()
    stepped_at = heartbeats.last_seen(CLOCK_STEP)
    since = abs(now - stepped_at) if stepped_at else None
    if since is not None and since < SETTLED_WITHIN:
        _plan_anew(now)
    db.session.commit()
    return since is None or since > RENEWED_WITHIN


def _step_back_before_we_started(now: datetime) -> timedelta:
    """By how much, if the last sweep was made at a time to come."""
    swept_at = heartbeats.last_seen(heartbeats.WORKER)
    return now - swept_at if swept_at and swept_at - now >= SMALLEST_STEP else timedelta(0)


def _plan_anew(now: datetime) -> None:
    """Bring back to the present what only a clock that was ahead can have written; the caller commits."""
    ahead = now + SMALLEST_STEP
    planned_ahead = and_(Stage.state.in_(PLANNED), Stage.due_at > now, Stage.updated_at > ahead)
    changes: tuple[tuple[type[Stage | ProviderConfig], ColumnElement[bool], dict[str, object]], ...] = (
        (Stage, planned_ahead, {"due_at": now}),
        (Stage, Stage.published_at > ahead, {"published_at": None}),
        (Stage, Stage.lease_until > now + LEASE, {"lease_until": now + LEASE}),
        (Stage, Stage.waiting_since > ahead, {"waiting_since": now}),
        (Stage, Stage.resolved_at > ahead, {"resolved_at": None}),
        (ProviderConfig, ProviderConfig.check_claimed_until > now + CLAIM, {"check_claimed_until": now + CLAIM}),
        (ProviderConfig, ProviderConfig.check_requested_at > ahead, {"check_requested_at": now}),
        (ProviderConfig, ProviderConfig.next_check_at > now + HEALING_STEPS[-1], {"next_check_at": now}),
    )
    for table, holds, values in changes:
        # Who holds a row just now is about to write the present time into it, and must not be waited for.
        rows = select(table.id).where(holds).with_for_update(skip_locked=True)
        statement = update(table).where(table.id.in_(rows)).values(values)
        db.session.execute(statement.execution_options(synchronize_session=False))
    quotas.open_all(now)
