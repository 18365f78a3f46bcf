"""Rows that another process makes at the same moment are as good as our own; and a time has to have a zone."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.exc import StatementError

from domain import heartbeats
from domain.db import UtcDateTime, db, utc_now
from domain.monitoring import call_counters
from domain.monitoring.call_counters import Tally
from providers.kinds import ProviderKind
from tests.database_kinds import on_one_database

pytestmark = on_one_database


@pytest.fixture
def miss_the_row_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the next statement find no row, as if another process had not committed it yet."""

    def miss() -> None:
        scalar = db.session.scalar

        def find_nothing(*_: object) -> None:
            monkeypatch.setattr(db.session, "scalar", scalar)

        monkeypatch.setattr(db.session, "scalar", find_nothing)

    return miss


def test_two_that_beat_for_the_first_time_are_both_at_work(miss_the_row_once: Callable[[], None]) -> None:
    now = utc_now()
    heartbeats.beat(heartbeats.WORKER, now)

    miss_the_row_once()
    heartbeats.beat(heartbeats.WORKER, now + timedelta(seconds=1))

    assert heartbeats.last_seen(heartbeats.WORKER) == now


def test_two_that_count_the_first_call_of_a_kind_count_both(miss_the_row_once: Callable[[], None]) -> None:
    kind = call_counters._Kind(ProviderKind.SUNO, "V5", "answered", 10)
    call_counters._add(kind, 1, 3.0)
    db.session.commit()

    miss_the_row_once()
    call_counters._add(kind, 2, 4.0)
    db.session.commit()

    assert [(row.calls, row.total_seconds) for row in db.session.scalars(select(Tally))] == [(3, 7.0)]


def test_a_time_without_a_zone_does_not_get_into_the_database() -> None:
    with pytest.raises(StatementError, match="a time without a zone"):
        db.session.scalar(select(bindparam("at", datetime(2026, 11, 18, 12), UtcDateTime)))  # noqa: DTZ001
