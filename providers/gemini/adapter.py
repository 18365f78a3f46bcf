"""GEMINI: poems from Google's Gemini API, with a key of AI Studio.

Follows ai.google.dev/api/generate-content and ai.google.dev/api/models. The newer Interactions API has errors of
another shape and nothing that a poem needs.
"""

import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from providers.base import (
    PROOF_PROMPT,
    PROOF_TOKENS,
    Credentials,
    GenerationRequest,
    GenerationResult,
    Limits,
    Proof,
)
from providers.errors import ContentBlocked, InvalidResponse, PermissionMissing, ProviderError, RequestRefused
from providers.gemini.errors import read_error
from providers.gemini.models import PREFIX, takes_instructions, text_models
from providers.http.answers import (
    Answer,
    count,
    fault_of_models,
    fault_of_poem,
    for_checks,
    get_path,
    is_model_id,
    short_code,
    storable,
)
from providers.http.client import ProviderHttp
from providers.kinds import ProviderKind, StageType

#: Thinking is paid from the same allowance and can use up a small one before the first word. The least that any
#: text model of theirs can put out.
MAX_OUTPUT_TOKENS = 8192

#: Their most for one page, where the default of 50 has been seen to hide half of the list.
PAGE_SIZE = 1000
#: No key sees a tenth of so many; a list that goes on is going round in circles.
MAX_PAGES = 10

#: Never given to a page, however long the ones before it took.
MIN_SECONDS = 1.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,2000}")

#: Why a candidate has no text or only half of one, by python-genai's ``FinishReason``. All come with status 200.
_BLOCKED = {"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "MODEL_ARMOR", "ESCALATION"}
_ACCOUNT_LIMITED = "PUP_LIMITED_DISABLED"


class Gemini:
    """Poems over ``generateContent``. The base URL stops at the host."""

    kind: ClassVar[ProviderKind] = ProviderKind.GEMINI
    paid: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits()
    lists_models: ClassVar[bool] = True
    proof: ClassVar[Proof] = Proof.TEXT

    #: How long a whole answer may take; of a list, all its pages together.
    check_seconds: ClassVar[float] = 15
    generation_seconds: ClassVar[float] = 120

    def __init__(self, credentials: Credentials) -> None:
        # `?key=` works too, and ends up in the logs of everything on the way.
        auth = ("x-goog-api-key", "")
        self._http = ProviderHttp(self.kind, credentials, auth=auth, read_error=read_error)
        self._checks = ProviderHttp(self.kind, credentials, auth=auth, read_error=for_checks(read_error))

    def check_key(self, stage_type: StageType) -> None:  # noqa: ARG002  # the question is the same for every stage
        """List one model, which is free. It succeeds with no credit left, too: only a generation shows that."""
        self._fetch_page({"pageSize": 1}, self.check_seconds)

    def prove(self, stage_type: StageType, model: str) -> None:  # noqa: ARG002  # it serves one stage
        """Have ``model`` write a few words. Thinking may use them all up, which proves as much."""
        payload = {
            "contents": [_said_by_the_user(PROOF_PROMPT)],
            "generationConfig": {"maxOutputTokens": PROOF_TOKENS},
        }
        answer = self._post(model, payload, is_proof=True)
        candidate = next(iter(_dicts(answer.body.get("candidates"))), None)
        if get_path(candidate, "finishReason") == _ACCOUNT_LIMITED:
            raise self._failed(PermissionMissing, _ACCOUNT_LIMITED, answer)
        if candidate is None and not get_path(answer.body, "promptFeedback", "blockReason"):
            raise self._unreadable("no candidates", answer)

    def list_models(self, stage_type: StageType) -> tuple[str, ...]:  # noqa: ARG002
        """The ids that write text, without ``models/``, in the vendor's order. A page that fails fails the list."""
        models: list[str] = []
        place: dict[str, str | int] = {}
        seconds, ends_at = self.check_seconds, time.monotonic() + self.check_seconds
        for _ in range(MAX_PAGES):
            answer = self._fetch_page({"pageSize": PAGE_SIZE, **place}, seconds)
            models += text_models(answer.body["models"])
            if fault := fault_of_models(models):
                raise self._unreadable(fault, answer)
            token = answer.body.get("nextPageToken")
            if not token:
                return tuple(dict.fromkeys(models))
            if not isinstance(token, str) or not _TOKEN.fullmatch(token):
                raise self._unreadable("no token of a page", answer)
            place = {"pageToken": token}
            seconds = max(ends_at - time.monotonic(), MIN_SECONDS)
        raise self._unreadable("endless list", answer)

    def generate(self, request: GenerationRequest) -> GenerationResult:
        """Write a poem. The vendor takes no id of ours, so ``request.token`` stays here."""
        if request.stage_type is not StageType.POEM:
            raise RequestRefused(self.kind, "poems only")
        return self._read(self._post(request.model, _payload(request)), request)

    def _post(self, model: str, payload: Mapping[str, Any], *, is_proof: bool = False) -> Answer:
        path = f"/v1beta/models/{quote(model.removeprefix(PREFIX), safe='')}:generateContent"
        seconds = self.check_seconds if is_proof else self.generation_seconds
        return self._http.post_json(path, payload, seconds=seconds, repeatable=is_proof)

    def _fetch_page(self, query: dict[str, str | int], seconds: float) -> Answer:
        answer = self._checks.get_json(f"/v1beta/models?{urlencode(query)}", seconds=seconds)
        rows = answer.body.get("models")
        if not isinstance(rows, list) or not all(_is_a_model(row) for row in rows):
            raise self._unreadable("not a list of models", answer)
        return answer

    def _read(self, answer: Answer, request: GenerationRequest) -> GenerationResult:
        if block := get_path(answer.body, "promptFeedback", "blockReason"):
            raise self._failed(ContentBlocked, f"prompt: {short_code(block)}", answer)
        candidate = next(iter(_dicts(answer.body.get("candidates"))), None)
        self._refuse_half_a_poem(answer, get_path(candidate, "finishReason"))
        # Parts marked as thoughts are the model's reasoning.
        parts = [part for part in _dicts(get_path(candidate, "content", "parts")) if not part.get("thought")]
        texts = (part.get("text") for part in parts)
        poem = storable("".join(text for text in texts if isinstance(text, str))).strip()
        if fault := fault_of_poem(poem):
            raise self._unreadable(fault, answer)
        version = answer.body.get("modelVersion")
        model = version.removeprefix(PREFIX) if isinstance(version, str) else None
        return GenerationResult(
            model=model if is_model_id(model) else request.model,
            text=poem,
            request_id=_request_id(answer),
            usage=_usage(answer.body.get("usageMetadata")),
        )

    def _refuse_half_a_poem(self, answer: Answer, reason: object) -> None:
        if isinstance(reason, str) and reason in _BLOCKED:
            raise self._failed(ContentBlocked, reason, answer)
        if reason == _ACCOUNT_LIMITED:
            raise self._failed(PermissionMissing, _ACCOUNT_LIMITED, answer)
        if reason not in ("STOP", None):
            raise self._unreadable(f"broke off: {short_code(reason)}", answer)

    def _failed(self, error_class: type[ProviderError], detail: str, answer: Answer) -> ProviderError:
        return error_class(self.kind, detail, status=200, request_id=_request_id(answer))

    def _unreadable(self, detail: str, answer: Answer) -> ProviderError:
        return self._failed(InvalidResponse, detail, answer)


def _payload(request: GenerationRequest) -> dict[str, Any]:
    config = {"maxOutputTokens": MAX_OUTPUT_TOKENS}
    if not takes_instructions(request.model.removeprefix(PREFIX)):
        return {
            "contents": [_said_by_the_user(f"{request.instructions}\n\n{request.prompt}")],
            "generationConfig": config,
        }
    return {
        "systemInstruction": {"parts": [{"text": request.instructions}]},
        "contents": [_said_by_the_user(request.prompt)],
        "generationConfig": config,
    }


def _said_by_the_user(text: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": text}]}


#: Which of their counts add up to ours. Those that are zero are left out of the answer.
_COUNTS = {
    "input_tokens": ("promptTokenCount", "toolUsePromptTokenCount"),
    "output_tokens": ("candidatesTokenCount", "thoughtsTokenCount"),
    "reasoning_tokens": ("thoughtsTokenCount",),
    "total_tokens": ("totalTokenCount",),
}


def _usage(reported: object) -> dict[str, int]:
    if not isinstance(reported, dict):
        return {}
    counts = {name: number for name, value in reported.items() if (number := count(value)) is not None}
    return {ours: sum(counts.get(name, 0) for name in theirs) for ours, theirs in _COUNTS.items()}


def _request_id(answer: Answer) -> str | None:
    return short_code(answer.body.get("responseId")) or answer.request_id


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_a_model(row: object) -> bool:
    name = get_path(row, "name")
    return isinstance(name, str) and is_model_id(name.removeprefix(PREFIX))
