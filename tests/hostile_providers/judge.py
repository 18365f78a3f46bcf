"""Whether what came of a call can be stored, shown, sent again and paid for without harm."""

import base64
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from providers.base import GenerationResult, JobStatus, Ticket
from providers.errors import InvalidResponse, JobUnknown, OutcomeUnknown, ProviderError, TransientError
from providers.http.answers import MAX_MODEL_ID_LENGTH, MAX_MODELS, MAX_POEM_LENGTH
from providers.http.download import Downloaded
from providers.media.types import TELLING_BYTES, media_type_of

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_URL = re.compile(r"https?://[\x21-\x7e]{1,2000}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}")
_STANDARD_BASE64 = str.maketrans("-_", "+/")
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def faults_of(found: object) -> Iterator[str]:
    """What is wrong with what a call has returned or raised."""
    if found is None:
        return
    if isinstance(found, ProviderError):
        yield from _faults_of_error(found)
    elif isinstance(found, GenerationResult):
        yield from _faults_of_result(found)
    elif isinstance(found, Ticket):
        yield from _unless(_JOB_ID.fullmatch(found.job_id), "job id")
        yield from _faults_of_model(found.model)
        yield from _faults_of_request_id(found.request_id)
    elif isinstance(found, JobStatus):
        yield from _unless(not found.media or _URL.fullmatch(found.media.url), "link")
        yield from _faults_of_usage(found.usage)
        yield from faults_of(found.error)
    elif isinstance(found, Downloaded):
        yield from _unless(found.content_type.startswith("audio/") and found.size_bytes > 0, "file")
    elif isinstance(found, tuple):
        yield from _unless(len(found) <= MAX_MODELS and len(set(found)) == len(found), "number of models")
        for model in found:
            yield from _faults_of_model(model)
    elif isinstance(found, int | float):
        yield from _unless(math.isfinite(found) and abs(found) < 1e15, "balance")
    else:
        yield f"a {type(found).__name__}"


def is_free_again(error: ProviderError) -> bool:
    """Whether the order would be handed in again as if nothing could have been charged."""
    return isinstance(error, TransientError | JobUnknown) and not isinstance(error, InvalidResponse | OutcomeUnknown)


def tells(key: str, text: str) -> bool:
    """Whether whoever reads ``text`` can find ``key`` in it. Knows nothing of how our own code looks for it."""
    if key in text or key in unquote(text):
        return True
    letters = [run.translate(_STANDARD_BASE64) for run in _BASE64.findall(text)]
    return any(
        key.encode() in base64.b64decode(run[start:] + "A" * (-len(run[start:]) % 4))
        for run in letters
        for start in range(4)
    )


def said_by(found: object) -> str:
    """Everything that a row, a page or a log could take from it."""
    if isinstance(found, ProviderError):
        return f"{found!r} {found} {found.args} {vars(found)}"
    if isinstance(found, GenerationResult):
        return f"{found} {(found.media or b'').decode('latin-1')}"
    if isinstance(found, JobStatus):
        return f"{found} {found.media.url if found.media else ''} {said_by(found.error)}"
    return repr(found)


def _unless(fine: object, what: str) -> Iterator[str]:
    if not fine:
        yield what


def _faults_of_error(error: ProviderError) -> Iterator[str]:
    yield from _unless(len(error.detail) <= 300 and (not error.detail or error.detail.isprintable()), "detail")
    yield from _unless(error.retry_after is None or 1 <= error.retry_after <= 3600, "retry_after")
    yield from _unless(error.status is None or 100 <= error.status <= 999, "status")
    yield from _unless(error.__cause__ is None and error.__context__ is None, "context")
    yield from _faults_of_request_id(error.request_id)


def _faults_of_result(result: GenerationResult) -> Iterator[str]:
    text, media = result.text, result.media
    yield from _unless((text is None) != (media is None), "text and media")
    yield from _unless(text is None or (0 < len(text) <= MAX_POEM_LENGTH and not _ODD.search(text)), "text")
    told = "" if media is None else media_type_of(media[:TELLING_BYTES], "audio")
    yield from _unless(media is None or told == result.content_type == "audio/mpeg", "media")
    yield from _faults_of_model(result.model)
    yield from _faults_of_request_id(result.request_id)
    yield from _faults_of_usage(result.usage)


def _faults_of_model(model: Any) -> Iterator[str]:
    yield from _unless(0 < len(model) <= MAX_MODEL_ID_LENGTH and model.isprintable(), "model")


def _faults_of_request_id(request_id: str | None) -> Iterator[str]:
    yield from _unless(request_id is None or _REQUEST_ID.fullmatch(request_id), "request id")


def _faults_of_usage(usage: Mapping[str, Any]) -> Iterator[str]:
    for value in usage.values():
        yield from _unless(type(value) in (int, float) and math.isfinite(value) and 0 <= value < 1e15 * 3, "usage")
