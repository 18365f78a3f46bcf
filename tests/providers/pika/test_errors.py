"""PIKA: the table of errors, in every delivery of them."""

from dataclasses import replace

import pytest

from providers.base import Credentials
from providers.errors import (
    ContentBlocked,
    CreditExhausted,
    InvalidResponse,
    JobFailed,
    KeyRejected,
    ModelNotFound,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RequestRefused,
    SettingsError,
    TransientError,
    Unavailable,
)
from providers.kinds import ProviderKind, StageType
from providers.pika.adapter import Pika
from tests.emulator.pika import PikaRoom
from tests.emulator.pika_scenarios import JOB_FAILURES, failed_job
from tests.emulator.server import Emulator
from tests.providers.conftest import sample
from tests.providers.wires import CANARY, CLIP, JOB_ID


@pytest.fixture
def room(emulator: Emulator) -> PikaRoom:
    key = emulator.pika.add_key("canary", CANARY)
    emulator.pika.job_seconds = 0
    emulator.pika.open_job(key, JOB_ID)
    return emulator.pika


@pytest.fixture
def pika(emulator: Emulator, room: PikaRoom) -> Pika:
    return Pika(Credentials(CANARY, emulator.base_url(ProviderKind.PIKA)))


#: Scenario -> what a submit raises, its detail, how long to wait.
SUBMITS: list[tuple[str, type[ProviderError], str, float | None]] = [
    ("revoked", KeyRejected, "", None),
    ("inactive", KeyRejected, "inactive key", None),
    ("suspended", KeyRejected, "admission_suspended", None),
    ("no_credit", CreditExhausted, "insufficient_balance", None),
    ("no_credit_in_a_success", CreditExhausted, "insufficient_balance", None),
    ("no_credit_without_a_job", CreditExhausted, "insufficient_balance", None),
    ("no_membership", CreditExhausted, "membership_required", None),
    ("rate_limited", RateLimited, "", 7),
    ("too_many_jobs", RateLimited, "", 30),
    ("rate_limited_by_code", RateLimited, "rate_limited", None),
    ("no_such_operation", ModelNotFound, "http_404", None),
    ("token_used_up", RequestRefused, "http_409", None),
    ("invalid", RequestRefused, "http_422", None),
    ("invalid_by_code", RequestRefused, "invalid_input", None),
    ("blocked_at_once", ContentBlocked, "content_moderation", None),
    ("blocked_in_a_success", ContentBlocked, "content_moderation", None),
    ("unavailable", Unavailable, "http_503", 5),
    ("unavailable_as_a_job", Unavailable, "provider_unavailable", None),
    ("server_error", OutcomeUnknown, "http_500", None),
    ("html_502", OutcomeUnknown, "http_502", None),
    ("not_json", InvalidResponse, "not a JSON object", None),
    ("redirect", Unavailable, "redirect", None),
    ("lost", OutcomeUnknown, "connection cut", None),
]


@pytest.mark.parametrize(("scenario", "expected", "detail", "wait"), SUBMITS, ids=[row[0] for row in SUBMITS])
def test_an_order_that_is_refused_gets_its_name(
    pika: Pika,
    room: PikaRoom,
    emulator: Emulator,
    scenario: str,
    expected: type[ProviderError],
    detail: str,
    wait: float | None,
) -> None:
    room.play(scenario, times=None)

    with pytest.raises(ProviderError) as caught:
        pika.submit(CLIP)

    assert type(caught.value) is expected
    assert (caught.value.detail, caught.value.retry_after) == (detail, wait)
    assert len(emulator.requests) == 1


#: Scenario -> what a question raises that makes nothing.
QUESTIONS: list[tuple[str, type[ProviderError], str]] = [
    ("revoked", KeyRejected, ""),
    ("inactive", KeyRejected, "inactive key"),
    ("suspended", KeyRejected, "admission_suspended"),
    ("rate_limited", RateLimited, ""),
    ("unavailable", Unavailable, "http_503"),
    ("server_error", Unavailable, "http_500"),
    ("html_502", Unavailable, "http_502"),
    ("lost", Unavailable, "connection cut"),
]


@pytest.mark.parametrize(("scenario", "expected", "detail"), QUESTIONS, ids=[row[0] for row in QUESTIONS])
def test_a_question_that_is_refused_has_lost_nothing(
    pika: Pika, room: PikaRoom, scenario: str, expected: type[ProviderError], detail: str
) -> None:
    room.play(scenario, times=None)

    for ask in (lambda: pika.check_key(StageType.CLIP), lambda: pika.poll(JOB_ID)):
        with pytest.raises(ProviderError) as caught:
            ask()
        assert (type(caught.value), caught.value.detail) == (expected, detail)


@pytest.mark.parametrize("code", JOB_FAILURES)
@pytest.mark.parametrize("status", [400, 402, 403, 404, 409, 422, 429, 500, 503])
def test_a_check_blames_settings_or_nothing(pika: Pika, room: PikaRoom, code: str, status: int) -> None:
    for body in ({"error": {"code": code, "message": "No."}}, {"message": "No."}, failed_job(code)):
        room.fail("balance", status=status, body=body)
        with pytest.raises((SettingsError, TransientError)):
            pika.check_key(StageType.CLIP)


#: Code of a failed job -> what it means.
ENDINGS: dict[str, type[ProviderError]] = {
    "content_moderation": ContentBlocked,
    "insufficient_balance": CreditExhausted,
    "cycle_limit_exceeded": CreditExhausted,
    "usage_limit_exceeded": CreditExhausted,
    "membership_required": CreditExhausted,
    "admission_suspended": KeyRejected,
    "invalid_input": RequestRefused,
    "rate_limited": RateLimited,
    "provider_unavailable": Unavailable,
    "provider_timeout": JobFailed,
    "timed_out": JobFailed,
    "provider_error": JobFailed,
    "internal": JobFailed,
    "gremlins": JobFailed,
}


@pytest.mark.parametrize("code", JOB_FAILURES)
def test_a_job_that_fails_later_costs_nothing(pika: Pika, room: PikaRoom, emulator: Emulator, code: str) -> None:
    room.keys[CANARY].credit = room.price
    room.job_seconds, room.pinned = 60, 0.5
    room.play(f"fails_{code}")
    ticket = pika.submit(CLIP)
    assert pika.poll(ticket.job_id).error is None

    room.pinned = 1
    status = pika.poll(ticket.job_id)

    assert type(status.error) is ENDINGS[code]
    assert (status.error.detail, status.charged) == (code, False)
    assert emulator.ledger == []
    assert room.keys[CANARY].credit == room.price


@pytest.mark.parametrize("code", JOB_FAILURES)
@pytest.mark.parametrize("status", [200, 402, 422, 500, 503])
def test_a_job_that_fails_at_once_is_raised_under_any_status(
    pika: Pika, room: PikaRoom, code: str, status: int
) -> None:
    room.fail("submit", status=status, body=failed_job(code))

    with pytest.raises(ProviderError) as caught:
        pika.submit(CLIP)

    assert (type(caught.value), caught.value.detail) == (ENDINGS[code], code)


def test_a_fresh_token_tries_a_failed_job_again(pika: Pika, room: PikaRoom, emulator: Emulator) -> None:
    room.play("fails_provider_unavailable")
    for _ in range(2):
        with pytest.raises(Unavailable, match="provider_unavailable"):
            pika.submit(CLIP)

    fresh = pika.submit(replace(CLIP, token="6a1f0e3c-attempt-2"))

    assert pika.poll(fresh.job_id).media is not None
    assert [charge.token for charge in emulator.ledger] == ["6a1f0e3c-attempt-2"]


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_wrong_address_blames_neither_model_nor_words(pika: Pika, room: PikaRoom, status: int) -> None:
    room.fail(status=status, body="<html>nothing here</html>", times=2)

    for ask in (lambda: pika.submit(CLIP), lambda: pika.poll(JOB_ID)):
        with pytest.raises(Unavailable, match=f"http_{status}"):
            ask()


def test_a_403_without_the_vendors_words_names_no_switched_off_key(pika: Pika, room: PikaRoom) -> None:
    room.fail("balance", status=403, body={})

    with pytest.raises(PermissionMissing):
        pika.check_key(StageType.CLIP)


@pytest.mark.parametrize(
    ("name", "status", "expected"), [("error_key", 401, KeyRejected), ("error_busy", 429, RateLimited)]
)
def test_the_recorded_refusals_are_read(
    pika: Pika, room: PikaRoom, name: str, status: int, expected: type[ProviderError]
) -> None:
    room.fail("submit", status=status, body=sample(f"pika/{name}"))

    with pytest.raises(expected):
        pika.submit(CLIP)
