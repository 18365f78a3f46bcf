"""What waits, grouped by kind of work and reason."""

from datetime import timedelta

import pytest

from domain.db import db, utc_now
from domain.monitoring import stuck_summary
from domain.monitoring.stuck_rules import StuckReason
from domain.orders.models import Order, Stage, StageState
from providers.kinds import StageType
from tests.builders import place_order, stage_of

HOUR = timedelta(hours=1)


def stands(order: Order, state: StageState, reason: str | None, hours: int) -> Stage:
    """A poem that has been in that state for so many hours."""
    stage = stage_of(order)
    since = utc_now() - hours * HOUR
    stage.state, stage.reason, stage.waiting_since, stage.updated_at = state, reason, since, since
    db.session.commit()
    return stage


def test_works_that_wait_for_one_reason_are_one_group_as_old_as_the_oldest() -> None:
    first, second, third = (place_order() for _ in range(3))
    stands(second, StageState.WAITING, "no_credit", 0)
    stands(first, StageState.WAITING, "no_credit", 5)
    decides = stands(third, StageState.ATTENTION, "answer_lost", 2)

    found = stuck_summary.look(utc_now())

    assert [(group.stages, group.standing.why, group.standing.reason) for group in found.groups] == [
        (2, StuckReason.SETTINGS, "no_credit"),
        (1, StuckReason.DECISION, "answer_lost"),
    ]
    assert found.groups[0].standing.order_id == first.id
    assert found.groups[0].standing.since == pytest.approx(utc_now() - 5 * HOUR, abs=timedelta(minutes=1))
    assert found.groups[1].standing.order_id == decides.order_id
    assert found.is_all


def test_what_the_pace_of_a_provider_holds_stands_apart() -> None:
    stands(place_order(), StageState.QUEUED, "provider_pace", 0)

    assert stuck_summary.look(utc_now()).throttled == {StageType.POEM: 1}
    assert stuck_summary.look(utc_now()).groups == []


def test_no_more_is_looked_at_than_a_page_can_afford(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        stands(place_order(), StageState.ATTENTION, "answer_lost", 1)
    monkeypatch.setattr(stuck_summary, "MOST", 2)

    found = stuck_summary.look(utc_now())

    assert sum(group.stages for group in found.groups) == 2
    assert not found.is_all
