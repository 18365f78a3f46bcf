"""Rows with sensible defaults; a test names only what it is about."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from domain.accounts.api_tokens import Rights, Scope
from domain.db import db, utc_now
from domain.generation import generate
from domain.generation.outcomes import Outcome
from domain.orders import placing, stages, works
from domain.orders.models import Order, Stage, StageState, Work
from domain.provider_configs import changes, checks
from domain.provider_configs.changes import NewSettings, Saved
from domain.provider_configs.models import ProviderConfig, find
from providers.base import Brief
from providers.kinds import ProviderKind, StageType
from settings import current_settings

ALL_STAGES = frozenset(StageType)
#: Those of a token that also sees what a test has not ordered with it.
ALL_RIGHTS = Rights(frozenset(Scope))


def save_section(
    stage_type: StageType = StageType.POEM,
    provider_kind: ProviderKind = ProviderKind.DUMMY,
    *,
    api_key: str = "",
    model: str = "",
    version: int | None = None,
    actor: str = "admin",
    form_key: str = "",
) -> Saved:
    """Save a section as the form does."""
    return changes.save(NewSettings(stage_type, provider_kind, api_key, model, version, actor, form_key))


def working_section(stage_type: StageType = StageType.POEM, model: str = "") -> ProviderConfig:
    """A section that DUMMY serves, saved and checked."""
    save_section(stage_type, ProviderKind.DUMMY, model=model)
    checks.check(stage_type)
    return section(stage_type)


def section(stage_type: StageType = StageType.POEM) -> ProviderConfig:
    """The section's row, read anew."""
    db.session.rollback()
    row = find(stage_type)
    assert row is not None
    return row


def place_order(
    stages: frozenset[StageType] = frozenset({StageType.POEM}),
    *,
    details: str = "любит море",
    poem: str | None = None,
    recipient: str = "Анна",
    token_id: int | None = None,
) -> Order:
    """An accepted order, without any message."""
    brief = Brief(recipient, "60 лет", details, "тепло", "ru")
    return placing.place(placing.NewOrder(brief, stages, poem, "test", token_id))


def claimed(stage_id: int) -> int:
    """The claim of a worker that has taken the stage and does nothing yet."""
    stage = stages.claim(stage_id, utc_now())
    assert stage is not None
    claim = stage.claim
    db.session.commit()
    return claim


def text_of(order: Order | int) -> str:
    """The poem that was made."""
    work = stage_of(order).work
    assert work is not None
    assert work.text is not None
    return work.text


def media_of(work: Work) -> bytes:
    """The whole file of a work, from wherever files are kept."""
    assert work.file_name is not None
    with works.media_store().open(work.file_name) as file:
        return file.read()


def unfinished_files() -> list[Path]:
    """What is left in the folder of files that were begun and not kept."""
    folder = current_settings().media_dir
    assert folder is not None
    return list(folder.glob(".part-*"))


def stage_of(order: Order | int, stage_type: StageType = StageType.POEM) -> Stage:
    """One stage, read anew."""
    order_id = order if isinstance(order, int) else order.id
    db.session.rollback()
    db.session.expire_all()
    stage = db.session.scalar(select(Stage).where(Stage.order_id == order_id, Stage.stage_type == stage_type))
    assert stage is not None
    return stage


def run(order: Order | int, stage_type: StageType = StageType.POEM) -> Outcome:
    """Let a worker take the stage now."""
    return generate.generate(stage_of(order, stage_type).id)


def make_due(stage: Stage, now: datetime) -> None:
    """Let the time come that a queued stage waits for."""
    assert stage.state is StageState.QUEUED
    stage.due_at = now
    db.session.commit()


def set_state(order_id: int, stage_type: StageType, state: StageState, **values: object) -> None:
    """Let a stage be in ``state``, and its order follow."""
    stage = stage_of(order_id, stage_type)
    stage.state = state
    for name, value in values.items():
        setattr(stage, name, value)
    db.session.flush()
    stages.update_order_states([order_id])
    db.session.commit()
