"""What YANDEX_GPT's errors mean: by gRPC code, and by text only where one code means several things.

Follows yandex.cloud/en/docs/ai-studio/troubleshooting/error-codes. The texts are matched, never kept.
"""

import re

from providers.errors import (
    KeyRejected,
    ModelNotFound,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RateLimited,
    RequestRefused,
    Unavailable,
)
from providers.http.answers import ErrorAnswer, get_path

#: The documented table of HTTP statuses, for bodies that name no code.
_CODE_OF_STATUS = {
    400: "InvalidArgument", 401: "Unauthenticated", 403: "PermissionDenied", 404: "NotFound", 429: "ResourceExhausted",
    500: "Internal", 501: "Unimplemented", 503: "Unavailable", 504: "DeadlineExceeded",
}  # fmt: skip
_CODE_OF_NUMBER = {
    3: "InvalidArgument", 4: "DeadlineExceeded", 5: "NotFound", 7: "PermissionDenied", 8: "ResourceExhausted",
    12: "Unimplemented", 13: "Internal", 14: "Unavailable", 16: "Unauthenticated",
}  # fmt: skip

_OF_CODE: dict[str, type[ProviderError]] = {
    "Unauthenticated": KeyRejected,
    "PermissionDenied": PermissionMissing,
    "InvalidArgument": RequestRefused,
    "NotFound": ModelNotFound,
    # The word quota means calls here and never money.
    "ResourceExhausted": RateLimited,
    "Internal": Unavailable,
    "Unimplemented": Unavailable,
    "Unavailable": Unavailable,
    # They do not say whether a generation that ran out of time is charged.
    "DeadlineExceeded": OutcomeUnknown,
}

#: What a text adds to its code. An id of another key's folder is a matter of settings like a model that is gone.
_OF_TEXT: tuple[tuple[str, re.Pattern[str], type[ProviderError], str], ...] = (
    ("InvalidArgument", re.compile(r"does not match with service account folder"), ModelNotFound, "another folder"),
    ("InvalidArgument", re.compile(r"model[ _]URI|get model", re.I), ModelNotFound, "model URI"),
    ("InvalidArgument", re.compile(r"Number of input tokens"), RequestRefused, "request too long"),
    ("Unauthenticated", re.compile(r"Unknown api key"), KeyRejected, "unknown key, or not of AI Studio's scope"),
    ("Unauthenticated", re.compile(r"has expired"), KeyRejected, "expired"),
    ("ResourceExhausted", re.compile(r"gauge quota"), RateLimited, "too many at a time"),
    ("ResourceExhausted", re.compile(r"rate quota"), RateLimited, "rate quota"),
)
_MAX_TEXT_LENGTH = 2000

#: A missing role and an account without money cannot be told apart.
_WORDS = {"PermissionDenied": "no role, or billing is off"}
_GRPC_PREFIX = re.compile(r"rpc error: code = (\w+) desc = ")


def read_error(answer: ErrorAnswer) -> ProviderError | None:
    """The meaning of a refusal, or None where only its HTTP status tells."""
    if answer.status == 504:
        return answer.error(OutcomeUnknown, "http_504")
    if not isinstance(answer.body, dict):
        # Not theirs, such as the plain text of an unknown route.
        return None
    text = _text_of(answer.body)
    code = _code_of(answer, text)
    for where, pattern, error_class, words in _OF_TEXT:
        if where == code and pattern.search(text):
            return answer.error(error_class, words)
    is_theirs = text or _number_in(answer.body)
    return answer.error(_OF_CODE[code], _WORDS.get(code, code)) if is_theirs and code else None


def _code_of(answer: ErrorAnswer, text: str) -> str:
    """The gRPC code by name: as the body says it in words or in figures, else by the HTTP status."""
    said = _GRPC_PREFIX.match(text)
    if said and said[1] in _OF_CODE:
        return said[1]
    return _CODE_OF_NUMBER.get(_number_in(answer.body)) or _CODE_OF_STATUS.get(answer.status, "")


def _number_in(body: object) -> int:
    number = get_path(body, "error", "grpcCode") or get_path(body, "code")
    return number if type(number) is int else 0


def _text_of(body: dict[str, object]) -> str:
    """The vendor's sentence, from whichever of five shapes their gateways give it."""
    said = (get_path(body, "error", "message"), *(body.get(name) for name in ("error", "message", "detail", "title")))
    return next((text for text in said if isinstance(text, str) and text), "")[:_MAX_TEXT_LENGTH]
