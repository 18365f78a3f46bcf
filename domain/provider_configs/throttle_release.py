"""Letting held stages go, the oldest first, as many as their provider takes now."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select, update

from domain import quotas
from domain.db import db, taken_once
from domain.orders.models import Ready, Stage
from domain.orders.throttled_stages import is_throttled, on_their_way
from domain.provider_configs.models import find
from domain.provider_configs.resolver import environment_provider
from providers.kinds import ProviderKind, StageType


@dataclass(frozen=True, slots=True)
class Released:
    """Stages that may go now, and when to look again for the others; None if none is held."""

    ready: list[Ready]
    again_at: datetime | None


def release_throttled(now: datetime) -> Released:
    """Let the oldest held stages go, as many as their providers take now; commits. Twice at once does no harm."""
    ready: list[Ready] = []
    times: list[datetime] = []
    types = db.session.scalars(select(Stage.stage_type).distinct().where(*is_throttled())).all()
    for stage_type in types:
        going, again_at = _release(stage_type, now)
        ready += going
        times += [again_at] if again_at else []
    db.session.rollback()
    return Released(ready, min(times, default=None))


def _release(stage_type: StageType, now: datetime) -> tuple[list[Ready], datetime | None]:
    kind = _serves(stage_type)
    free, again_at = quotas.BATCH, now + quotas.JOBS_PAUSE
    if kind is not None:
        free, again_at = quotas.free_calls(kind, now)
        free -= db.session.scalars(on_their_way(Stage.stage_type == stage_type, now)).one()
    oldest = (
        select(Stage.id)
        .where(*is_throttled(stage_type))
        .order_by(Stage.id)  # pragma: no mutate  # on SQLite they come in this order anyway, as their index has it
        .limit(max(min(free, quotas.BATCH), 0))
    )
    rows = db.session.scalars(
        update(Stage)
        .where(Stage.id.in_(taken_once(oldest)))
        .values(reason=None, due_at=now, published_at=now)
        .returning(Stage.id)
        .execution_options(synchronize_session=False)
    ).all()
    db.session.commit()
    more = db.session.scalar(select(exists().where(*is_throttled(stage_type))))
    return [Ready(stage_id, stage_type) for stage_id in sorted(rows)], again_at if more else None


def _serves(stage_type: StageType) -> ProviderKind | None:
    """The provider that the section calls now; None while nothing serves it, when nobody has to be held either."""
    row = find(stage_type)
    if row is not None:
        return row.provider_kind
    return environment_provider(stage_type)
