"""Everything that can be wrong at OPENAI, by name; ``Room.play`` and ``Key.scenario`` take these names."""

from collections.abc import Mapping
from typing import Any

from tests.emulator.openai_answers import error
from tests.emulator.state import ANY_ROUTE, Fault

EVERYWHERE = (ANY_ROUTE,)
LISTING = ("models", "model")
CHAT = ("chat",)
GENERATING = ("responses", "chat")

ORGANIZATION = "org-EXAMPLE"
SCOPES_TEXT = (
    "You have insufficient permissions for this operation. Missing scopes: {scope}. Check that you have the correct "
    "role in your organization (Reader, Writer, Owner) and project (Member, Owner), and if you're using a restricted "
    "API key, that it has the necessary scopes."
)
RATE_TEXT = (
    f"Rate limit reached for gpt-4.1 in organization {ORGANIZATION} on tokens per min (TPM): Limit 30000, Used 28039, "
    "Requested 3906. Please try again in 3.89s. Visit https://platform.openai.com/account/rate-limits to learn more."
)
QUOTA_TEXT = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)
RATE_LIMIT_HEADERS = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "30000",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-remaining-tokens": "29750",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "500ms",
}
USED_UP_HEADERS = {
    **RATE_LIMIT_HEADERS,
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-tokens": "6m0s",
}
GATEWAY_PAGE = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>cloudflare</body>\r\n</html>"


def _fault(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Fault:
    return Fault(status=status, body=body, headers=headers or {})


def _money(code: str) -> Fault:
    return _fault(429, error(QUOTA_TEXT, kind="insufficient_quota", code=code))


SCENARIOS: dict[str, tuple[tuple[str, ...], Fault]] = {
    # the key
    "revoked": (EVERYWHERE, _fault(401, error("Incorrect API key provided.", code="invalid_api_key"))),
    "may_not_list": (LISTING, _fault(403, error(SCOPES_TEXT.format(scope="api.model.read")))),
    "may_not_generate": (GENERATING, _fault(401, error(SCOPES_TEXT.format(scope="model.request")))),
    "ip_refused": (EVERYWHERE, _fault(401, error("Your IP is not authorized for this project."))),
    "not_in_organization": (
        EVERYWHERE,
        _fault(401, error("You must be a member of an organization to use the API.")),
    ),
    "region": (
        EVERYWHERE,
        _fault(
            403,
            error(
                "Country, region, or territory not supported",
                kind="request_forbidden",
                code="unsupported_country_region_territory",
            ),
        ),
    ),
    # the model
    "model_not_found": (
        GENERATING,
        _fault(404, error("The model `X` does not exist or you do not have access to it.", code="model_not_found")),
    ),
    "project_without_model": (
        GENERATING,
        _fault(403, error("Project `proj_X` does not have access to model `X`", code="model_not_found")),
    ),
    "not_verified": (
        GENERATING,
        _fault(
            404,
            error("Your organization must be verified to use the model `X`. Please go to …", code="model_not_found"),
        ),
    ),
    "not_a_chat_model": (
        CHAT,
        _fault(
            404,
            error(
                "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
                "Did you mean to use v1/completions?",
                param="model",
            ),
        ),
    ),
    # the request
    "unsupported_parameter": (
        GENERATING,
        _fault(
            400,
            error(
                "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
                param="reasoning.effort",
                code="unsupported_parameter",
            ),
        ),
    ),
    "context_too_long": (
        GENERATING,
        _fault(
            400,
            error(
                "This model's maximum context length is 8192 tokens.", param="messages", code="context_length_exceeded"
            ),
        ),
    ),
    "invalid_prompt": (
        GENERATING,
        _fault(400, error("Invalid prompt: your prompt was flagged as potentially violating…", code="invalid_prompt")),
    ),
    "request_too_large": (
        GENERATING,
        _fault(
            429,
            error(
                f"Request too large for gpt-4.1 in organization {ORGANIZATION} on tokens per min (TPM): Limit 30000, "
                "Requested 44013.",
                kind="tokens",
                code="rate_limit_exceeded",
            ),
        ),
    ),
    # money and pace
    "rate_limited": (
        GENERATING,
        _fault(
            429,
            error(RATE_TEXT, kind="tokens", code="rate_limit_exceeded"),
            {"Retry-After": "20", **USED_UP_HEADERS},
        ),
    ),
    "rate_limited_by_header": (
        GENERATING,
        _fault(429, error(RATE_TEXT, kind="tokens", code="rate_limit_exceeded"), USED_UP_HEADERS),
    ),
    "rate_limited_in_words": (GENERATING, _fault(429, error(RATE_TEXT, kind="tokens", code="rate_limit_exceeded"))),
    "slow_down": (
        GENERATING,
        _fault(429, error("Please slow down.", kind="rate_limit_error", code="slow_down"), {"Retry-After": "30"}),
    ),
    "insufficient_quota": (GENERATING, _money("insufficient_quota")),
    "credit_balance_exhausted": (GENERATING, _money("credit_balance_exhausted")),
    "organization_spend_limit_exceeded": (GENERATING, _money("organization_spend_limit_exceeded")),
    # the provider
    "server_error": (
        EVERYWHERE,
        _fault(500, error("The server had an error while processing your request.", kind="server_error")),
    ),
    "overloaded": (
        EVERYWHERE,
        _fault(
            503,
            error("The engine is currently overloaded.", kind="service_unavailable_error", code="server_is_overloaded"),
            {"Retry-After": "5"},
        ),
    ),
    "html_502": (EVERYWHERE, _fault(502, GATEWAY_PAGE)),
    "redirect": (EVERYWHERE, _fault(307, "", {"Location": "https://elsewhere.example/v1/models"})),
    # what a 200 can hold
    "refusal": (GENERATING, Fault(shape="refusal")),
    "incomplete": (GENERATING, Fault(shape="incomplete")),
    "content_filter": (GENERATING, Fault(shape="content_filter")),
    "failed": (("responses",), Fault(shape="failed:server_error")),
    "failed_rate_limit": (("responses",), Fault(shape="failed:rate_limit_exceeded")),
    "failed_prompt": (("responses",), Fault(shape="failed:invalid_prompt")),
    "not_json": (EVERYWHERE, _fault(200, "<html>Welcome to the hotel's network</html>")),
    # the way back
    "slow": (EVERYWHERE, Fault(delay=3)),
    "lost": (EVERYWHERE, Fault(cut=True)),
    "cut_body": (EVERYWHERE, Fault(cut_body=True)),
    "drip": (EVERYWHERE, Fault(drip=0.1)),
    "drip_headers": (EVERYWHERE, Fault(drip=0.1, drip_headers=True)),
}
