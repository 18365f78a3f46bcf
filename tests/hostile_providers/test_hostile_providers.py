"""Whatever a provider answers, a call ends in time with a sound result or one of our errors."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Steps:
    """Of so many tries, one is made. Prime: each kind has a turn. ``python -m tests.hostile_providers`` makes all."""

    garbage: int
    answers: int
    refusals: int
    echoes: int


EACH_RUN, THOROUGH = Steps(7, 61, 251, 11), Steps(3, 29, 127, 5)
#: They all read an answer in the same place; these read one of each kind.
ONE_OF_EACH_KIND = ("openai-gateway generate", "speechkit-v3 generate", "a file download")


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """No garbage is collected meanwhile: within an answer that is nested as deep as it goes, finalizers fail."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def operations() -> list[Operation]:
    return [*record(), DOWNLOAD]


@pytest.fixture(params=[EACH_RUN, pytest.param(THOROUGH, marks=pytest.mark.thorough)], ids=["some", "more"])
def steps(request: pytest.FixtureRequest) -> Steps:
    chosen: Steps = request.param
    return chosen


def assert_all_well(tally: Tally, at_least: int) -> None:
    assert tally.wrong == []
    assert tally.tried >= at_least


def test_what_is_no_answer_at_all(operations: list[Operation], steps: Steps) -> None:
    some = islice(wire_tries(operations, AT_ONCE), 0, None, steps.garbage)

    assert_all_well(carry_out(some), at_least=1500 // steps.garbage)


def test_what_never_ends(operations: list[Operation]) -> None:
    assert_all_well(carry_out_side_by_side(wire_tries(operations, ENDLESS)), at_least=200)


def test_what_is_larger_than_anything(operations: list[Operation]) -> None:
    some = [operation for operation in operations if operation.name in ONE_OF_EACH_KIND]

    assert_all_well(carry_out_weighed(wire_tries(some, LARGE)), at_least=30)


def test_an_answer_with_one_thing_in_it_that_should_not_be_there(operations: list[Operation], steps: Steps) -> None:
    tally = carry_out(json_tries(operations, steps.answers))

    assert_all_well(tally, at_least=17_400 // steps.answers)
    assert tally.results > 1450 // steps.answers


def test_a_refusal_with_one_thing_in_it_that_should_not_be_there(steps: Steps) -> None:
    assert_all_well(carry_out(json_tries(refusals(), steps.refusals)), at_least=19_000 // steps.refusals)


def test_our_key_in_an_answer(operations: list[Operation], steps: Steps) -> None:
    tally = carry_out(islice(echo_tries(operations), 0, None, steps.echoes))

    assert_all_well(tally, at_least=1000 // steps.echoes)
    assert tally.garbages == len(ECHOES)
    assert tally.results > 500 // steps.echoes
