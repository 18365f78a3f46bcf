"""What a provider says of an order does not repeat the order's words."""

import pytest

from domain.db import db
from domain.generation import own_words
from domain.provider_configs.history import HistoryEntry
from providers.errors import RequestRefused
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, run, section, stage_of
from tests.domain.generation.jobs.job_orders import look
from tests.emulated_sections import PAID_ROUTES, works_with
from tests.emulator.server import Emulator

POEM, VOICE, SONG, CLIP = StageType
NAME = "Canary5d1f0c9e"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Anna", "*"),
        ("blocked_name_anna", "blocked_name_*"),
        ("prompt: ANNA.1", "prompt: *.1"),
        ("annabel", "annabel"),
        ("too_old", "too_old"),
        ("", ""),
    ],
)
def test_whole_words_are_hidden_whatever_their_capitals(said: str, left: str) -> None:
    error = RequestRefused(ProviderKind.OPENAI, said)

    own_words.hide(error, ["Anna, our aunt", "too old"])

    assert error.detail == left
    assert "nna," not in str(error)
    assert str(error).endswith(left)


# The second one is a fault of the settings, and so is told in the section and its history.
@pytest.mark.parametrize(("status", "kind"), [(500, "server_error"), (429, "insufficient_quota")])
def test_a_code_that_is_a_name_gets_neither_into_rows_nor_into_the_log(
    status: int, kind: str, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    works_with(POEM, emulator)
    order = place_order(recipient=f"Анна {NAME}")
    for route in PAID_ROUTES[POEM]:
        emulator.openai.fail(route, status=status, body={"error": {"code": NAME, "type": kind}}, times=None)

    run(order)

    assert stage_of(order).reason is not None
    said = [stage_of(order).detail, section().detail, caplog.text]
    said += [str(entry.facts) for entry in db.session.query(HistoryEntry)]
    assert not any(NAME.lower() in text.lower() for text in said)


def test_what_a_job_is_told_to_have_failed_for_does_not_repeat_its_words(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    works_with(CLIP, emulator)
    order = place_order(frozenset({CLIP}), poem="Море", recipient=f"Анна {NAME}")
    run(order, CLIP)
    emulator.pika.fail("job", status=200, body={"status": "failed", "error": {"code": NAME, "message": NAME}})

    look(order, CLIP)

    assert NAME not in stage_of(order, CLIP).detail
    assert NAME not in caplog.text
