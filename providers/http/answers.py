"""What a provider answered, before an adapter has made sense of it, and the safe ways to read it."""

import re
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from providers.errors import (
    ContentError,
    CreditExhausted,
    KeyRejected,
    ModelNotFound,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RateLimited,
    Unavailable,
)
from providers.http.redaction import Redaction
from providers.kinds import ProviderKind

#: Of a list, and of an id in it in characters: it is stored, shown and sent again.
MAX_MODELS = 10_000
MAX_MODEL_ID_LENGTH = 200
#: Of a poem, in characters. Our limits of output tokens leave room for no more; reading one aloud is paid by length.
MAX_POEM_LENGTH = 40_000
#: No count of anything goes so far.
TOO_MANY = 10**15

_CONTROLS = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A})
_SHORT_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: the JSON object that came, and the provider's own id of the call."""

    body: dict[str, Any] = field(repr=False)
    request_id: str | None


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """A success of another kind than one JSON object: its bytes, and the provider's own id of the call.

    ``redaction`` takes our key out of what only its reader can decode.
    """

    body: bytes = field(repr=False)
    request_id: str | None
    redaction: Redaction = field(repr=False)


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """A status of 400 or more. ``body`` is the parsed JSON, or None; it may quote the prompt, never store it."""

    kind: ProviderKind
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: object = field(repr=False)
    request_id: str | None
    retry_after: float | None

    def error(self, error_class: type[ProviderError], detail: str = "") -> ProviderError:
        """``error_class`` with what this answer knows; ``detail`` is a short code or fixed words of ours."""
        return error_class(
            self.kind, detail, status=self.status, retry_after=self.retry_after, request_id=self.request_id
        )


#: An adapter's own reading of a refusal, asked before the defaults; None where it does not know the answer.
ErrorReader = Callable[[ErrorAnswer], ProviderError | None]


def for_checks(read_error: ErrorReader) -> ErrorReader:
    """``read_error`` for calls that make nothing: what blames words, a model or a lost work is left to the defaults."""

    def read(answer: ErrorAnswer) -> ProviderError | None:
        error = read_error(answer)
        return None if isinstance(error, ContentError | ModelNotFound | OutcomeUnknown) else error

    return read


def default_error(answer: ErrorAnswer, *, is_a_page: bool) -> ProviderError:
    """What a status means where the adapter does not know better.

    ``is_a_page``: HTML, or nothing whole, is not the provider's own word on the key but that of something between.
    """
    if answer.status == 429:
        return answer.error(RateLimited)
    of_status = {401: KeyRejected, 402: CreditExhausted, 403: PermissionMissing}
    if answer.status in of_status and not is_a_page:
        return answer.error(of_status[answer.status])
    return answer.error(Unavailable, f"http_{answer.status}")


def get_path(body: object, *path: str) -> object:
    """``get_path(body, "error", "code")``: what stands there, or None where the way does not lead on."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def short_code(value: object) -> str:
    """``value`` if it has the looks of a provider's error code, else an empty text: never a sentence."""
    return value if isinstance(value, str) and _SHORT_CODE.fullmatch(value) else ""


def number(value: object) -> float | None:
    """``value`` if it is a number that can be counted with; JSON knows true and false apart, Python hardly."""
    return value if isinstance(value, int | float) and type(value) is not bool and abs(value) < TOO_MANY else None


def count(value: object) -> int | None:
    """``value`` if it counts something: a whole number, neither negative nor out of all proportion."""
    return value if type(value) is int and 0 <= value < TOO_MANY else None


def is_model_id(value: object) -> TypeGuard[str]:
    """Whether ``value`` can be the id of a model: one line of printable text."""
    return isinstance(value, str) and 0 < len(value) <= MAX_MODEL_ID_LENGTH and value.isprintable()


def fault_of_models(models: Sized) -> str:
    """What is wrong with a whole list of models, in our words; empty if nothing is."""
    return "too many models" if len(models) > MAX_MODELS else ""


def fault_of_poem(poem: str) -> str:
    """What is wrong with a poem as a whole, in our words; empty if nothing is."""
    if not poem:
        return "no text"
    return "text too long" if len(poem) > MAX_POEM_LENGTH else ""


def storable(text: str) -> str:
    """``text`` without what JSON can carry and a database, a page or a terminal cannot.

    That is NUL and halves of surrogate pairs, and control characters beside newline and tab.
    """
    return text.replace("\r\n", "\n").translate(_CONTROLS).encode("utf-8", "ignore").decode()
