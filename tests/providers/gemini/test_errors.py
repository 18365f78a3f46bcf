"""GEMINI: the table of errors."""

from typing import Any

import pytest

from providers.errors import (
    ContentBlocked,
    CreditExhausted,
    InvalidResponse,
    KeyRejected,
    ModelNotFound,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RegionRefused,
    RequestRefused,
    Unavailable,
)
from providers.gemini.adapter import Gemini
from providers.kinds import StageType
from tests.emulator.gemini import GeminiRoom
from tests.emulator.gemini_answers import detail, error, reason
from tests.emulator.gemini_scenarios import quota_error
from tests.emulator.server import Emulator
from tests.providers.conftest import assert_tells_nothing, sample
from tests.providers.gemini.test_adapter import POEM

KEY_ERRORS: list[tuple[str, type[ProviderError], str]] = [
    ("revoked", KeyRejected, "API_KEY_INVALID"),
    ("expired", KeyRejected, "API_KEY_INVALID"),
    ("no_key", KeyRejected, "no key arrived"),
    ("leaked", KeyRejected, "reported as leaked"),
    ("oauth_wanted", KeyRejected, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
    ("service_blocked", PermissionMissing, "API_KEY_SERVICE_BLOCKED"),
    ("referrer_blocked", PermissionMissing, "API_KEY_HTTP_REFERRER_BLOCKED"),
    ("service_disabled", PermissionMissing, "SERVICE_DISABLED"),
    ("suspended", PermissionMissing, "CONSUMER_SUSPENDED"),
    ("project_denied", PermissionMissing, "PERMISSION_DENIED"),
    ("region", RegionRefused, "user location"),
    ("no_free_tier_here", CreditExhausted, "no free tier here"),
    ("server_error", Unavailable, "INTERNAL"),
    ("overloaded", Unavailable, "UNAVAILABLE"),
    ("html_502", Unavailable, "http_502"),
    ("not_json", InvalidResponse, "not a JSON object"),
]

GENERATION_ERRORS: list[tuple[str, type[ProviderError], str, float | None]] = [
    ("model_not_found", ModelNotFound, "NOT_FOUND", None),
    ("bad_request", RequestRefused, "INVALID_ARGUMENT", None),
    ("rate_limited", RateLimited, "per-minute quota", 19.424395),
    ("daily_quota", CreditExhausted, "daily quota", None),
    ("no_free_tier", CreditExhausted, "no free tier for this model", None),
    ("no_free_tier_in_words", CreditExhausted, "no free tier for this model", None),
    ("prepaid_429", CreditExhausted, "prepaid credit", None),
    ("prepaid_402", CreditExhausted, "prepaid credit", None),
    ("bare_429", RateLimited, "", None),
    ("deadline", Unavailable, "DEADLINE_EXCEEDED", None),
    ("prompt_blocked", ContentBlocked, "prompt: PROHIBITED_CONTENT", None),
    ("safety", ContentBlocked, "SAFETY", None),
    ("recitation", ContentBlocked, "RECITATION", None),
    ("max_tokens", InvalidResponse, "broke off: MAX_TOKENS", None),
]


@pytest.mark.parametrize(("scenario", "expected", "words"), KEY_ERRORS, ids=[row[0] for row in KEY_ERRORS])
def test_what_is_wrong_with_the_key_shows_in_a_check_as_in_a_generation(
    gemini: Gemini, gemini_room: GeminiRoom, scenario: str, expected: type[ProviderError], words: str
) -> None:
    gemini_room.play(scenario, times=2)

    for call in (lambda: gemini.check_key(StageType.POEM), lambda: gemini.generate(POEM)):
        with pytest.raises(ProviderError) as caught:
            call()
        assert type(caught.value) is expected
        assert (caught.value.detail, caught.value.retry_after) == (words, None)
        assert_tells_nothing(caught.value)


@pytest.mark.parametrize(
    ("scenario", "expected", "words", "wait"), GENERATION_ERRORS, ids=[row[0] for row in GENERATION_ERRORS]
)
def test_what_is_wrong_with_a_generation_gets_its_name(
    gemini: Gemini,
    gemini_room: GeminiRoom,
    emulator: Emulator,
    scenario: str,
    expected: type[ProviderError],
    words: str,
    wait: float | None,
) -> None:
    gemini_room.play(scenario, times=None)

    with pytest.raises(ProviderError) as caught:
        gemini.generate(POEM)

    assert type(caught.value) is expected
    assert (caught.value.detail, caught.value.retry_after) == (words, wait)
    assert len(emulator.requests) == 1
    assert_tells_nothing(caught.value)


PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"


def both_quotas() -> dict[str, Any]:
    body = quota_error(PER_MINUTE, "10", "19s")
    body["error"]["details"][0]["violations"].append({"quotaId": PER_DAY, "quotaValue": "20"})
    return body


def of_no_words(body: dict[str, Any]) -> dict[str, Any]:
    return {"error": {**body["error"], "message": ""}}


@pytest.mark.parametrize(
    ("status", "body", "expected", "words"),
    [
        (400, sample("gemini/error_api_key_invalid"), KeyRejected, "API_KEY_INVALID"),
        (400, [sample("gemini/error_api_key_invalid")], KeyRejected, "API_KEY_INVALID"),
        (429, sample("gemini/error_daily_quota"), CreditExhausted, "daily quota"),
        (429, both_quotas(), CreditExhausted, "daily quota"),
        (429, of_no_words(quota_error(PER_MINUTE, "0", "19s")), CreditExhausted, "no free tier for this model"),
        (402, error(402, "RESOURCE_EXHAUSTED", "Pay."), CreditExhausted, "prepaid credit"),
        (429, quota_error(PER_MINUTE, "10", "soon"), RateLimited, "per-minute quota"),
        (429, error(429, "RESOURCE_EXHAUSTED", "… limit: 0.5, model: x"), RateLimited, ""),
        (429, error(429, "RESOURCE_EXHAUSTED", "… limit: 20, model: x"), RateLimited, ""),
        (403, error(403, "PERMISSION_DENIED", "The caller does not have permission"), PermissionMissing, None),
        (403, error(403, "PERMISSION_DENIED", "No.", *reason("NEW_REASON", "No.")), PermissionMissing, "NEW_REASON"),
        (403, error(403, "PERMISSION_DENIED", "", *reason("API_KEY_IP_ADDRESS_BLOCKED", "")), PermissionMissing, None),
        (400, error(400, "FAILED_PRECONDITION", "Something else is not as it should be."), Unavailable, None),
        (
            400,
            error(400, "INVALID_ARGUMENT", "Your prompt says: limit: 0, leaked, unregistered callers"),
            RequestRefused,
            None,
        ),
        (404, "<html>Error 404 (Not Found)!!1</html>", Unavailable, "http_404"),
        (400, {"error": "a text"}, Unavailable, "http_400"),
        (400, {"error": {"message": ["a"], "status": 5, "details": "x"}}, Unavailable, "http_400"),
        (400, [], Unavailable, "http_400"),
        (429, error(429, "RESOURCE_EXHAUSTED", "", detail("QuotaFailure", violations="x")), RateLimited, ""),
    ],
)
def test_a_refusal_is_read_by_reason_then_status_then_text(
    gemini: Gemini, gemini_room: GeminiRoom, status: int, body: Any, expected: type[ProviderError], words: str | None
) -> None:
    gemini_room.fail(status=status, body=body)

    with pytest.raises(ProviderError) as caught:
        gemini.generate(POEM)

    assert type(caught.value) is expected
    assert words is None or caught.value.detail == words


@pytest.mark.parametrize(
    ("delay", "headers", "expected"),
    [
        ("19s", {}, 19),
        ("19.424395716s", {}, 19.424395716),
        ("0.2s", {}, 1),
        ("86400s", {}, 3600),
        ("19s", {"Retry-After": "7"}, 7),
        ("19", {}, None),
        (19, {}, None),
        (None, {}, None),
    ],
)
def test_the_time_to_wait_is_in_the_body(
    gemini: Gemini, gemini_room: GeminiRoom, delay: Any, headers: dict[str, str], expected: float | None
) -> None:
    body = error(503, "UNAVAILABLE", "The model is overloaded.", detail("RetryInfo", retryDelay=delay))
    gemini_room.fail(status=503, body=body, headers=headers)

    with pytest.raises(Unavailable) as caught:
        gemini.generate(POEM)

    assert caught.value.retry_after == expected


@pytest.mark.parametrize("scenario", ["model_not_found", "bad_request"])
def test_a_check_blames_no_model_and_no_words(gemini: Gemini, gemini_room: GeminiRoom, scenario: str) -> None:
    fault = gemini_room.scenarios[scenario][1]
    gemini_room.fail("models", status=fault.status, body=fault.body, times=2)

    for call in (gemini.check_key, gemini.list_models):
        with pytest.raises(ProviderError) as caught:
            call(StageType.POEM)
        assert type(caught.value) is Unavailable
        assert caught.value.detail == f"http_{fault.status}"


def test_a_project_that_is_limited_proves_no_key(gemini: Gemini, gemini_room: GeminiRoom) -> None:
    gemini_room.fail("generate", shape="finish:PUP_LIMITED_DISABLED")

    with pytest.raises(PermissionMissing, match="PUP_LIMITED_DISABLED"):
        gemini.prove(StageType.POEM, "gemini-2.5-flash")
