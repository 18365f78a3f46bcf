"""Probes: one stage that tries settings which are blocked, while the others wait for what comes of it.

What a generation was refused for, only a generation can show to be over (``models.FoundBy``). So while stages
wait for such a section, the oldest of them is let through after 1, 5, 15, and then every 60 minutes; its work lets the
others go. A refusal costs nothing, and what is not refused is a work that was ordered.
"""

from datetime import datetime

from sqlalchemy import select, update

from domain.db import db
from domain.orders import stages
from domain.orders.models import Ready, Stage, StageState
from domain.provider_configs import check_results
from domain.provider_configs.models import ProviderConfig, find
from domain.provider_configs.release import TRIES
from domain.provider_configs.resolver import why_blocked
from providers.kinds import StageType


def let_through(now: datetime) -> list[Ready]:
    """Queue the oldest waiting stage of each refused section whose time has come; commits.

    Called twice at once, one of them does it. Where none waits nothing happens: then a check proves the settings.
    """
    _end_without_verdict(now)
    due = select(ProviderConfig.stage_type).where(ProviderConfig.next_check_at <= now)
    ready = [each for stage_type in db.session.scalars(due).all() for each in _let_through(stage_type, now)]
    db.session.rollback()
    return ready


def is_probe(stage_id: int) -> bool:
    """Whether the stage tries settings that are blocked: new ones, and what has passed since, end that."""
    return db.session.scalar(select(ProviderConfig.id).where(ProviderConfig.probe_stage_id == stage_id)) is not None


def pass_if_probe(stage_id: int, stage_type: StageType, now: datetime) -> None:
    """The stage has its work: if it is the probe, its section works. Its order has to be locked; the caller commits."""
    row = find(stage_type, lock=True)
    if row is not None and row.probe_stage_id == stage_id:
        check_results.pass_by_generation(row, now)


def _let_through(stage_type: StageType, now: datetime) -> list[Ready]:
    waits = select(Stage.id, Stage.order_id).where(Stage.stage_type == stage_type, Stage.state == StageState.WAITING)
    oldest = db.session.execute(waits.order_by(Stage.attempts // TRIES, Stage.id).limit(1)).one_or_none()
    if oldest is None:
        return []
    stages.lock_order(oldest.order_id)
    row = find(stage_type, lock=True)
    if row is None or not _is_due(row, now):
        db.session.rollback()
        return []
    moved = db.session.scalar(
        update(Stage)
        .where(Stage.id == oldest.id, Stage.state == StageState.WAITING)
        .values(state=StageState.QUEUED, due_at=now, published_at=now, passing_failures=0, updated_at=now)
        .returning(Stage.id)
        .execution_options(synchronize_session=False)
    )
    if moved:
        row.probe_stage_id, row.next_check_at = oldest.id, None
        stages.update_order_states([oldest.order_id])
    db.session.commit()
    return [Ready(oldest.id, stage_type)] if moved else []


def _is_due(row: ProviderConfig, now: datetime) -> bool:
    """Whether nothing but the refusal is in the way."""
    return (
        row.next_check_at is not None
        and row.next_check_at <= now
        and row.probe_stage_id is None
        and row.is_refused
        and why_blocked(row) is row.reason
        and bool(row.model)
    )


def _end_without_verdict(now: datetime) -> None:
    """Plan the next probe where the last one has ended and has said nothing of the settings, as one that was lost."""
    ended = (
        select(ProviderConfig.stage_type)
        .join(Stage, Stage.id == ProviderConfig.probe_stage_id)
        .where(Stage.state.not_in(stages.ACTIVE_STATES))
    )
    for stage_type in db.session.scalars(ended).all():
        row = find(stage_type, lock=True)
        stage = db.session.get(Stage, row.probe_stage_id, populate_existing=True) if row else None
        if row is not None and stage is not None and stage.state not in stages.ACTIVE_STATES:
            row.probe_stage_id = None
            row.plan_healing(now)
        db.session.commit()
