"""Checks and jobs that are under way while every key is sealed anew: they lose nothing, and bring nothing old back."""

from collections.abc import Callable, Iterator
from secrets import token_hex

import pytest
from flask import Flask

from domain.db import utc_now
from domain.generation import poll
from domain.maintenance.key_rotation import rotate
from domain.orders.models import Order, StageState
from domain.provider_configs import checks
from domain.provider_configs.changes import restore_previous
from domain.provider_configs.checks import check
from domain.provider_configs.models import Status, live_place
from domain.secrets.context import EXTENSION
from domain.secrets.vault import Vault
from providers.kinds import StageType
from tests.builders import run, save_section, section, stage_of
from tests.domain.generation.jobs.job_orders import CLIP, KEY, KINDS, OTHER_KEY, attempts_of, charges, look, room_of
from tests.emulator.server import Emulator
from tests.sealed_rows import keys_opened_by

NEW = token_hex(32)


@pytest.fixture
def rotated(app: Flask) -> Iterator[Callable[[], None]]:
    """Give the application a new secret beside the one that it has, and seal everything with that."""
    before = app.extensions[EXTENSION]

    def rotate_all() -> None:
        app.extensions[EXTENSION] = Vault(NEW, (app.config["SETTINGS"].admin_secret_key.get_secret_value(),))
        assert rotate("command line").is_kept

    yield rotate_all
    app.extensions[EXTENSION] = before


def test_a_candidate_that_is_being_checked_is_promoted_as_it_was_sealed_anew(rotated: Callable[[], None]) -> None:
    save_section(CLIP, KINDS[CLIP], api_key=OTHER_KEY)
    question = checks._begin(CLIP, utc_now())
    assert question is not None
    assert question.is_candidate

    rotated()
    assert checks._store(question, checks._ask(question))

    row = section(CLIP)
    assert (row.status, row.api_key_last4, row.has_candidate) == (Status.ACTIVE, OTHER_KEY[-4:], False)
    assert Vault(NEW).open(row.api_key_encrypted or "", live_place(CLIP, KINDS[CLIP])) == OTHER_KEY
    assert set(keys_opened_by(Vault(NEW))) == {KEY, OTHER_KEY}


def test_a_candidate_that_waits_passes_and_the_way_back_stays_open(rotated: Callable[[], None]) -> None:
    save_section(CLIP, KINDS[CLIP], api_key=OTHER_KEY)
    rotated()

    check(CLIP)
    assert section(CLIP).api_key_last4 == OTHER_KEY[-4:]
    restore_previous(CLIP, "admin")
    check(CLIP)

    assert (section(CLIP).api_key_last4, section(CLIP).status) == (KEY[-4:], Status.ACTIVE)


def test_a_page_that_was_open_before_can_still_be_saved(rotated: Callable[[], None]) -> None:
    version = section(CLIP).version
    rotated()

    assert save_section(CLIP, KINDS[CLIP], api_key=OTHER_KEY, version=version).changed


def test_a_job_goes_on_with_its_key(
    order: Order, stage_type: StageType, emulator: Emulator, rotated: Callable[[], None]
) -> None:
    run(order, stage_type)
    rotated()

    look(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.DONE
    assert attempts_of(order, stage_type)[0].api_key_encrypted is None
    assert charges(emulator) == 1


def test_a_job_that_is_being_looked_at_keeps_the_key_that_was_sealed_anew(
    order: Order,
    stage_type: StageType,
    emulator: Emulator,
    rotated: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room_of(emulator, stage_type).pinned = 0.1
    run(order, stage_type)
    ask = poll._ask_and_count

    def ask_while_rotating(looks: list[poll.PollJob]) -> object:
        rotated()
        return ask(looks)

    with monkeypatch.context() as patch:
        patch.setattr(poll, "_ask_and_count", ask_while_rotating)
        look(order, stage_type)
    assert stage_of(order, stage_type).state is StageState.SUBMITTED
    assert keys_opened_by(Vault(NEW)) == [KEY, KEY]
    room_of(emulator, stage_type).pinned = None
    look(order, stage_type)

    assert stage_of(order, stage_type).state is StageState.DONE
