"""What somebody has to be told of: one alert as a trouble begins, one as it is over, and no more.

A trouble that goes on is told again after a day, or when it has become worse: another reason, or twice as many works
that wait. Works that need a person, or have failed lately (``order_troubles``), are one trouble for each kind of work,
however many they are and whatever their reasons; it is over as none is left.

Whether it was told is in the table, so restarts and many processes tell nothing twice.
``alert_delivery`` brings alerts to those who want them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from domain import heartbeats
from domain.db import Base, UtcDateTime, db, enum_type, utc_now
from domain.monitoring import alert_targets, order_troubles
from domain.orders.models import StageState
from domain.provider_configs import overview
from domain.provider_configs.model_lists import OLD
from domain.provider_configs.models import Reason, Status
from domain.provider_configs.overview import Section
from domain.secrets.redaction import RedactedText
from providers.kinds import StageType

log = structlog.get_logger(__name__)

REMINDED_AFTER = timedelta(hours=24)
#: Workers and beats show themselves every few seconds.
SILENCE = timedelta(minutes=2)
#: Of several processes that look at once, one does; more often than this nobody looks.
EVERY = timedelta(seconds=5)


class Trouble(StrEnum):
    """What can be wrong; with one stage type, but for the last two."""

    BLOCKED = "blocked"
    MODEL_GONE = "model_gone"
    LIST_OLD = "list_old"
    ATTENTION = "attention"
    FAILED = "failed"
    NO_WORKER = "no_worker"
    NO_BEAT = "no_beat"


OF_SECTIONS = (Trouble.BLOCKED, Trouble.MODEL_GONE, Trouble.LIST_OLD)
OF_ORDERS = {StageState.ATTENTION: Trouble.ATTENTION, StageState.FAILED: Trouble.FAILED}
Subject = tuple[Trouble, StageType | None]


class Alert(Base):
    """One thing that was told: that a trouble began, goes on or got worse, or that it is ``over``.

    ``next_try_at`` is when its delivery to ``ALERT_WEBHOOK_URL`` is tried next; None when it has arrived, or was given
    up. Each address of ``ALERT_URLS`` has a delivery of its own.
    """

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    trouble: Mapped[Trouble] = mapped_column(enum_type(Trouble))
    stage_type: Mapped[StageType | None] = mapped_column(enum_type(StageType))
    over: Mapped[bool]
    reason: Mapped[str | None] = mapped_column(RedactedText)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    waiting: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    deliveries: Mapped[list["Delivery"]] = relationship(back_populates="alert")


class Delivery(Base):
    """One alert on its way to one address of ``ALERT_URLS``; made with the alert, for the addresses of that time.

    ``target`` is the address' ``alert_targets.Target.id``. So one that is away delays and repeats nothing for the
    others, and one that is new hears what happens from then on.
    """

    __tablename__ = "alert_deliveries"

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id"))
    target: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    alert: Mapped[Alert] = relationship(back_populates="deliveries")

    __table_args__ = (
        UniqueConstraint("alert_id", "target"),
        Index("ix_alert_deliveries_target_next_try_at", "target", "next_try_at"),
    )


@dataclass(frozen=True, slots=True)
class Found:
    """A trouble that there is now. ``waiting`` is how many works wait because of it, need a person, or have failed."""

    since: datetime
    reason: str | None = None
    waiting: int = 0


def notice_sections(now: datetime) -> list[Alert]:
    """Look at the four sections, and tell what has begun and what is over; commits, returns what was told.

    Of several processes that do this at once, one does it.
    """
    if not heartbeats.claim_interval("alerts.sections", EVERY, now):
        db.session.rollback()
        return []
    found: dict[Subject, Found] = {}
    undecided: set[Subject] = set()
    for section in overview.overview().values():
        found |= _troubles_of(section, now)
        if section.blocked is Reason.CHECKING:
            undecided.add((Trouble.BLOCKED, section.stage_type))
    return _tell(found, [(trouble, each) for trouble in OF_SECTIONS for each in StageType], undecided, now)


def notice_orders(now: datetime) -> list[Alert]:
    """Look for works that need a person or have failed lately, and tell what has begun and what is over.

    ``reason`` is the one that most of them have. Commits, and returns what was told; of several processes that do this
    at once, one does it.
    """
    if not heartbeats.claim_interval("alerts.orders", EVERY, now):
        db.session.rollback()
        return []
    found: dict[Subject, Found] = {
        (OF_ORDERS[group.state], group.stage_type): Found(group.since, group.reason, group.works)
        for group in order_troubles.look(now)
    }
    return _tell(found, [(trouble, each) for trouble in OF_ORDERS.values() for each in StageType], (), now)


def notice_silence(trouble: Trouble, watched_since: datetime, now: datetime) -> list[Alert]:
    """Tell that no worker, or no beat, is seen, or is again; whoever asks is of the other kind. Commits.

    ``watched_since`` is when the caller began to watch: one that was never seen is missed two minutes after that.
    """
    if not heartbeats.claim_interval(f"alerts.{trouble}", EVERY, now):
        db.session.rollback()
        return []
    name = heartbeats.WORKER if trouble is Trouble.NO_WORKER else heartbeats.BEAT
    seen_at = heartbeats.last_seen(name) or watched_since
    subject: Subject = (trouble, None)
    waiting = sum(section.waiting for section in overview.overview().values())
    found = {subject: Found(seen_at, waiting=waiting)} if now - seen_at > SILENCE else {}
    return _tell(found, [subject], (), now)


def nobody_works(now: datetime) -> bool:
    """Whether it was told that no worker is seen: then whoever watches has to deliver, too."""
    latest = _latest([(Trouble.NO_WORKER, None)]).get((Trouble.NO_WORKER, None))
    db.session.commit()
    return latest is not None and not latest.over and latest.at <= now


def sentence(alert: Alert) -> str:
    """What happened and what it means for the orders, in English: for logs, and for machines that show it."""
    subject = f"{alert.stage_type}: " if alert.stage_type else ""
    if alert.over:
        return f"{subject}{_OVER[alert.trouble]}"
    reason = (alert.reason or "").replace("_", " ")
    since = f"since {alert.since:%d %b %H:%M} UTC"
    if alert.trouble in OF_ORDERS.values():
        is_one = alert.waiting == 1
        works = f"{alert.waiting} {_WORKS[alert.trouble][0 if is_one else 1]}"
        why = f" ({reason if is_one else f'mostly: {reason}'})" if reason else ""
        return f"{subject}{works}{why} {since}"
    waits = f", {alert.waiting} wait{'s' if alert.waiting == 1 else ''}" if alert.waiting else ""
    return f"{subject}{_BEGUN[alert.trouble].format(reason=reason)} {since}{waits}"


_BEGUN = {
    Trouble.BLOCKED: "blocked ({reason})",
    Trouble.MODEL_GONE: "the model {reason} is gone from the provider's list",
    Trouble.LIST_OLD: "the list of models is older than 48 hours",
    Trouble.NO_WORKER: "no worker is seen, so no order is worked on,",
    Trouble.NO_BEAT: "no beat is seen, workers stand in for it,",
}
#: Of one work, and of several.
_WORKS = {
    Trouble.ATTENTION: ("work needs a decision", "works need a decision"),
    Trouble.FAILED: ("work has failed", "works have failed"),
}
_OVER = {
    Trouble.BLOCKED: "works again",
    Trouble.MODEL_GONE: "the chosen model is in the list again, or another one was chosen",
    Trouble.LIST_OLD: "the list of models is fresh again",
    Trouble.ATTENTION: "no work needs a decision any more",
    Trouble.FAILED: "no work has failed for a day, or each that did was retried",
    Trouble.NO_WORKER: "a worker is seen again",
    Trouble.NO_BEAT: "a beat is seen again",
}


def _troubles_of(section: Section, now: datetime) -> dict[Subject, Found]:
    row, stage_type = section.row, section.stage_type
    found: dict[Subject, Found] = {}
    reason = section.blocked
    if reason is None and row is not None and row.status is Status.INVALID and section.waiting:
        # The provider is away: that blocks nothing by itself, but works wait by now.
        reason = row.reason
    # Nobody misses a section that was never set, until an order does.
    is_missed = section.waiting or (reason is not Reason.NOT_CONFIGURED)
    if reason is not None and reason is not Reason.CHECKING and is_missed:
        since = section.noted_since or section.waiting_since or now
        found[Trouble.BLOCKED, stage_type] = Found(since, reason, section.waiting)
    if row is not None and row.model_gone_at is not None:
        found[Trouble.MODEL_GONE, stage_type] = Found(row.model_missing_since or now, row.model, section.waiting)
    if row is not None and row.has_live and not section.blocked and row.models_cache_updated_at is not None:
        old_since = row.models_cache_updated_at + OLD
        if old_since < now:
            found[Trouble.LIST_OLD, stage_type] = Found(old_since, row.models_reason)
    return found


def _tell(
    found: Mapping[Subject, Found], subjects: Collection[Subject], undecided: Collection[Subject], now: datetime
) -> list[Alert]:
    """Write down an alert for each edge, and for what goes on and is worse; commits."""
    latest = _latest(subjects)
    told = []
    for subject, trouble in found.items():
        before = latest.get(subject)
        if before is None or before.over or _must_be_told_again(subject, before, trouble, now):
            told.append(_alert(subject, trouble, now, over=False))
    for subject, before in latest.items():
        if not before.over and subject not in found and subject not in undecided:
            told.append(_alert(subject, Found(before.since, before.reason), now, over=True))
    db.session.add_all(told)
    db.session.commit()
    for alert in told:
        log.warning("alert", text=sentence(alert), alert_id=alert.id, trouble=alert.trouble, over=alert.over)
    return told


def _alert(subject: Subject, found: Found, now: datetime, *, over: bool) -> Alert:
    trouble, stage_type = subject
    return Alert(
        at=now,
        trouble=trouble,
        stage_type=stage_type,
        over=over,
        reason=found.reason,
        since=found.since,
        waiting=found.waiting,
        next_try_at=now,
        deliveries=[Delivery(target=each.id, next_try_at=now) for each in alert_targets.configured()],
    )


def _must_be_told_again(subject: Subject, before: Alert, found: Found, now: datetime) -> bool:
    # Which reason most works have changes to and fro; that of a section is its only one.
    is_another = subject[0] not in OF_ORDERS.values() and found.reason != before.reason
    is_worse = is_another or found.waiting >= 2 * max(before.waiting, 1)
    return is_worse or now - before.at >= REMINDED_AFTER


def _latest(subjects: Collection[Subject]) -> dict[Subject, Alert]:
    newest = select(func.max(Alert.id)).group_by(Alert.trouble, Alert.stage_type)
    alerts = db.session.scalars(
        select(Alert).where(Alert.id.in_(newest), Alert.trouble.in_({trouble for trouble, _ in subjects}))
    )
    return {(alert.trouble, alert.stage_type): alert for alert in alerts}
