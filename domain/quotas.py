"""How many calls and jobs each provider may have now, across all workers and machines.

The row of a provider is the only place that counts, locked for the moment of a claim: exact, and no loss of Redis
touches it (docs/decisions/0009). Whoever may not call now is throttled: its stage stays queued, no worker sleeps for it
and no message lies in a queue for it; ``throttle_release`` lets the oldest go as soon as their provider takes more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import JSON, Select, bindparam, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, UtcDateTime, db, enum_type, utc_now
from domain.orders.models import Attempt, AttemptState, Stage
from domain.orders.throttled_stages import is_throttled, on_their_way
from providers.base import Limits
from providers.kinds import ProviderKind
from providers.registry import ADAPTERS
from settings import current_settings

#: A window is taken for this much longer: calls that leave us in order reach the provider a little sooner or later.
MARGIN_SHARE = 0.02
SMALLEST_MARGIN_SECONDS = 0.1
#: A call that leaves so much later than it was counted for is counted anew.
LATE_SECONDS = 0.03
#: Share of the calls that looks may have while submits are held: finished works are to come out all the same.
SHARE_OF_LOOKS = 0.1
#: When to ask again for a place among the jobs: nothing tells us when the provider has ended one.
JOBS_PAUSE = timedelta(seconds=2)
#: A provider that says "too many calls" without saying for how long.
CLOSED_FOR = timedelta(seconds=5)
MAX_CLOSED = timedelta(minutes=10)
BATCH = 200


class Quota(Base):
    """What one provider was asked lately: ``calls`` in seconds since the epoch, oldest first, of the last window.

    ``looks`` are those of them that asked about a job. ``closed_until`` is when a provider is asked again that has said
    that it is asked too often.
    """

    __tablename__ = "quotas"

    provider_kind: Mapped[ProviderKind] = mapped_column(enum_type(ProviderKind), primary_key=True)
    calls: Mapped[list[float]] = mapped_column(JSON, default=list)
    looks: Mapped[list[float]] = mapped_column(JSON, default=list)
    closed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Grant:
    """How many calls may be made now, for when they were counted, and when to ask for those that may not."""

    calls: int
    counted_at: float | None = None
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of one limit is used: ``of`` is ``calls`` or ``jobs``."""

    provider_kind: ProviderKind
    of: str
    used: int
    allowed: int


def usage(now: datetime) -> list[Usage]:
    """How much of each provider's limits is used now."""
    found = []
    for kind in ADAPTERS:
        limits = limits_of(kind)
        if limits.calls is not None:
            quota = _row(kind)
            found.append(Usage(kind, "calls", len(_recent(quota.calls, limits, now)) if quota else 0, limits.calls))
        if limits.jobs is not None:
            found.append(Usage(kind, "jobs", _running(kind), limits.jobs))
    return found


def limits_of(kind: ProviderKind) -> Limits:
    """What the environment says of ``kind``, else what its adapter knows from its documentation."""
    return current_settings().provider_limits.get(kind, ADAPTERS[kind].limits)


def take_call(stage: Stage, kind: ProviderKind) -> Grant:
    """Whether the call of ``stage`` may be made now; then it is counted.

    Older stages that are throttled go first. Locks the provider's row until the caller commits.
    """
    limits = limits_of(kind)
    asked = {"stage_id": stage.id, "of_type": stage.stage_type, "of_kind": kind}
    must_queue, closed = db.session.execute(_MUST_QUEUE, asked).one()
    if must_queue:
        return Grant(0, again_at=utc_now())
    if limits == Limits() and closed is None:
        return Grant(1)
    quota = _locked_row(kind) if limits != Limits() else _row(kind)
    # Not before: whoever had to wait for the row calls that much later.
    now = utc_now()
    free, again_at = _free(kind, quota, now)
    if not free:
        return Grant(0, again_at=again_at)
    if quota is None or limits.calls is None:
        return Grant(1)
    quota.calls = [*_recent(quota.calls, limits, now), now.timestamp()]
    return Grant(1, now.timestamp())


#: One question instead of two to a provider without limits, as most claims are of such.
_MUST_QUEUE = select(
    exists().where(*is_throttled(), Stage.stage_type == bindparam("of_type"), Stage.id < bindparam("stage_id")),
    select(Quota.closed_until).where(Quota.provider_kind == bindparam("of_kind")).scalar_subquery(),
)


def leave(kind: ProviderKind, counted_at: float | None) -> None:
    """Count a call for the moment at which it leaves, which is now; commits.

    Between the count and the call a busy machine may let a second pass: a provider that counts it later than we do
    would refuse the one that follows it a window later.
    """
    if counted_at is not None and utc_now().timestamp() - counted_at > LATE_SECONDS:
        correct(kind, counted_at, [None])
        db.session.commit()


def correct(kind: ProviderKind, counted_at: float, left_at: Sequence[float | None]) -> None:
    """Count calls for when they left, None being now, and no longer for ``counted_at``. The caller commits."""
    quota = _locked_row(kind)
    now = utc_now().timestamp()
    moments = [now if at is None else at for at in left_at]
    quota.calls = _moved(quota.calls, counted_at, moments)
    if counted_at in quota.looks:
        quota.looks = _moved(quota.looks, counted_at, moments)


def _moved(counted: list[float], old: float, new: list[float]) -> list[float]:
    kept = list(counted)
    for _ in new:
        if old in kept:
            kept.remove(old)
    return sorted([*kept, *new])


def acquire_polls(kind: ProviderKind, wanted: int) -> Grant:
    """How many of ``wanted`` free calls may be made now; they are counted. The caller commits.

    Submits go first: looks leave free what those need that are on their way, and while some are held all looks of a
    window together have what ``SHARE_OF_LOOKS`` leaves them.
    """
    limits = limits_of(kind)
    quota = _locked_row(kind) if limits.calls is not None else _row(kind)
    now = utc_now()
    again_at = _closed_until(quota, now)
    if again_at:
        return Grant(0, again_at=again_at)
    if quota is None or limits.calls is None:
        return Grant(wanted)
    recent, looks = _recent(quota.calls, limits, now), _recent(quota.looks, limits, now)
    submits = db.session.scalars(on_their_way(Stage.provider_kind == kind, now)).one()
    granted = min(wanted, limits.calls - len(recent) - submits)
    throttled = db.session.scalar(select(exists().where(*is_throttled(), Stage.provider_kind == kind)))
    share = max(1, int(limits.calls * SHARE_OF_LOOKS))
    if throttled:
        granted = min(granted, share - len(looks))
    made = [now.timestamp()] * max(granted, 0)
    quota.calls, quota.looks = [*recent, *made], [*looks, *made]
    if len(made) < wanted:
        counting = quota.looks[-share:] if throttled else quota.calls[-limits.calls :]
        again_at = _expiry(counting[0], limits) if counting else None
    return Grant(len(made), now.timestamp(), again_at)


def note(kind: ProviderKind, calls: int, now: datetime) -> None:
    """Count calls that nobody waits with, such as those of a check. The caller commits."""
    limits = limits_of(kind)
    if limits.calls is not None:
        quota = _locked_row(kind)
        quota.calls = [*_recent(quota.calls, limits, now), *[now.timestamp()] * calls]


def close(kind: ProviderKind, seconds: float | None, now: datetime) -> None:
    """The provider has said that it is asked too often: nobody asks it for so long. The caller commits."""
    pause = timedelta(seconds=seconds) if seconds else CLOSED_FOR
    quota = _locked_row(kind)
    quota.closed_until = max(now + min(pause, MAX_CLOSED), _closed_until(quota, now) or now)


def open_all(now: datetime) -> None:
    """Ask those again that are closed: by a clock that was set since, so nobody knows for how long. No commit."""
    closed = select(Quota.provider_kind).where(Quota.closed_until > now).with_for_update(skip_locked=True)
    reopened = update(Quota).where(Quota.provider_kind.in_(closed)).values(closed_until=None)
    db.session.execute(reopened.execution_options(synchronize_session=False))


def free_calls(kind: ProviderKind, now: datetime) -> tuple[int, datetime]:
    """How many calls may begin now, and when there may be another one; counts nothing."""
    return _free(kind, _row(kind), now)


def _free(kind: ProviderKind, quota: Quota | None, now: datetime) -> tuple[int, datetime]:
    """How many calls may begin now, and when there may be another one."""
    closed_until = _closed_until(quota, now)
    if closed_until is not None:
        return 0, closed_until
    limits = limits_of(kind)
    free, again_at = BATCH, now + JOBS_PAUSE
    if limits.jobs is not None:
        free = limits.jobs - _running(kind)
    if limits.calls is not None and quota is not None:
        recent = _recent(quota.calls, limits, now)
        free = min(free, limits.calls - len(recent))
        if recent:
            again_at = _expiry(recent[-limits.calls :][0], limits)
    return max(free, 0), again_at


def _expiry(call: float, limits: Limits) -> datetime:
    """When a call no longer counts."""
    return datetime.fromtimestamp(call + _window(limits), UTC)


def _running(kind: ProviderKind) -> int:
    unended = (Attempt.provider_kind == kind, Attempt.state.in_(AttemptState.unended()))
    return db.session.scalars(select(func.count()).where(*unended)).one()


def _recent(calls: list[float], limits: Limits, now: datetime) -> list[float]:
    """Those of ``calls`` that count: none of a time to come, which a clock wrote that was set back since."""
    moment = now.timestamp()
    return [at for at in calls if moment - _window(limits) < at <= moment + SMALLEST_MARGIN_SECONDS]


def _window(limits: Limits) -> float:
    return limits.seconds + max(limits.seconds * MARGIN_SHARE, SMALLEST_MARGIN_SECONDS)


def _closed_until(quota: Quota | None, now: datetime) -> datetime | None:
    until = quota.closed_until if quota is not None else None
    return until if until is not None and now < until <= now + MAX_CLOSED else None


def _row(kind: ProviderKind) -> Quota | None:
    return db.session.scalar(_of(kind))


def _locked_row(kind: ProviderKind) -> Quota:
    """The provider's row, made where it is not there."""
    query = _of(kind).with_for_update()
    row = db.session.scalar(query)
    if row is None:
        try:
            with db.session.begin_nested():
                db.session.add(Quota(provider_kind=kind))
        except IntegrityError:
            pass  # somebody else was faster
        row = db.session.scalars(query).one()
    return row


def _of(kind: ProviderKind) -> Select[Quota]:
    return select(Quota).where(Quota.provider_kind == kind).execution_options(populate_existing=True)
