"""Sections that work, and orders of a song or a clip."""

from collections.abc import Callable

import pytest

from domain.orders.models import Order, StageState
from domain.provider_configs.checks import check
from domain.provider_configs.models import Status
from providers.kinds import StageType
from tests.builders import place_order, run, save_section, section, stage_of
from tests.domain.generation.jobs.job_orders import CLIP, KEY, KINDS, OTHER_KEY, POEM, SONG, room_of
from tests.emulator.server import Emulator


@pytest.fixture(params=[SONG, CLIP])
def stage_type(request: pytest.FixtureRequest) -> StageType:
    return StageType(request.param)


@pytest.fixture(autouse=True)
def working(request: pytest.FixtureRequest, emulator: Emulator) -> None:
    """The section that the test is about works, or both where it says nothing; jobs are done at once."""
    one = "stage_type" in request.fixturenames
    for each in [request.getfixturevalue("stage_type")] if one else KINDS:
        room, kind = room_of(emulator, each), KINDS[each]
        room.job_seconds = 1e-6
        room.add_key("first", KEY)
        room.add_key("other", OTHER_KEY)
        save_section(each, kind, api_key=KEY)
        check(each)
        assert section(each).status is Status.ACTIVE


@pytest.fixture
def order(stage_type: StageType) -> Order:
    return place_order(frozenset({stage_type}), poem=POEM)


@pytest.fixture
def lost_song(emulator: Emulator, change_settings: Callable[..., None]) -> Order:
    """A song whose submit was taken and not answered, while we can be called back."""
    change_settings(public_url="https://gifts.example")
    order = place_order(frozenset({SONG}), poem=POEM)
    emulator.suno.fail("generate", cut=True)
    run(order, SONG)
    assert stage_of(order, SONG).state is StageState.UNCERTAIN
    return order
