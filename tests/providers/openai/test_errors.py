"""OPENAI: the table of errors."""

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
from providers.kinds import StageType
from providers.openai.adapter import OpenAI
from tests.emulator.openai import OpenAIRoom
from tests.emulator.openai_answers import error
from tests.emulator.openai_scenarios import SCOPES_TEXT
from tests.emulator.server import Emulator
from tests.providers.conftest import CANARY, POEM, sample

SCENARIO_ERRORS: list[tuple[str, type[ProviderError], str, float | None]] = [
    ("revoked", KeyRejected, "invalid_api_key", None),
    ("ip_refused", PermissionMissing, "IP address not allowed", None),
    ("not_in_organization", PermissionMissing, "not in the organization", None),
    ("may_not_generate", PermissionMissing, "missing_scope model.request", None),
    ("region", RegionRefused, "unsupported_country_region_territory", None),
    ("project_without_model", ModelNotFound, "model_not_found", None),
    ("not_verified", PermissionMissing, "organization not verified", None),
    ("model_not_found", ModelNotFound, "model_not_found", None),
    ("unsupported_parameter", RequestRefused, "unsupported_parameter", None),
    ("context_too_long", RequestRefused, "context_length_exceeded", None),
    ("invalid_prompt", ContentBlocked, "invalid_prompt", None),
    ("rate_limited", RateLimited, "rate_limit_exceeded", 20),
    ("rate_limited_by_header", RateLimited, "rate_limit_exceeded", 360),
    ("rate_limited_in_words", RateLimited, "rate_limit_exceeded", 3.89),
    ("request_too_large", RequestRefused, "request too large", None),
    ("slow_down", RateLimited, "slow_down", 30),
    ("insufficient_quota", CreditExhausted, "insufficient_quota", None),
    ("credit_balance_exhausted", CreditExhausted, "credit_balance_exhausted", None),
    ("organization_spend_limit_exceeded", CreditExhausted, "organization_spend_limit_exceeded", None),
    ("server_error", Unavailable, "http_500", None),
    ("overloaded", Unavailable, "server_is_overloaded", 5),
    ("html_502", Unavailable, "http_502", None),
    ("redirect", Unavailable, "redirect", None),
    ("not_json", InvalidResponse, "not a JSON object", None),
    ("refusal", ContentBlocked, "refusal", None),
    ("content_filter", ContentBlocked, "content_filter", None),
]


@pytest.mark.parametrize(
    ("scenario", "expected", "detail", "wait"), SCENARIO_ERRORS, ids=[s[0] for s in SCENARIO_ERRORS]
)
def test_a_scenario_of_the_vendor_gets_its_name(
    openai_provider: OpenAI,
    openai_room: OpenAIRoom,
    emulator: Emulator,
    scenario: str,
    expected: type[ProviderError],
    detail: str,
    wait: float | None,
) -> None:
    openai_room.play(scenario, times=None)

    with pytest.raises(ProviderError) as caught:
        openai_provider.generate(POEM)

    assert type(caught.value) is expected
    assert (caught.value.detail, caught.value.retry_after) == (detail, wait)
    assert len(emulator.requests) == 1


MONEY = "billing_hard_limit_reached", "project_spend_limit_exceeded", "organization_usage_limit_exceeded"


@pytest.mark.parametrize(
    ("status", "body", "expected", "detail"),
    [
        (401, error("You didn't provide an API key."), KeyRejected, ""),
        (401, error("No.", code="account_deactivated"), KeyRejected, ""),
        (401, error(SCOPES_TEXT.format(scope="api.model.read")), PermissionMissing, "missing_scope api.model.read"),
        (403, error(SCOPES_TEXT.format(scope="a.b, c.d.e")), PermissionMissing, "missing_scope a.b, c.d.e"),
        (403, error(SCOPES_TEXT.format(scope="Ваш секрет")), PermissionMissing, "missing_scope"),
        (403, error("Missing scopes: x.y", code="missing_scope"), PermissionMissing, "missing_scope x.y"),
        (403, error("No."), PermissionMissing, ""),
        (403, error("Your organization must be verified to use the model `o3`."), PermissionMissing, None),
        (400, error("Your organization must be verified …", code="unsupported_value"), PermissionMissing, None),
        (404, error("Invalid URL (POST /v1/responses)"), Unavailable, "http_404"),
        (404, error("This is not a chat model …", param="model"), ModelNotFound, "not a chat model"),
        (400, error("No.", code="unknown_parameter", param="store"), Unavailable, "http_400"),
        (400, sample("openai/error_max_tokens"), RequestRefused, "unsupported_parameter max_tokens"),
        (400, error("No.", code="unsupported_value", param="Your key"), RequestRefused, "unsupported_value"),
        (429, error("Calm down.", kind="insufficient_quota"), CreditExhausted, "insufficient_quota"),
        (429, error("No.", kind="insufficient_quota", code="new_code"), CreditExhausted, "new_code"),
        *[(429, error("No.", code=code), CreditExhausted, code) for code in MONEY],
        (429, error("No."), RateLimited, ""),
        (403, sample("openai/error_region"), RegionRefused, None),
        (401, sample("openai/error_invalid_api_key"), KeyRejected, "invalid_api_key"),
        (429, sample("openai/error_rate_limit"), RateLimited, "rate_limit_exceeded"),
        (429, sample("openai/error_insufficient_quota"), CreditExhausted, "insufficient_quota"),
        (500, error("No.", kind="insufficient_quota", code="insufficient_quota"), Unavailable, None),
        (400, {"error": "a text"}, Unavailable, "http_400"),
        (400, {"error": {"message": ["a", "list"], "code": 400}}, Unavailable, "http_400"),
    ],
)
def test_a_refusal_is_read_by_code_then_type_then_text(
    openai_provider: OpenAI,
    openai_room: OpenAIRoom,
    status: int,
    body: Any,
    expected: type[ProviderError],
    detail: str | None,
) -> None:
    openai_room.fail(status=status, body=body)

    with pytest.raises(ProviderError) as caught:
        openai_provider.generate(POEM)

    assert type(caught.value) is expected
    assert detail is None or caught.value.detail == detail


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("server_error", Unavailable),
        ("rate_limit_exceeded", RateLimited),
        ("invalid_prompt", ContentBlocked),
        ("insufficient_quota", CreditExhausted),
        ("vector_store_timeout", Unavailable),
        (None, Unavailable),
        ("A sentence.", Unavailable),
    ],
)
def test_a_failed_response_is_read_by_its_code(
    vendor: OpenAI, openai_room: OpenAIRoom, code: str | None, expected: type[ProviderError]
) -> None:
    openai_room.fail(
        status=200, body={**sample("openai/response_failed"), "error": {"code": code, "message": "A sentence."}}
    )

    with pytest.raises(ProviderError) as caught:
        vendor.generate(POEM)

    assert type(caught.value) is expected
    assert "sentence" not in str(caught.value)


def test_a_key_that_may_only_generate_is_real_and_may_not_list(
    openai_provider: OpenAI, openai_room: OpenAIRoom
) -> None:
    openai_room.keys[CANARY].rights = frozenset({"model.request"})

    with pytest.raises(PermissionMissing, match=r"missing_scope api\.model\.read"):
        openai_provider.check_key(StageType.POEM)
    assert openai_provider.generate(POEM).text
