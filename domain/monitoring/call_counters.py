"""What has come of the calls to each provider, counted up as they end, so that nobody ever has to count all of them."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Float, Text, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from domain.calendar import day_of
from domain.db import Base, db, enum_type, taken_once
from domain.monitoring import call_stats
from domain.monitoring.call_stats import bound_of
from domain.orders.models import Attempt, AttemptState, Stage
from providers.kinds import ProviderKind, StageType

BATCH = 500


class Tally(Base):
    """How many calls to one provider and model have ended so, within ``seconds`` and not within the bound below."""

    __tablename__ = "tallies"

    provider_kind: Mapped[ProviderKind] = mapped_column(enum_type(ProviderKind), primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)
    #: ``answered``, or the code of what went wrong.
    outcome: Mapped[str] = mapped_column(Text, primary_key=True)
    seconds: Mapped[float] = mapped_column(Float, primary_key=True)
    calls: Mapped[int] = mapped_column(default=0)
    #: Of all of them together.
    total_seconds: Mapped[float] = mapped_column(Float, default=0.0)


@dataclass(frozen=True, slots=True)
class _Kind:
    provider_kind: ProviderKind
    model: str
    outcome: str
    seconds: float


def count_up() -> int:
    """Count the calls that have ended since the last time, each once, whoever counts; commits, returns how many."""
    ended = (
        select(Attempt.id)
        .where(Attempt.counted.is_(False), Attempt.ended_at.is_not(None), Attempt.state.not_in(AttemptState.unended()))
        .order_by(Attempt.id)
        .limit(BATCH)
    )
    rows = db.session.execute(
        update(Attempt)
        .where(Attempt.id.in_(taken_once(ended)))
        .values(counted=True)
        .returning(
            Attempt.stage_id,
            Attempt.provider_kind,
            Attempt.model,
            Attempt.state,
            Attempt.code,
            Attempt.started_at,
            Attempt.ended_at,
        )
        .execution_options(synchronize_session=False)
    ).all()
    stage_types = _stage_types({row.stage_id for row in rows})
    calls: Counter[_Kind] = Counter()
    by_day: Counter[call_stats.Kind] = Counter()
    totals: dict[_Kind, float] = defaultdict(float)
    for row in rows:
        took = max((row.ended_at - row.started_at).total_seconds(), 0.0)
        outcome, bound = row.code or row.state, bound_of(took)
        kind = _Kind(row.provider_kind, row.model, outcome, bound)
        calls[kind] += 1
        totals[kind] += took
        stage_type = stage_types[row.stage_id]
        by_day[call_stats.Kind(day_of(row.ended_at), stage_type, row.provider_kind, outcome, bound)] += 1
    # In one order for everybody, so that two who count cannot lock each other out.
    for kind in sorted(calls, key=lambda each: (each.provider_kind, each.model, each.outcome, each.seconds)):
        _add(kind, calls[kind], totals[kind])
    call_stats.add(by_day)
    db.session.commit()
    return len(rows)


def all_tallies() -> list[Tally]:
    """Everything that has been counted, sorted by provider, model and outcome."""
    return list(db.session.scalars(select(Tally).order_by(Tally.provider_kind, Tally.model, Tally.outcome)))


def _stage_types(stage_ids: Collection[int]) -> dict[int, StageType]:
    rows = db.session.execute(select(Stage.id, Stage.stage_type).where(Stage.id.in_(stage_ids)))
    return {stage_id: stage_type for stage_id, stage_type in rows}  # noqa: C416  # a Row is not a pair to the type checker


def _add(kind: _Kind, calls: int, seconds: float) -> None:
    key = {
        "provider_kind": kind.provider_kind,
        "model": kind.model,
        "outcome": kind.outcome,
        "seconds": kind.seconds,
    }
    added = (
        update(Tally)
        .filter_by(**key)
        .values(calls=Tally.calls + calls, total_seconds=Tally.total_seconds + seconds)
        .returning(Tally.calls)
        .execution_options(synchronize_session=False)
    )
    if db.session.scalar(added) is not None:
        return
    try:
        with db.session.begin_nested():
            db.session.add(Tally(**key, calls=calls, total_seconds=seconds))
    except IntegrityError:
        # Another one has made the row at the same moment.
        db.session.scalar(added)
