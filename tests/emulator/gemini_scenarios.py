"""Everything that can be wrong at GEMINI, by name; ``Room.play`` and ``Key.scenario`` take these names."""

from typing import Any

from tests.emulator.gemini_answers import detail, error, reason
from tests.emulator.gemini_requests import not_found
from tests.emulator.state import ANY_ROUTE, Fault

EVERYWHERE = (ANY_ROUTE,)
LISTING = ("models", "model")
GENERATING = ("generate",)

WRONG_KEY = "API key not valid. Please pass a valid API key."
NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API."
)
PREPAID = "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing."
_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits. \n* Quota exceeded for metric: "
    "generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: {limit}, model: {model}"
)
_METRIC = "generativelanguage.googleapis.com/generate_content_free_tier_requests"


def _fault(status: int, name: str, message: str, *details: dict[str, Any]) -> Fault:
    return Fault(status=status, body=error(status, name, message, *details))


def _denied(why: str, message: str) -> Fault:
    return _fault(403, "PERMISSION_DENIED", message, *reason(why, message))


def quota_error(quota_id: str, value: str, delay: str, *, model: str = "gemini-2.5-flash") -> dict[str, Any]:
    """The body of a 429 for a quota that is used up."""
    dimensions = {"location": "global", "model": model}
    violation = {"quotaMetric": _METRIC, "quotaId": quota_id, "quotaDimensions": dimensions, "quotaValue": value}
    link = {
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    }
    return error(
        429,
        "RESOURCE_EXHAUSTED",
        _QUOTA.format(limit=value, model=model) + f"\nPlease retry in {delay}.",
        detail("QuotaFailure", violations=[violation]),
        detail("Help", links=[link]),
        detail("RetryInfo", retryDelay=delay),
    )


SCENARIOS: dict[str, tuple[tuple[str, ...], Fault]] = {
    # the key
    "revoked": (EVERYWHERE, _fault(400, "INVALID_ARGUMENT", WRONG_KEY, *reason("API_KEY_INVALID", WRONG_KEY))),
    "expired": (
        EVERYWHERE,
        _fault(
            400,
            "INVALID_ARGUMENT",
            "API key expired. Please renew the API key.",
            *reason("API_KEY_INVALID", "API key expired. Please renew the API key."),
        ),
    ),
    "no_key": (EVERYWHERE, _fault(403, "PERMISSION_DENIED", NO_KEY)),
    "leaked": (
        EVERYWHERE,
        _fault(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key."),
    ),
    "oauth_wanted": (
        EVERYWHERE,
        _fault(
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
            "valid authentication credential.",
            *reason("ACCESS_TOKEN_TYPE_UNSUPPORTED", "Expected OAuth 2 access token."),
        ),
    ),
    "service_blocked": (
        EVERYWHERE,
        _denied("API_KEY_SERVICE_BLOCKED", "Requests to this API method are blocked."),
    ),
    "referrer_blocked": (
        EVERYWHERE,
        _denied("API_KEY_HTTP_REFERRER_BLOCKED", "Requests from referer <empty> are blocked."),
    ),
    "service_disabled": (
        EVERYWHERE,
        _denied("SERVICE_DISABLED", "Generative Language API has not been used in project 1 before or it is disabled."),
    ),
    "suspended": (EVERYWHERE, _denied("CONSUMER_SUSPENDED", "Permission denied: Consumer has been suspended.")),
    "project_denied": (
        EVERYWHERE,
        _fault(403, "PERMISSION_DENIED", "Your project has been denied access. Please contact support."),
    ),
    "region": (
        EVERYWHERE,
        _fault(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    ),
    "no_free_tier_here": (
        EVERYWHERE,
        _fault(
            400,
            "FAILED_PRECONDITION",
            "Gemini API free tier is not available in your country. Please enable billing on your project in Google "
            "AI Studio.",
        ),
    ),
    # the model and the request
    "model_not_found": (GENERATING, Fault(status=404, body=not_found("X"))),
    "bad_request": (GENERATING, _fault(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")),
    # money and pace
    "rate_limited": (
        GENERATING,
        Fault(status=429, body=quota_error("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "10", "19.424395s")),
    ),
    "daily_quota": (
        GENERATING,
        Fault(status=429, body=quota_error("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "20", "52758s")),
    ),
    "no_free_tier": (
        GENERATING,
        Fault(status=429, body=quota_error("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "0", "19s")),
    ),
    "no_free_tier_in_words": (
        GENERATING,
        _fault(429, "RESOURCE_EXHAUSTED", _QUOTA.format(limit=0, model="gemini-2.5-pro")),
    ),
    "prepaid_429": (GENERATING, _fault(429, "RESOURCE_EXHAUSTED", PREPAID)),
    "prepaid_402": (GENERATING, _fault(402, "RESOURCE_EXHAUSTED", PREPAID)),
    "bare_429": (GENERATING, _fault(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")),
    # the provider
    "server_error": (EVERYWHERE, _fault(500, "INTERNAL", "An internal error has occurred.")),
    "overloaded": (
        EVERYWHERE,
        _fault(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    ),
    "deadline": (GENERATING, _fault(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")),
    "html_502": (EVERYWHERE, Fault(status=502, body="<html><title>Error 502 (Server Error)!!1</title></html>")),
    # what a 200 can hold
    "prompt_blocked": (GENERATING, Fault(shape="prompt:PROHIBITED_CONTENT")),
    "safety": (GENERATING, Fault(shape="finish:SAFETY")),
    "recitation": (GENERATING, Fault(shape="finish:RECITATION")),
    "max_tokens": (GENERATING, Fault(shape="finish:MAX_TOKENS")),
    "thoughts": (GENERATING, Fault(shape="thoughts")),
    "endless_list": (LISTING, Fault(shape="endless", times=None)),
    "not_json": (EVERYWHERE, Fault(status=200, body="<html>Welcome to the hotel's network</html>")),
    # the way back
    "slow": (EVERYWHERE, Fault(delay=3)),
    "lost": (EVERYWHERE, Fault(cut=True)),
    "cut_body": (EVERYWHERE, Fault(cut_body=True)),
}
