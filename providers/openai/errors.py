"""What OPENAI's errors mean: by code, then by type, and by text only where the vendor gives no code.

Follows developers.openai.com/api/docs/guides/error-codes. The texts are matched, never kept.
"""

import re

from providers.errors import (
    ContentBlocked,
    CreditExhausted,
    KeyRejected,
    ModelNotFound,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RegionRefused,
    RequestRefused,
    Unavailable,
)
from providers.http.answers import ErrorAnswer, get_path, short_code

UNKNOWN_OUTPUT_LIMIT = "unsupported_parameter max_completion_tokens"
REFUSED_OUTPUT_LIMIT = "unsupported_value max_completion_tokens"

_OF_CODE: dict[str, type[ProviderError]] = {
    "invalid_api_key": KeyRejected,
    "missing_scope": PermissionMissing,
    "unsupported_country_region_territory": RegionRefused,
    "model_not_found": ModelNotFound,
    "unsupported_parameter": RequestRefused,
    "unsupported_value": RequestRefused,
    "context_length_exceeded": RequestRefused,
    "invalid_prompt": ContentBlocked,
    "content_filter": ContentBlocked,
    "rate_limit_exceeded": RateLimited,
    "slow_down": RateLimited,
    "insufficient_quota": CreditExhausted,
    "credit_balance_exhausted": CreditExhausted,
    "organization_spend_limit_exceeded": CreditExhausted,
    "project_spend_limit_exceeded": CreditExhausted,
    "organization_usage_limit_exceeded": CreditExhausted,
    "billing_hard_limit_reached": CreditExhausted,
    "billing_not_active": CreditExhausted,
    "server_error": Unavailable,
    "server_is_overloaded": Unavailable,
}

#: Said with various codes, ``model_not_found`` and ``unsupported_value`` among them, so it is looked for before them.
_NOT_VERIFIED = re.compile(r"organization must be verified", re.IGNORECASE)

#: For errors whose ``code`` is null: what the text says, what it means, and our words for it.
_OF_TEXT: tuple[tuple[re.Pattern[str], type[ProviderError], str], ...] = (
    (re.compile(r"insufficient permissions for this operation", re.IGNORECASE), PermissionMissing, "missing_scope"),
    (re.compile(r"\bIP\b.*(not authorized|allowlist)"), PermissionMissing, "IP address not allowed"),
    (re.compile(r"member of an organization", re.IGNORECASE), PermissionMissing, "not in the organization"),
    (re.compile(r"not a chat model", re.IGNORECASE), ModelNotFound, "not a chat model"),
)
_MAX_TEXT_LENGTH = 2000

_SCOPES = re.compile(r"Missing scopes?: ((?:[a-z_]+(?:\.[a-z_]+)+(?:, )?)+)")
_PARAMETER = re.compile(r"[a-z_]{1,40}")


def read_error(answer: ErrorAnswer) -> ProviderError | None:
    """The meaning of a refusal, or None where only its HTTP status tells."""
    code = short_code(get_path(answer.body, "error", "code"))
    text = str(get_path(answer.body, "error", "message") or "")[:_MAX_TEXT_LENGTH]
    if answer.status >= 500:
        return answer.error(Unavailable, code or f"http_{answer.status}")
    if get_path(answer.body, "error", "type") == "insufficient_quota":
        return answer.error(CreditExhausted, code or "insufficient_quota")
    if answer.status == 429 and text.startswith("Request too large"):
        return answer.error(RequestRefused, "request too large")
    if _NOT_VERIFIED.search(text):
        return answer.error(PermissionMissing, "organization not verified")
    if code in _OF_CODE:
        return answer.error(_OF_CODE[code], _named(code, answer.body, text))
    return _read_text(answer, text)


def _read_text(answer: ErrorAnswer, text: str) -> ProviderError | None:
    for pattern, error_class, words in _OF_TEXT:
        if pattern.search(text):
            return answer.error(error_class, _named(words, answer.body, text))
    if answer.status in (400, 422) and "max_completion_tokens" in text:
        # A gateway from before this name was given, saying so in words of its own.
        return answer.error(RequestRefused, UNKNOWN_OUTPUT_LIMIT)
    return None


def error_of_a_failed_response(answer: ErrorAnswer) -> ProviderError:
    """The meaning of a 200 whose ``status`` is ``failed``; its ``error`` has a code like that of a refusal."""
    code = short_code(get_path(answer.body, "error", "code"))
    return answer.error(_OF_CODE.get(code, Unavailable), code or "failed")


def _named(code: str, body: object, text: str) -> str:
    """``code`` with the parameter or the scopes that it is about, where they look like nothing else."""
    parameter = get_path(body, "error", "param")
    if code.startswith("unsupported_") and isinstance(parameter, str) and _PARAMETER.fullmatch(parameter):
        return f"{code} {parameter}"
    scopes = _SCOPES.search(text) if code == "missing_scope" else None
    return f"{code} {scopes[1].rstrip(', ')}" if scopes else code
