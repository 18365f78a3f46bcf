"""What a check has found is told to the orders that wait for its section."""

from domain.checks import check
from domain.orders import StageState
from domain.provider_configs import Reason
from providers.kinds import StageType
from tests.builders import place_order, run, save_section, section, stage_of
from tests.domain.checks.openai_section import OPENAI, POEM, WRONG_KEY

CLIP = StageType.CLIP


def test_who_waits_for_a_check_is_told_what_it_has_found() -> None:
    save_section(POEM, OPENAI, api_key=WRONG_KEY)
    orders = [place_order(), place_order()]
    for order in orders:
        run(order)
    assert {stage_of(order).reason for order in orders} == {Reason.CHECKING}

    check(POEM)

    told = {(stage_of(order).state, stage_of(order).reason, stage_of(order).detail) for order in orders}
    assert told == {(StageState.WAITING, Reason.REJECTED, section().detail)}


def test_who_waits_for_another_section_is_told_nothing_of_this_one() -> None:
    order = place_order(frozenset({CLIP}), poem="Море шумит.")
    run(order, CLIP)
    save_section(POEM, OPENAI, api_key=WRONG_KEY)

    check(POEM)

    assert stage_of(order, CLIP).reason == Reason.NOT_CONFIGURED
