"""What SUNO's codes mean: they stand in the body, mostly under a status of 200.

Follows docs.sunoapi.org ("status codes" of each page). Its texts are never read.
"""

from providers.errors import (
    CreditExhausted,
    JobFailed,
    JobUnknown,
    KeyRejected,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RequestRefused,
    Unavailable,
)
from providers.http.answers import ErrorAnswer, get_path

#: Twenty calls in ten seconds are allowed, and no header says when the next one is.
RATE_WINDOW_SECONDS = 10.0

_OF_CODE: dict[int, type[ProviderError]] = {
    401: KeyRejected,
    402: CreditExhausted,
    405: RateLimited,
    # In a body 429 means that the credits are used up; too many calls are 430.
    429: CreditExhausted,
    430: RateLimited,
    455: Unavailable,
}

_OF_SUBMIT: dict[int, type[ProviderError]] = {
    400: RequestRefused,
    404: RequestRefused,
    409: RequestRefused,
    413: RequestRefused,
    422: RequestRefused,
    451: RequestRefused,
    # Said by kie.ai, which speaks the same dialect, with the credits given back.
    531: JobFailed,
}

#: The pages do not say which of these an unknown task gets; a task id is all that a look sends.
_NO_SUCH_TASK = (400, 404, 422)

#: The service says here that it did nothing; after any other 5xx the song may be on its way, and paid for.
_NOTHING_DONE = (501, 503)


def code_of(body: object) -> int | None:
    """The code in the envelope, or None where there is no envelope."""
    code = get_path(body, "code")
    return code if type(code) is int else None


def read_error(answer: ErrorAnswer) -> ProviderError | None:
    """The meaning of a refused question, or None where only its HTTP status tells."""
    code = code_of(answer.body)
    if code in _OF_CODE:
        return _error(answer, _OF_CODE[code], code)
    if code is not None and code >= 400 and answer.status < 400:
        return _error(answer, Unavailable, code)
    return None


def read_refused_submit(answer: ErrorAnswer) -> ProviderError | None:
    """The meaning of a refused order for a song."""
    code = code_of(answer.body)
    if code in _OF_SUBMIT:
        return _error(answer, _OF_SUBMIT[code], code)
    if code in _OF_CODE:
        return _error(answer, _OF_CODE[code], code)
    # No idempotency key exists: what may have been carried out must not be sent again by itself.
    if code is not None and code >= 500 and code not in _NOTHING_DONE:
        return _error(answer, OutcomeUnknown, code)
    if answer.status >= 500 and answer.status not in _NOTHING_DONE:
        return answer.error(OutcomeUnknown, f"http_{answer.status}")
    return read_error(answer)


def read_refused_look(answer: ErrorAnswer) -> ProviderError | None:
    """The meaning of a refused look at a task."""
    code = code_of(answer.body)
    return _error(answer, JobUnknown, code) if code in _NO_SUCH_TASK else read_error(answer)


def _error(answer: ErrorAnswer, error_class: type[ProviderError], code: int | None) -> ProviderError:
    error = answer.error(error_class, f"code_{code}")
    if error_class is RateLimited and error.retry_after is None:
        error.retry_after = RATE_WINDOW_SECONDS
    return error
