"""SUNO: the table of codes, in every delivery of them."""

from typing import Any

import pytest

from providers.base import Credentials
from providers.errors import (
    ContentBlocked,
    CreditExhausted,
    InvalidResponse,
    JobFailed,
    JobUnknown,
    KeyRejected,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RequestRefused,
    SettingsError,
    TransientError,
    Unavailable,
)
from providers.kinds import ProviderKind, StageType
from providers.suno.adapter import Suno
from tests.emulator.server import Emulator
from tests.emulator.suno import SunoRoom
from tests.providers.conftest import sample
from tests.providers.wires import CANARY, JOB_ID, SONG


@pytest.fixture
def room(emulator: Emulator) -> SunoRoom:
    key = emulator.suno.add_key("canary", CANARY)
    emulator.suno.job_seconds = 0
    emulator.suno.open_job(key, JOB_ID)
    return emulator.suno


@pytest.fixture
def suno(emulator: Emulator, room: SunoRoom) -> Suno:
    return Suno(Credentials(CANARY, emulator.base_url(ProviderKind.SUNO)))


#: Scenario -> what a submit raises, its detail, how long to wait.
SUBMITS: list[tuple[str, type[ProviderError], str, float | None]] = [
    ("revoked", KeyRejected, "code_401", None),
    ("revoked_with_status", KeyRejected, "code_401", None),
    ("no_credit", CreditExhausted, "code_429", None),
    ("no_credit_with_status", CreditExhausted, "code_429", None),
    ("no_credit_402", CreditExhausted, "code_402", None),
    ("rate_limited", RateLimited, "code_430", 10),
    ("rate_limited_405", RateLimited, "code_405", 10),
    ("rate_limited_by_status", RateLimited, "", None),
    ("bad_parameters", RequestRefused, "code_400", None),
    ("no_callback", RequestRefused, "code_422", None),
    ("conflict", RequestRefused, "code_409", None),
    ("too_long", RequestRefused, "code_413", None),
    ("media_not_fetched", RequestRefused, "code_451", None),
    ("maintenance", Unavailable, "code_455", None),
    ("server_error", OutcomeUnknown, "code_500", None),
    ("failed_and_refunded", JobFailed, "code_531", None),
    ("unknown_code", OutcomeUnknown, "code_599", None),
    ("html_502", OutcomeUnknown, "http_502", None),
    ("html_503", Unavailable, "http_503", None),
    ("not_json", InvalidResponse, "not a JSON object", None),
    ("redirect", Unavailable, "redirect", None),
    ("lost", OutcomeUnknown, "connection cut", None),
]


@pytest.mark.parametrize(("scenario", "expected", "detail", "wait"), SUBMITS, ids=[row[0] for row in SUBMITS])
def test_an_order_that_is_refused_gets_its_name(
    suno: Suno,
    room: SunoRoom,
    emulator: Emulator,
    scenario: str,
    expected: type[ProviderError],
    detail: str,
    wait: float | None,
) -> None:
    room.play(scenario, times=None)

    with pytest.raises(ProviderError) as caught:
        suno.submit(SONG)

    assert type(caught.value) is expected
    assert (caught.value.detail, caught.value.retry_after) == (detail, wait)
    assert len(emulator.requests) == 1


#: Scenario -> what a question raises that makes nothing.
QUESTIONS: list[tuple[str, type[ProviderError], str]] = [
    ("revoked", KeyRejected, "code_401"),
    ("rate_limited", RateLimited, "code_430"),
    ("rate_limited_405", RateLimited, "code_405"),
    ("maintenance", Unavailable, "code_455"),
    ("server_error", Unavailable, "code_500"),
    ("unknown_code", Unavailable, "code_599"),
    ("html_502", Unavailable, "http_502"),
    ("lost", Unavailable, "connection cut"),
]


@pytest.mark.parametrize(("scenario", "expected", "detail"), QUESTIONS, ids=[row[0] for row in QUESTIONS])
def test_a_question_that_is_refused_has_lost_nothing(
    suno: Suno, room: SunoRoom, scenario: str, expected: type[ProviderError], detail: str
) -> None:
    room.play(scenario, times=None)

    for ask in (lambda: suno.check_key(StageType.SONG), lambda: suno.poll(JOB_ID)):
        with pytest.raises(ProviderError) as caught:
            ask()
        assert (type(caught.value), caught.value.detail) == (expected, detail)


@pytest.mark.parametrize("code", [0, 201, 400, 404, 405, 409, 413, 422, 429, 430, 451, 455, 500, 531, 999])
def test_a_check_blames_settings_or_nothing(suno: Suno, room: SunoRoom, code: int) -> None:
    room.fail("credit", status=200, body={"code": code, "msg": "No.", "data": None})

    with pytest.raises((SettingsError, TransientError)):
        suno.check_key(StageType.SONG)


@pytest.mark.parametrize("scenario", ["task_forgotten", "task_not_found", "record_invalid"])
def test_each_way_of_not_knowing_a_task(suno: Suno, room: SunoRoom, scenario: str) -> None:
    room.play(scenario)

    with pytest.raises(JobUnknown):
        suno.poll(JOB_ID)


def test_a_wrong_address_is_no_unknown_task(suno: Suno, room: SunoRoom) -> None:
    room.fail("record", status=404, body="<html>nothing here</html>")

    with pytest.raises(Unavailable, match="http_404"):
        suno.poll(JOB_ID)


def test_a_code_that_we_do_not_know_leaves_the_status_its_word(suno: Suno, room: SunoRoom) -> None:
    room.fail("credit", status=401, body={"code": 4001, "msg": "No.", "data": None})

    with pytest.raises(KeyRejected):
        suno.check_key(StageType.SONG)


@pytest.mark.parametrize("code", [None, "200", 200.0, True, 0, 201])
def test_an_answer_without_the_code_of_success_is_none(suno: Suno, room: SunoRoom, code: Any) -> None:
    room.fail("generate", status=200, body={**sample("suno/submitted"), "code": code})

    with pytest.raises(InvalidResponse):
        suno.submit(SONG)


#: Scenario of the submit -> how its task ends, and whether that cost anything.
ENDINGS: list[tuple[str, type[ProviderError], str, bool]] = [
    ("blocked", ContentBlocked, "SENSITIVE_WORD_ERROR 400", True),
    ("not_created", JobFailed, "CREATE_TASK_FAILED 500", False),
    ("failed", JobFailed, "GENERATE_AUDIO_FAILED 500", True),
    ("failed_with_refund", JobFailed, "GENERATE_AUDIO_FAILED 531", False),
]


@pytest.mark.parametrize(("scenario", "expected", "detail", "charged"), ENDINGS, ids=[row[0] for row in ENDINGS])
def test_a_task_that_ends_badly_says_whether_it_cost_anything(
    suno: Suno,
    room: SunoRoom,
    emulator: Emulator,
    scenario: str,
    expected: type[ProviderError],
    detail: str,
    charged: bool,
) -> None:
    room.play(scenario)

    status = suno.poll(suno.submit(SONG).job_id)

    assert type(status.error) is expected
    assert (status.error.detail, status.charged) == (detail, charged)
    assert bool(emulator.ledger) is charged


@pytest.mark.parametrize("name", ["error_key", "error_credits", "error_callback"])
def test_the_recorded_refusals_are_read(suno: Suno, room: SunoRoom, name: str) -> None:
    room.fail("generate", status=200, body=sample(f"suno/{name}"))
    expected = {"error_key": KeyRejected, "error_credits": CreditExhausted, "error_callback": RequestRefused}

    with pytest.raises(expected[name]):
        suno.submit(SONG)
