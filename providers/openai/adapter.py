"""OPENAI: poems from OpenAI, or from any gateway that speaks its chat completions.

Follows developers.openai.com/api/reference and openai/openai-openapi (spec 2.3.0).
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from providers.base import (
    PROOF_PROMPT,
    PROOF_TOKENS,
    Credentials,
    GenerationRequest,
    GenerationResult,
    Limits,
    Proof,
)
from providers.errors import ContentBlocked, InvalidResponse, RequestRefused
from providers.http.answers import (
    Answer,
    ErrorAnswer,
    count,
    fault_of_models,
    fault_of_poem,
    get_path,
    is_model_id,
    short_code,
    storable,
)
from providers.http.client import ProviderHttp
from providers.kinds import ProviderKind, StageType
from providers.openai.errors import REFUSED_OUTPUT_LIMIT, UNKNOWN_OUTPUT_LIMIT, error_of_a_failed_response, read_error
from providers.openai.models import text_models

#: Reasoning models spend their reasoning from the same allowance: a poem's own few hundred tokens are not enough.
MAX_OUTPUT_TOKENS = 4096

#: How the output limit is called by a gateway that has refused the present name; the one that refuses any gets none.
_LIMIT_AFTER: dict[str, str | None] = {UNKNOWN_OUTPUT_LIMIT: "max_tokens", REFUSED_OUTPUT_LIMIT: None}


def is_the_vendors_own(base_url: str) -> bool:
    """Whether ``base_url`` is OpenAI itself, regional hosts included: there we use Responses, elsewhere chat."""
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError:
        return False
    return host == "api.openai.com" or host.endswith(".api.openai.com")


class OpenAI:
    """Poems over ``/responses`` at OpenAI itself, over ``/chat/completions`` at any other base URL."""

    kind: ClassVar[ProviderKind] = ProviderKind.OPENAI
    paid: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits()
    lists_models: ClassVar[bool] = True
    proof: ClassVar[Proof] = Proof.TEXT

    #: How long a whole answer may take.
    check_seconds: ClassVar[float] = 15
    generation_seconds: ClassVar[float] = 120

    def __init__(self, credentials: Credentials) -> None:
        self._http = ProviderHttp(self.kind, credentials, auth=("Authorization", "Bearer "), read_error=read_error)
        self._at_the_vendor = is_the_vendors_own(credentials.base_url)

    def check_key(self, stage_type: StageType) -> None:  # noqa: ARG002  # the question is the same for every stage
        """List the models, which is free. A key that may generate but not list raises ``PermissionMissing``."""
        self._fetch_rows()

    def prove(self, stage_type: StageType, model: str) -> None:  # noqa: ARG002  # it serves one stage
        """Have ``model`` write a few words. What breaks off at the limit proves as much as what is whole."""
        if self._at_the_vendor:
            payload = {"model": model, "input": PROOF_PROMPT, "max_output_tokens": PROOF_TOKENS, "store": False}
            self._read_status(self._post("/responses", payload, is_proof=True))
        else:
            payload = {"model": model, "messages": [{"role": "user", "content": PROOF_PROMPT}]}
            answer = self._complete(payload, PROOF_TOKENS, is_proof=True)
            if not _dicts(answer.body.get("choices")):
                raise self._unreadable("no choices", answer)

    def list_models(self, stage_type: StageType) -> tuple[str, ...]:  # noqa: ARG002
        """The ids that write text, newest first. The list tells no abilities, so they are guessed from the ids."""
        return text_models(self._fetch_rows(), at_the_vendor=self._at_the_vendor)

    def generate(self, request: GenerationRequest) -> GenerationResult:
        """Write a poem. ``request.token`` goes into the vendor's logs; no idempotency is promised for it.

        A gateway that does not know our output limit has refused the call and charged nothing: it is asked once more.
        """
        if request.stage_type is not StageType.POEM:
            raise RequestRefused(self.kind, "poems only")
        if self._at_the_vendor:
            return self._read_response(self._post("/responses", _response_payload(request), request.token), request)
        answer = self._complete(_chat_payload(request), MAX_OUTPUT_TOKENS, request.token)
        return self._read_completion(answer, request)

    def _fetch_rows(self) -> list[dict[str, Any]]:
        answer = self._http.get_json("/models", seconds=self.check_seconds)
        rows = answer.body.get("data")
        if not isinstance(rows, list) or not all(_is_a_model(row) for row in rows):
            raise self._unreadable("not a list of models", answer)
        if fault := fault_of_models(rows):
            raise self._unreadable(fault, answer)
        return rows

    def _complete(
        self, payload: Mapping[str, Any], most_tokens: int, token: str | None = None, *, is_proof: bool = False
    ) -> Answer:
        limited = {**payload, "max_completion_tokens": most_tokens}
        try:
            return self._post("/chat/completions", limited, token, is_proof=is_proof)
        except RequestRefused as refusal:
            if refusal.detail not in _LIMIT_AFTER:
                raise
            name = _LIMIT_AFTER[refusal.detail]
        limited = {**payload, **({name: most_tokens} if name else {})}
        return self._post("/chat/completions", limited, token, is_proof=is_proof)

    def _post(
        self, path: str, payload: Mapping[str, Any], token: str | None = None, *, is_proof: bool = False
    ) -> Answer:
        headers = {"X-Client-Request-Id": token} if token else {}
        seconds = self.check_seconds if is_proof else self.generation_seconds
        return self._http.post_json(path, payload, seconds=seconds, headers=headers, repeatable=is_proof)

    def _read_status(self, answer: Answer) -> str:
        """``completed`` or ``incomplete``; raises for anything else."""
        status = answer.body.get("status")
        if status == "failed":
            raise error_of_a_failed_response(
                ErrorAnswer(self.kind, 200, {}, answer.body, request_id=answer.request_id, retry_after=None)
            )
        if status not in ("completed", "incomplete"):
            raise self._unreadable(f"status {short_code(status)}", answer)
        return str(status)

    def _read_response(self, answer: Answer, request: GenerationRequest) -> GenerationResult:
        body, status = answer.body, self._read_status(answer)
        parts = [part for item in _dicts(body.get("output")) for part in _dicts(item.get("content"))]
        self._refuse_a_refusal(answer, any(part.get("type") == "refusal" for part in parts))
        if status == "incomplete":
            self._refuse_half_a_poem(answer, get_path(body, "incomplete_details", "reason"))
        texts = [part.get("text") for part in parts if part.get("type") == "output_text"]
        return self._result(answer, "".join(text for text in texts if isinstance(text, str)), request)

    def _read_completion(self, answer: Answer, request: GenerationRequest) -> GenerationResult:
        choice = next(iter(_dicts(answer.body.get("choices"))), None)
        text = get_path(choice, "message", "content")
        self._refuse_a_refusal(answer, bool(get_path(choice, "message", "refusal")))
        reason = get_path(choice, "finish_reason")
        if reason in ("length", "content_filter"):
            self._refuse_half_a_poem(answer, reason)
        return self._result(answer, text if isinstance(text, str) else "", request)

    def _refuse_a_refusal(self, answer: Answer, refused: bool) -> None:
        if refused:
            raise ContentBlocked(self.kind, "refusal", status=200, request_id=answer.request_id)

    def _refuse_half_a_poem(self, answer: Answer, reason: object) -> None:
        """Raise for an answer that broke off; what came of it, if anything, ends in the middle of a line."""
        if reason == "content_filter":
            raise ContentBlocked(self.kind, "content_filter", status=200, request_id=answer.request_id)
        raise self._unreadable(f"broke off: {short_code(reason)}", answer)

    def _result(self, answer: Answer, text: str, request: GenerationRequest) -> GenerationResult:
        poem = storable(text).strip()
        if fault := fault_of_poem(poem):
            raise self._unreadable(fault, answer)
        model = answer.body.get("model")
        return GenerationResult(
            model=model if is_model_id(model) else request.model,
            text=poem,
            request_id=answer.request_id,
            usage=_usage(answer.body.get("usage")),
        )

    def _unreadable(self, detail: str, answer: Answer) -> InvalidResponse:
        return InvalidResponse(self.kind, detail, status=200, request_id=answer.request_id)


def _response_payload(request: GenerationRequest) -> dict[str, Any]:
    return {
        "model": request.model,
        "instructions": request.instructions,
        "input": request.prompt,
        "max_output_tokens": MAX_OUTPUT_TOKENS,
        # The default keeps the customer's words at the vendor.
        "store": False,
    }


def _chat_payload(request: GenerationRequest) -> dict[str, Any]:
    # `developer` is the vendor's present name for this role; gateways know it as `system`.
    return {
        "model": request.model,
        "messages": [
            {"role": "system", "content": request.instructions},
            {"role": "user", "content": request.prompt},
        ],
    }


#: Where Responses and chat completions keep what we call so.
_COUNTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "input_tokens": (("input_tokens",), ("prompt_tokens",)),
    "output_tokens": (("output_tokens",), ("completion_tokens",)),
    "total_tokens": (("total_tokens",),),
    "reasoning_tokens": (
        ("output_tokens_details", "reasoning_tokens"),
        ("completion_tokens_details", "reasoning_tokens"),
    ),
}


def _usage(reported: object) -> dict[str, int]:
    found = {name: [get_path(reported, *path) for path in paths] for name, paths in _COUNTS.items()}
    counts = {
        name: [number for value in values if (number := count(value)) is not None] for name, values in found.items()
    }
    return {name: values[0] for name, values in counts.items() if values}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_a_model(row: object) -> bool:
    return is_model_id(get_path(row, "id"))
