"""What SPEECHKIT's errors mean: by the code of its gRPC twin, by the ``error_code`` of the API v1, by text only where
the vendor gives one code for two things.

Follows yandex.cloud/docs/speechkit/concepts/response (v1) and yandex.cloud/docs/api-design-guide/concepts/errors (v3).
"""

import re

from providers.errors import (
    KeyRejected,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RequestRefused,
    Unavailable,
)
from providers.http.answers import ErrorAnswer, get_path

#: No code tells a missing role or scope from an account that is not paid.
NO_RIGHTS_OR_UNPAID = "missing role ai.speechkit-tts.user, or billing account not active"

_OF_GRPC_CODE: dict[int, tuple[type[ProviderError], str]] = {
    3: (RequestRefused, "INVALID_ARGUMENT"),
    4: (Unavailable, "DEADLINE_EXCEEDED"),
    7: (PermissionMissing, NO_RIGHTS_OR_UNPAID),
    8: (RateLimited, "RESOURCE_EXHAUSTED"),
    12: (RequestRefused, "UNIMPLEMENTED"),
    13: (Unavailable, "INTERNAL"),
    14: (Unavailable, "UNAVAILABLE"),
    16: (KeyRejected, "UNAUTHENTICATED"),
}

_OF_V1_CODE: dict[str, tuple[type[ProviderError], str]] = {
    "BAD_REQUEST": (RequestRefused, "BAD_REQUEST"),
    "UNAUTHORIZED": (KeyRejected, "UNAUTHORIZED"),
    "TOO_MANY_REQUESTS": (RateLimited, "TOO_MANY_REQUESTS"),
    "INTERNAL_SERVER_ERROR": (Unavailable, "INTERNAL_SERVER_ERROR"),
}

#: The API v1 says 401 UNAUTHORIZED to a good key without rights too; only its text holds the true code.
_TRUE_CODE = re.compile(r"\bcode = (Unauthenticated|PermissionDenied)\b")
_MAX_TEXT_LENGTH = 2000


def read_error(answer: ErrorAnswer) -> ProviderError | None:
    """The meaning of a refusal of either API, or None where only its HTTP status tells.

    A server's fault is ``Unavailable`` and never ``OutcomeUnknown``: the vendor does not charge for it
    (yandex.cloud/docs/speechkit/pricing).
    """
    text = (
        get_path(answer.body, "error_message")
        or get_path(answer.body, "error", "message")
        or get_path(answer.body, "message")
    )
    true_code = _TRUE_CODE.search(text[:_MAX_TEXT_LENGTH]) if isinstance(text, str) else None
    if true_code and answer.status in (401, 403):
        denied = true_code[1] == "PermissionDenied"
        return _named(answer, _OF_GRPC_CODE[7 if denied else 16])
    v1_code = get_path(answer.body, "error_code")
    if isinstance(v1_code, str) and v1_code in _OF_V1_CODE:
        return _named(answer, _OF_V1_CODE[v1_code])
    grpc_code = _grpc_code(answer.body)
    return _named(answer, _OF_GRPC_CODE[grpc_code]) if grpc_code in _OF_GRPC_CODE else None


def error_in_a_line(answer: ErrorAnswer) -> ProviderError:
    """The meaning of a line with an ``error`` in it, which can come after a status of 200."""
    return read_error(answer) or answer.error(Unavailable, "error in the answer")


def _named(answer: ErrorAnswer, meaning: tuple[type[ProviderError], str]) -> ProviderError:
    error_class, words = meaning
    return answer.error(error_class, words)


def _grpc_code(body: object) -> int | None:
    """The documents do not show this body, so all the ways are read in which such gateways write the code."""
    places = (
        get_path(body, "error", "grpcCode"),
        get_path(body, "error", "grpc_code"),
        get_path(body, "error", "code"),
    )
    return next((code for code in (*places, get_path(body, "code")) if type(code) is int), None)
