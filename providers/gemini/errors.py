"""What GEMINI's errors mean: by the reason in ``details``, then by status, and by text only where there is no reason.

Follows ai.google.dev/gemini-api/docs/troubleshooting. The texts are matched, never kept.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from providers.errors import (
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
from providers.http.retry_after import seconds_of

#: ``reason`` of an ErrorInfo. A wrong key is a 400 here, and the reason is all that tells it from a wrong request.
_OF_REASON: dict[str, type[ProviderError]] = {
    "API_KEY_INVALID": KeyRejected,
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": KeyRejected,
    "API_KEY_SERVICE_BLOCKED": PermissionMissing,
    "API_KEY_HTTP_REFERRER_BLOCKED": PermissionMissing,
    "API_KEY_IP_ADDRESS_BLOCKED": PermissionMissing,
    "SERVICE_DISABLED": PermissionMissing,
    "CONSUMER_SUSPENDED": PermissionMissing,
}

#: Their own statuses, where no reason and no text says more.
_OF_STATUS: dict[str, type[ProviderError]] = {
    "INVALID_ARGUMENT": RequestRefused,
    "UNAUTHENTICATED": KeyRejected,
    "PERMISSION_DENIED": PermissionMissing,
    "NOT_FOUND": ModelNotFound,
    # Says something about the place or the project, and leaves open whether the key is good.
    "FAILED_PRECONDITION": Unavailable,
}

#: Errors without ``details``: their status, what the text says, what it means, and our words for it.
_OF_TEXT: tuple[tuple[str, re.Pattern[str], type[ProviderError], str], ...] = (
    ("FAILED_PRECONDITION", re.compile(r"user location is not supported", re.I), RegionRefused, "user location"),
    ("FAILED_PRECONDITION", re.compile(r"free tier is not available", re.I), CreditExhausted, "no free tier here"),
    # Their documentation says 402; seen live as 429 too.
    ("RESOURCE_EXHAUSTED", re.compile(r"prepayment credits are depleted", re.I), CreditExhausted, "prepaid credit"),
    ("RESOURCE_EXHAUSTED", re.compile(r"\blimit: 0(?![\d.])"), CreditExhausted, "no free tier for this model"),
    ("PERMISSION_DENIED", re.compile(r"unregistered callers", re.I), KeyRejected, "no key arrived"),
    ("PERMISSION_DENIED", re.compile(r"reported as leaked", re.I), KeyRejected, "reported as leaked"),
)
_MAX_TEXT_LENGTH = 2000


def read_error(answer: ErrorAnswer) -> ProviderError | None:
    """The meaning of a refusal, or None where only its HTTP status tells."""
    error = _error_of(answer.body)
    status = short_code(get_path(error, "status"))
    reason = next((short_code(detail.get("reason")) for detail in _details(error, "ErrorInfo")), "")
    # The time to wait is in the body; a header is undocumented, and obeyed where there is one.
    delay = next((seconds_of(detail.get("retryDelay")) for detail in _details(error, "RetryInfo")), None)
    answer = replace(answer, retry_after=answer.retry_after or delay)
    if answer.status >= 500:
        # A 504 too: failed requests are not charged (ai.google.dev/gemini-api/docs/billing), so none is lost.
        return answer.error(Unavailable, status or f"http_{answer.status}")
    if reason in _OF_REASON:
        return answer.error(_OF_REASON[reason], reason)
    return _read_text(answer, error, status) or _read_status(answer, error, status, reason)


def _read_text(answer: ErrorAnswer, error: object, status: str) -> ProviderError | None:
    text = str(get_path(error, "message") or "")[:_MAX_TEXT_LENGTH]
    for where, pattern, error_class, words in _OF_TEXT:
        if where == status and pattern.search(text):
            return replace(answer, retry_after=None).error(error_class, words)
    return None


def _read_status(answer: ErrorAnswer, error: object, status: str, reason: str) -> ProviderError | None:
    if status == "RESOURCE_EXHAUSTED":
        return answer.error(CreditExhausted, "prepaid credit") if answer.status == 402 else _read_quota(answer, error)
    error_class = _OF_STATUS.get(status)
    return answer.error(error_class, reason or status) if error_class else None


def _read_quota(answer: ErrorAnswer, error: object) -> ProviderError:
    """A 429: a model without a free tier, the day's allowance, or the minute's, by the id of the quota.

    The first two do not pass while anybody waits, and the delay that is named with them has been seen to mislead.
    """
    spent = [violation for failure in _details(error, "QuotaFailure") for violation in _rows(failure, "violations")]
    if any(violation.get("quotaValue") in ("0", 0) for violation in spent):
        return replace(answer, retry_after=None).error(CreditExhausted, "no free tier for this model")
    if any("PerDay" in str(violation.get("quotaId")) for violation in spent):
        return replace(answer, retry_after=None).error(CreditExhausted, "daily quota")
    return answer.error(RateLimited, "per-minute quota" if spent else "")


def _error_of(body: object) -> object:
    """``error``, which routes that stream have been seen to wrap in a list of one."""
    return get_path(body[0] if isinstance(body, list) and body else body, "error")


def _details(error: object, kind: str) -> Iterator[dict[str, Any]]:
    """The details whose ``@type`` is google.rpc's ``kind``."""
    return (row for row in _rows(error, "details") if row.get("@type") == f"type.googleapis.com/google.rpc.{kind}")


def _rows(body: object, name: str) -> list[dict[str, Any]]:
    rows = get_path(body, name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
