"""An answer of success that nobody can read has probably been charged: it is asked for once more, and then no more."""

import pytest
from sqlalchemy import select

from domain.db import db, utc_now
from domain.orders.models import Attempt, AttemptState, Order, StageState
from providers.kinds import StageType
from tests.builders import make_due, run, stage_of
from tests.database_kinds import on_one_database
from tests.emulated_sections import KINDS, PAID_ROUTES, order_of, works_with
from tests.emulator.server import Emulator

pytestmark = on_one_database

POEM, VOICE = StageType.POEM, StageType.VOICE
UNREADABLE: dict[str, object] = {"status": 200, "body": "<html>welcome to the hotel's network</html>"}
UNANSWERED: dict[str, object] = {"cut": True}


def answered(stage_type: StageType, emulator: Emulator, *answers: dict[str, object]) -> Order:
    """An order whose provider has answered so, one call after the other."""
    room = emulator.rooms[KINDS[stage_type]]
    works_with(stage_type, emulator)
    order = order_of(stage_type)
    for number, answer in enumerate(answers):
        if number:
            make_due(stage_of(order, stage_type), utc_now())
        room.fail(*PAID_ROUTES[stage_type], **answer)
        run(order, stage_type)
    return order


def end_of(order: Order, stage_type: StageType) -> tuple[StageState, str | None]:
    stage = stage_of(order, stage_type)
    return stage.state, stage.reason


@pytest.mark.parametrize("stage_type", [POEM, VOICE])
def test_it_is_asked_for_once_more(stage_type: StageType, emulator: Emulator) -> None:
    order = answered(stage_type, emulator, UNREADABLE)

    make_due(stage_of(order, stage_type), utc_now())
    run(order, stage_type)

    assert end_of(order, stage_type) == (StageState.DONE, None)


@pytest.mark.parametrize("stage_type", [POEM, VOICE])
def test_the_second_fails_the_stage_and_both_attempts_count_as_lost(stage_type: StageType, emulator: Emulator) -> None:
    order = answered(stage_type, emulator, UNREADABLE, UNREADABLE)

    assert end_of(order, stage_type) == (StageState.FAILED, "unreadable_answer")
    assert list(db.session.scalars(select(Attempt.state))) == [AttemptState.LOST, AttemptState.LOST]


@pytest.mark.parametrize("stage_type", [POEM, VOICE])
def test_after_a_lost_answer_it_is_not_asked_for_again(stage_type: StageType, emulator: Emulator) -> None:
    order = answered(stage_type, emulator, UNANSWERED, UNREADABLE)

    assert end_of(order, stage_type) == (StageState.FAILED, "unreadable_answer")


@pytest.mark.parametrize("stage_type", [POEM, VOICE])
def test_a_lost_answer_after_it_is_left_to_a_person(stage_type: StageType, emulator: Emulator) -> None:
    order = answered(stage_type, emulator, UNREADABLE, UNANSWERED)

    assert end_of(order, stage_type) == (StageState.ATTENTION, "answer_lost")
