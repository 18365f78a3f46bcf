"""An answer of success that nobody can read has probably been charged: it is asked for once more, and then no more."""

import pytest
from sqlalchemy import select

from domain.checks import check
from domain.db import db, utc_now
from domain.orders import Attempt, AttemptState, Order, StageState
from providers.kinds import ProviderKind, StageType
from tests.builders import make_due, place_order, run, save_section, stage_of
from tests.emulator.server import Emulator

KEY = "sk-fake-first-0123456789-a1b2"
POEM, VOICE = StageType.POEM, StageType.VOICE
KINDS = {POEM: ProviderKind.OPENAI, VOICE: ProviderKind.SPEECHKIT}
PAID = {POEM: ("responses", "chat"), VOICE: ("v1", "v3")}
UNREADABLE = {"status": 200, "body": "<html>welcome to the hotel's network</html>"}
UNANSWERED = {"cut": True}


def answered(stage_type: StageType, emulator: Emulator, *answers: dict[str, object]) -> Order:
    """An order whose provider has answered so, one call after the other."""
    room = emulator.rooms[KINDS[stage_type]]
    room.add_key("first", KEY)
    save_section(stage_type, KINDS[stage_type], api_key=KEY)
    check(stage_type)
    order = place_order(frozenset({stage_type}), poem=None if stage_type is POEM else "Море шумит")
    for number, answer in enumerate(answers):
        if number:
            make_due(stage_of(order, stage_type), utc_now())
        room.fail(*PAID[stage_type], **answer)
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
