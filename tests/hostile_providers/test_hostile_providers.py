"""Whatever a provider answers, a call ends in time with a sound result or one of our errors."""

from itertools import islice

import pytest

from tests.hostile_providers.campaign import (
    ECHOES,
    Tally,
    carry_out,
    carry_out_side_by_side,
    carry_out_weighed,
    echo_tries,
    json_tries,
    wire_tries,
)
from tests.hostile_providers.operations import DOWNLOAD, Operation, record, refusals
from tests.hostile_providers.wire_garbage import AT_ONCE, ENDLESS, LARGE

#: ``python -m tests.hostile_providers`` tries all; of so many, the suite tries one. Prime: each kind has a turn.
OF_GARBAGE, OF_ANSWERS, OF_REFUSALS, OF_ECHOES = 3, 29, 127, 5
#: They all read an answer in the same place; these read one of each kind.
ONE_OF_EACH_KIND = ("openai-gateway generate", "speechkit-v3 generate", "a file download")


@pytest.fixture(scope="module")
def operations() -> list[Operation]:
    return [*record(), DOWNLOAD]


def assert_all_well(tally: Tally, at_least: int) -> None:
    assert tally.wrong == []
    assert tally.tried >= at_least


def test_what_is_no_answer_at_all(operations: list[Operation]) -> None:
    some = islice(wire_tries(operations, AT_ONCE), 0, None, OF_GARBAGE)

    assert_all_well(carry_out(some), at_least=500)


def test_what_never_ends(operations: list[Operation]) -> None:
    assert_all_well(carry_out_side_by_side(wire_tries(operations, ENDLESS)), at_least=200)


def test_what_is_larger_than_anything(operations: list[Operation]) -> None:
    some = [operation for operation in operations if operation.name in ONE_OF_EACH_KIND]

    assert_all_well(carry_out_weighed(wire_tries(some, LARGE)), at_least=30)


def test_an_answer_with_one_thing_in_it_that_should_not_be_there(operations: list[Operation]) -> None:
    tally = carry_out(json_tries(operations, OF_ANSWERS))

    assert_all_well(tally, at_least=600)
    assert tally.results > 50


def test_a_refusal_with_one_thing_in_it_that_should_not_be_there() -> None:
    assert_all_well(carry_out(json_tries(refusals(), OF_REFUSALS)), at_least=150)


def test_our_key_in_an_answer(operations: list[Operation]) -> None:
    tally = carry_out(islice(echo_tries(operations), 0, None, OF_ECHOES))

    assert_all_well(tally, at_least=200)
    assert tally.garbages == len(ECHOES)
    assert tally.results > 100
