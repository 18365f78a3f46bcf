"""YANDEX_GPT's answers, as in yandex.cloud/en/docs/ai-studio and the recordings of yandex-ai-studio-sdk."""

import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

FOLDER = "b1gexample0folder0id"

#: What a reasoning model of the emulator spends on reasoning before its first word.
REASONING_TOKENS = 64

_NUMBERS = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 501: 12, 503: 14, 504: 4}
_WORDS = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests",
    500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip
_CODES = {
    400: "InvalidArgument", 401: "Unauthenticated", 403: "PermissionDenied", 404: "NotFound",
    429: "ResourceExhausted", 500: "Internal", 501: "Unimplemented", 503: "Unavailable", 504: "DeadlineExceeded",
}  # fmt: skip


@dataclass(frozen=True)
class Model:
    """A row of the catalogue. ``path`` is what stands after the folder."""

    path: str
    owner: str = "Yandex"
    scheme: str = "gpt"

    def uri(self, folder: str) -> str:
        return f"{self.scheme}://{folder}/{self.path}"

    def row(self, folder: str) -> dict[str, Any]:
        """This model as an item of ``GET /v1/models`` for a key of ``folder``."""
        return {"id": self.uri(folder), "object": "model", "owned_by": self.owner, "created": 0}

    @property
    def reasons(self) -> bool:
        return self.path.startswith(("gpt-oss", "qwen", "deepseek"))

    @property
    def is_native(self) -> bool:
        return self.path.startswith(("yandexgpt", "aliceai"))


@dataclass(frozen=True)
class Draft:
    """What a model has written, and what it cost in tokens."""

    model: str
    text: str
    input_tokens: int
    text_tokens: int
    reasoning_tokens: int
    complete: bool

    @property
    def output_tokens(self) -> int:
        return self.text_tokens + self.reasoning_tokens


def error(status: int, text: str) -> dict[str, Any]:
    """The body of an error on the OpenAI-like routes."""
    return {"error": {"message": f"rpc error: code = {_CODES[status]} desc = {text}"}}


def native_error(status: int, text: str) -> dict[str, Any]:
    """The body of an error on the native routes."""
    fields = {"grpcCode": _NUMBERS[status], "httpCode": status, "message": text, "httpStatus": _WORDS[status]}
    return {"error": {**fields, "details": []}}


def write_poem(model: Model, uri: str, prompt: str, limit: int) -> Draft:
    """Verses that quote every line of ``prompt`` and name the model; cut where ``limit`` tokens are spent."""
    lines = [line.strip()[:200] for line in prompt.splitlines() if line.strip()][:60]
    poem = "\n".join([f"{uri} sings:", *(f"O {line}," for line in lines), "and so the song is done."])
    words = re.findall(r"\S+\s*", poem)
    reasoning = min(REASONING_TOKENS if model.reasons else 0, limit)
    return Draft(
        model=uri,
        text="".join(words[: limit - reasoning]).strip(),
        input_tokens=max(len(prompt.split()), 1),
        text_tokens=min(len(words), limit - reasoning),
        reasoning_tokens=reasoning,
        complete=len(words) <= limit - reasoning,
    )


def completion(draft: Draft, shape: str) -> dict[str, Any]:
    """The body of ``POST /v1/chat/completions``. ``shape``: content_filter, polite_refusal, length, bare_model."""
    message: dict[str, Any] = {"role": "assistant", "content": _text(draft, shape)}
    if draft.reasoning_tokens:
        message["reasoning_content"] = "A birthday. Something with flowers."
    reason = shape if shape in ("content_filter", "length") else "stop" if draft.complete else "length"
    return {
        "id": str(uuid.uuid4()),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": draft.model.split("/")[3] if shape == "bare_model" else draft.model,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": draft.input_tokens,
            "total_tokens": draft.input_tokens + draft.output_tokens,
            "completion_tokens": draft.output_tokens,
        },
    }


def native_completion(draft: Draft, shape: str) -> dict[str, Any]:
    """The body of ``POST /foundationModels/v1/completion``; its counts are texts."""
    status = "FINAL" if draft.complete else "TRUNCATED_FINAL"
    status = {"content_filter": "CONTENT_FILTER", "length": "TRUNCATED_FINAL"}.get(shape, status)
    message = {"role": "assistant", "text": _text(draft, shape)}
    return {
        "result": {
            "alternatives": [{"message": message, "status": f"ALTERNATIVE_STATUS_{status}"}],
            "usage": {
                "inputTextTokens": str(draft.input_tokens),
                "completionTokens": str(draft.output_tokens),
                "totalTokens": str(draft.input_tokens + draft.output_tokens),
                "completionTokensDetails": {"reasoningTokens": str(draft.reasoning_tokens)},
            },
            "modelVersion": "07.03.2024",
        }
    }


def _text(draft: Draft, shape: str) -> str:
    said_instead = {
        "content_filter": "",
        "length": "",
        "polite_refusal": "Я не могу обсуждать эту тему. Давайте поговорим о чём-нибудь ещё.",
    }
    return said_instead.get(shape, draft.text)
