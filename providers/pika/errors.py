"""What PIKA's errors mean: by code where there is one, else by status in the vendor's own envelope.

Follows dev.pika.art/openapi.json as read by its public clients, and docs.comfy.org/development/comfy-router for the
codes of jobs. Two envelopes are in use: ``{"message"}`` and ``{"error": {"code", "message"}}``. No text is read.
"""

from providers.errors import (
    ContentBlocked,
    CreditExhausted,
    JobFailed,
    JobUnknown,
    KeyRejected,
    ModelNotFound,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RequestRefused,
    Unavailable,
)
from providers.http.answers import ErrorAnswer, get_path, short_code

#: What can be said to any call.
_OF_CODE: dict[str, type[ProviderError]] = {
    "insufficient_balance": CreditExhausted,
    "cycle_limit_exceeded": CreditExhausted,
    "usage_limit_exceeded": CreditExhausted,
    "membership_required": CreditExhausted,
    "admission_suspended": KeyRejected,
    "rate_limited": RateLimited,
    "provider_unavailable": Unavailable,
}
#: What is said of an order.
_OF_ORDER: dict[str, type[ProviderError]] = {
    **_OF_CODE,
    "content_moderation": ContentBlocked,
    "invalid_input": RequestRefused,
}
#: A refused submit without a code. 409 is an idempotency key that came before with another body.
_OF_SUBMIT_STATUS: dict[int, type[ProviderError]] = {
    400: RequestRefused,
    404: ModelNotFound,
    409: RequestRefused,
    413: RequestRefused,
    415: RequestRefused,
    422: RequestRefused,
}

#: The service says here that it did nothing; after any other 5xx the job may have been taken.
_NOTHING_DONE = (501, 503)


def is_failed_job(body: object) -> bool:
    """Whether ``body`` is a job that has failed, under whatever status it came."""
    return get_path(body, "status") == "failed"


def error_of_a_failed_job(answer: ErrorAnswer) -> ProviderError:
    """What ended the job; a code that we do not know is a fault of theirs, as ``provider_error`` and ``timed_out``."""
    code = short_code(get_path(answer.body, "error", "code"))
    return answer.error(_OF_ORDER.get(code, JobFailed), code or "failed")


def read_error(answer: ErrorAnswer) -> ProviderError | None:
    """The meaning of a refused question, or None where only its HTTP status tells."""
    code = short_code(get_path(answer.body, "error", "code"))
    if code in _OF_CODE:
        return answer.error(_OF_CODE[code], code)
    if answer.status == 403 and _is_the_vendors_own(answer.body):
        # Documented for nothing else than a key that has been switched off.
        return answer.error(KeyRejected, "inactive key")
    return None


def read_refused_submit(answer: ErrorAnswer) -> ProviderError | None:
    """The meaning of a refused order for a clip, which can be a job that has failed at once."""
    if is_failed_job(answer.body):
        return error_of_a_failed_job(answer)
    code = short_code(get_path(answer.body, "error", "code"))
    if code in _OF_ORDER:
        return answer.error(_OF_ORDER[code], code)
    if answer.status in _OF_SUBMIT_STATUS and _is_the_vendors_own(answer.body):
        return answer.error(_OF_SUBMIT_STATUS[answer.status], code or f"http_{answer.status}")
    if answer.status >= 500 and answer.status not in _NOTHING_DONE:
        return answer.error(OutcomeUnknown, code or f"http_{answer.status}")
    return read_error(answer)


def read_refused_look(answer: ErrorAnswer) -> ProviderError | None:
    """The meaning of a refused look at a job."""
    if answer.status == 404 and _is_the_vendors_own(answer.body):
        return answer.error(JobUnknown, "no such job")
    return read_error(answer)


def _is_the_vendors_own(body: object) -> bool:
    """Whether the refusal is PIKA's, and not that of a gateway or a wrong address."""
    return isinstance(get_path(body, "message"), str) or isinstance(get_path(body, "error"), dict)
