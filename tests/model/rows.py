"""The tables as plain rows, read through a connection of the test's own after each commit."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Engine

from domain.orders.models import AttemptState, OrderState, StageState
from providers.kinds import StageType
from tests.model.world import Made


class OrderRow(NamedTuple):
    """An order."""

    id: int
    recipient: str
    poem: str | None
    state: OrderState


class StageRow(NamedTuple):
    """A stage."""

    id: int
    order_id: int
    stage_type: StageType
    state: StageState
    reason: str | None
    claim: int
    lease_until: datetime | None
    due_at: datetime | None
    waiting_since: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class AttemptRow(NamedTuple):
    """An attempt."""

    id: int
    stage_id: int
    number: int
    token: str
    state: AttemptState
    code: str | None
    job_id: str | None
    hinted_job_id: str | None

    @property
    def unended(self) -> bool:
        return self.state in AttemptState.unended()


class WorkRow(NamedTuple):
    """A work."""

    stage_id: int
    text: str | None
    file_name: str | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Everything that is committed, at one moment."""

    orders: dict[int, OrderRow]
    stages: dict[int, StageRow]
    attempts: dict[int, AttemptRow]
    works: dict[int, list[WorkRow]]

    def attempts_of(self, stage_id: int) -> list[AttemptRow]:
        return [attempt for attempt in self.attempts.values() if attempt.stage_id == stage_id]

    def stages_of(self, order_id: int) -> list[StageRow]:
        return [stage for stage in self.stages.values() if stage.order_id == order_id]

    def stage_of(self, made: Made) -> StageRow:
        return next(stage for stage in self.stages.values() if self.made(stage) == made)

    def held(self) -> set[tuple[int, int]]:
        """Id and claim of each stage that somebody holds."""
        return {(stage.id, stage.claim) for stage in self.stages.values() if stage.lease_until is not None}

    def made(self, stage: StageRow) -> Made:
        """The name that the providers know the stage's work by."""
        return Made(self.orders[stage.order_id].recipient, stage.stage_type)


NOTHING = Rows({}, {}, {}, {})


class Reader:
    """Reads the rows of one database; never writes."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.raw_connection()
        self._connection.detach()

    def read(self) -> Rows:
        """All rows, as they are committed now."""
        orders = (OrderRow(row[0], row[1], row[2], OrderState(row[3])) for row in self._all("orders", OrderRow))
        stages = (
            StageRow(row[0], row[1], StageType(row[2]), StageState(row[3]), row[4], row[5], *map(_time, row[6:]))
            for row in self._all("stages", StageRow)
        )
        attempts = (
            AttemptRow(row[0], row[1], row[2], row[3], AttemptState(row[4]), row[5], row[6], row[7])
            for row in self._all("attempts", AttemptRow)
        )
        works: dict[int, list[WorkRow]] = {}
        for row in self._all("works", WorkRow, "stage_id"):
            works.setdefault(row[0], []).append(WorkRow(*row))
        return Rows(
            {order.id: order for order in orders},
            {stage.id: stage for stage in stages},
            {attempt.id: attempt for attempt in attempts},
            works,
        )

    def close(self) -> None:
        self._connection.close()

    def _all(self, table: str, shape: Any, key: str = "id") -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        try:
            cursor.execute(f"SELECT {', '.join(shape._fields)} FROM {table} ORDER BY {key}")  # noqa: S608
            return list(cursor.fetchall())
        finally:
            cursor.close()
            self._connection.rollback()


def _time(value: Any) -> datetime | None:
    """SQLite keeps text without a zone."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
