"""YANDEX_GPT: poems from Yandex Cloud's AI Studio, over its OpenAI-like chat completions.

Follows yandex.cloud/en/docs/ai-studio: models/listModels, chat/createChatCompletion, concepts/openai-compatibility.
That API lists models and serves every family; the native one does neither.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from providers.base import (
    PROOF_PROMPT,
    PROOF_TOKENS,
    Credentials,
    GenerationRequest,
    GenerationResult,
    Limits,
    Proof,
)
from providers.errors import ContentBlocked, InvalidResponse, ProviderError, RequestRefused
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
from providers.yandex_gpt.errors import read_error
from providers.yandex_gpt.models import folder_of, text_models

#: Reasoning models spend their reasoning from the same allowance. Their docs name no limit for an answer; the smallest
#: of their models reads 8192 tokens.
MAX_OUTPUT_TOKENS = 4000


class YandexGPT:
    """Poems over ``/chat/completions``. No folder is sent: that of the service account is taken, as their docs ask."""

    kind: ClassVar[ProviderKind] = ProviderKind.YANDEX_GPT
    paid: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(jobs=10)
    lists_models: ClassVar[bool] = True
    proof: ClassVar[Proof] = Proof.TEXT

    #: How long a whole answer may take.
    check_seconds: ClassVar[float] = 15
    generation_seconds: ClassVar[float] = 120

    def __init__(self, credentials: Credentials) -> None:
        auth = ("Authorization", "Api-Key ")
        self._http = ProviderHttp(self.kind, credentials, auth=auth, read_error=read_error)
        self._checks = ProviderHttp(self.kind, credentials, auth=auth, read_error=for_checks(read_error))

    def check_key(self, stage_type: StageType) -> None:  # noqa: ARG002  # the question is the same for every stage
        """List the models, which is free. A list of nobody's folder proves nothing and raises ``InvalidResponse``.

        The list does not prove that the key may generate: a missing role shows with ``prove``.
        """
        self._fetch_ids()

    def prove(self, stage_type: StageType, model: str) -> None:  # noqa: ARG002  # it serves one stage
        """Have ``model`` write a few words. What breaks off at the limit proves as much as what is whole."""
        payload = {
            "model": model,
            "messages": [{"role": "user", "content": PROOF_PROMPT}],
            "max_tokens": PROOF_TOKENS,
        }
        answer = self._post(payload, is_proof=True)
        if not answer.body.get("choices"):
            raise self._unreadable("no choices", answer)

    def list_models(self, stage_type: StageType) -> tuple[str, ...]:  # noqa: ARG002
        """The whole ids, folder and all, that write text, in the vendor's order: what is chosen is sent verbatim."""
        return text_models(self._fetch_ids())

    def generate(self, request: GenerationRequest) -> GenerationResult:
        """Write a poem. ``request.token`` goes into the vendor's logs; no idempotency is promised for it.

        A model that declines politely does so in a text like any other, which nobody can tell from a poem.
        """
        if request.stage_type is not StageType.POEM:
            raise RequestRefused(self.kind, "poems only")
        return self._read(self._post(_payload(request), request.token), request)

    def _post(self, payload: Mapping[str, Any], token: str | None = None, *, is_proof: bool = False) -> Answer:
        return self._http.post_json(
            "/chat/completions",
            payload,
            seconds=self.check_seconds if is_proof else self.generation_seconds,
            # By default they keep the customer's words (docs/ai-studio/operations/disable-logging).
            headers={"x-data-logging-enabled": "false", **({"x-client-request-id": token} if token else {})},
            repeatable=is_proof,
        )

    def _fetch_ids(self) -> list[str]:
        answer = self._checks.get_json("/models", seconds=self.check_seconds)
        rows = answer.body.get("data")
        if not isinstance(rows, list) or not all(_is_a_model(row) for row in rows):
            raise self._unreadable("not a list of models", answer)
        if fault := fault_of_models(rows):
            raise self._unreadable(fault, answer)
        ids = [row["id"] for row in rows]
        if folder_of(ids) is None:
            raise self._unreadable("a list of nobody's folder", answer)
        return ids

    def _read(self, answer: Answer, request: GenerationRequest) -> GenerationResult:
        choices = answer.body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        self._refuse_half_a_poem(answer, choice)
        text = get_path(choice, "message", "content")
        poem = storable(text).strip() if isinstance(text, str) else ""
        if fault := fault_of_poem(poem):
            raise self._unreadable(fault, answer)
        model = answer.body.get("model")
        return GenerationResult(
            # Open models answer with their bare name, which is no id here.
            model=model if is_model_id(model) and model.startswith("gpt://") else request.model,
            text=poem,
            request_id=answer.request_id,
            usage=_usage(answer.body.get("usage")),
        )

    def _refuse_half_a_poem(self, answer: Answer, choice: object) -> None:
        reason = get_path(choice, "finish_reason")
        if reason == "content_filter" or get_path(choice, "message", "refusal"):
            detail = "content_filter" if reason == "content_filter" else "refusal"
            raise ContentBlocked(self.kind, detail, status=200, request_id=answer.request_id)
        if reason not in ("stop", None):
            raise self._unreadable(f"broke off: {short_code(reason)}", answer)

    def _unreadable(self, detail: str, answer: Answer) -> ProviderError:
        return InvalidResponse(self.kind, detail, status=200, request_id=answer.request_id)


def _payload(request: GenerationRequest) -> dict[str, Any]:
    return {
        "model": request.model,
        "messages": [
            {"role": "system", "content": request.instructions},
            {"role": "user", "content": request.prompt},
        ],
        "max_tokens": MAX_OUTPUT_TOKENS,
    }


#: Where chat completions keep what we call so.
_COUNTS: dict[str, tuple[str, ...]] = {
    "input_tokens": ("prompt_tokens",),
    "output_tokens": ("completion_tokens",),
    "total_tokens": ("total_tokens",),
    "reasoning_tokens": ("completion_tokens_details", "reasoning_tokens"),
}


def _usage(reported: object) -> dict[str, int]:
    found = {name: get_path(reported, *path) for name, path in _COUNTS.items()}
    counts = {name: count(value) for name, value in found.items()}
    return {name: value for name, value in counts.items() if value is not None}


def _is_a_model(row: object) -> bool:
    return is_model_id(get_path(row, "id"))
