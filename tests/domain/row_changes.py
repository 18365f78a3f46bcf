"""What was written into rows, all of it: what a test does not name must not have changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from domain.db import Base
from domain.orders.models import Order
from providers.kinds import StageType
from tests.builders import stage_of


def columns(row: Base) -> dict[str, Any]:
    """Each column of the row and its value, but when it was written last."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns if column.key != "updated_at"}


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The columns that have another value now."""
    return {name: value for name, value in after.items() if value != before[name]}


@contextmanager
def changes_of(order: Order | int, stage_type: StageType = StageType.POEM) -> Iterator[dict[str, Any]]:
    """As soon as the block is left, it holds the columns of the stage that have another value now."""
    before = columns(stage_of(order, stage_type))
    changed: dict[str, Any] = {}
    yield changed
    changed |= differences(before, columns(stage_of(order, stage_type)))
