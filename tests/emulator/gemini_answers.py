"""GEMINI's answers, field for field as in googleapis/googleapis ``generative_service.proto`` and ``model.proto``."""

import re
import secrets
from dataclasses import dataclass
from typing import Any

#: What a thinking model of the emulator spends before its first word.
THOUGHT_TOKENS = 64

GENERATE = ("generateContent", "countTokens", "createCachedContent", "batchGenerateContent")
TYPE_URL = "type.googleapis.com/google.rpc."


@dataclass(frozen=True)
class Model:
    """A row of the catalogue. ``id`` is without ``models/``."""

    id: str
    methods: tuple[str, ...] = GENERATE
    thinking: bool = False
    input_limit: int = 1048576
    output_limit: int = 65536

    @property
    def row(self) -> dict[str, Any]:
        """This model as an item of ``GET /v1beta/models``; a field that is false or empty is left out."""
        row: dict[str, Any] = {
            "name": f"models/{self.id}",
            "version": "001",
            "displayName": self.id.replace("-", " ").title(),
            "description": f"{self.id} of the emulator",
            "inputTokenLimit": self.input_limit,
            "outputTokenLimit": self.output_limit,
            "supportedGenerationMethods": list(self.methods),
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "maxTemperature": 2,
        }
        return {**row, "thinking": True} if self.thinking else row

    @property
    def writes_text(self) -> bool:
        return "generateContent" in self.methods and not re.search(r"-tts|-image|native-audio|live", self.id)

    @property
    def takes_instructions(self) -> bool:
        return not self.id.startswith("gemma-3")


@dataclass(frozen=True)
class Draft:
    """What a model has written, and what it cost in tokens."""

    model: str
    text: str
    prompt_tokens: int
    text_tokens: int
    thought_tokens: int
    complete: bool


def error(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """An error body; without ``details`` it has no such field."""
    body: dict[str, Any] = {"code": code, "message": message, "status": status}
    return {"error": {**body, "details": list(details)} if details else body}


def detail(kind: str, **fields: Any) -> dict[str, Any]:
    """One item of ``details``, of google.rpc's ``kind``."""
    return {"@type": TYPE_URL + kind, **fields}


def reason(name: str, message: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two details that go with an error of a key."""
    metadata = {"service": "generativelanguage.googleapis.com"}
    return (
        detail("ErrorInfo", reason=name, domain="googleapis.com", metadata=metadata),
        detail("LocalizedMessage", locale="en-US", message=message),
    )


def write_poem(model: Model, prompt: str, limit: int) -> Draft:
    """Verses that quote every line of ``prompt`` and name the model; cut where ``limit`` tokens are spent."""
    lines = [line.strip()[:200] for line in prompt.splitlines() if line.strip()][:60]
    poem = "\n".join([f"{model.id} sings:", *(f"O {line}," for line in lines), "and so the song is done."])
    words = re.findall(r"\S+\s*", poem)
    thoughts = min(THOUGHT_TOKENS if model.thinking else 0, limit)
    return Draft(
        model=model.id,
        text="".join(words[: limit - thoughts]).strip(),
        prompt_tokens=max(len(prompt.split()), 1),
        text_tokens=min(len(words), limit - thoughts),
        thought_tokens=thoughts,
        complete=len(words) <= limit - thoughts,
    )


def content(draft: Draft, shape: str) -> dict[str, Any]:
    """The body of ``generateContent``.

    ``shape``: ``prompt:<blockReason>``, ``finish:<finishReason>`` (a candidate with no content), ``thoughts``.
    """
    if shape.startswith("prompt:"):
        ratings = [_rating("HARM_CATEGORY_SEXUALLY_EXPLICIT", "HIGH")]
        feedback = {"blockReason": shape.removeprefix("prompt:"), "safetyRatings": ratings}
        return {"promptFeedback": feedback, **_rest(draft, _usage(draft.prompt_tokens))}
    if shape.startswith("finish:"):
        candidate: dict[str, Any] = {"finishReason": shape.removeprefix("finish:"), "index": 0}
        if shape == "finish:SAFETY":
            candidate["safetyRatings"] = [_rating("HARM_CATEGORY_DANGEROUS_CONTENT", "MEDIUM")]
        return {"candidates": [candidate], **_rest(draft, _usage(draft.prompt_tokens, 0, draft.thought_tokens))}
    parts: list[dict[str, Any]] = [{"text": draft.text}] if draft.text else []
    if shape == "thoughts":
        parts.insert(0, {"text": "A birthday. Something with flowers.", "thought": True})
    candidate = {
        "content": {"parts": parts, "role": "model"} if parts else {"role": "model"},
        "finishReason": "STOP" if draft.complete else "MAX_TOKENS",
        "index": 0,
    }
    usage = _usage(draft.prompt_tokens, draft.text_tokens, draft.thought_tokens)
    return {"candidates": [candidate], **_rest(draft, usage)}


def _rest(draft: Draft, usage: dict[str, Any]) -> dict[str, Any]:
    return {"usageMetadata": usage, "modelVersion": draft.model, "responseId": secrets.token_urlsafe(16)}


def _usage(prompt: int, text: int = 0, thoughts: int = 0) -> dict[str, Any]:
    counts = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": text,
        "totalTokenCount": prompt + text + thoughts,
        "thoughtsTokenCount": thoughts,
    }
    details = [{"modality": "TEXT", "tokenCount": prompt}]
    return {**{name: count for name, count in counts.items() if count}, "promptTokensDetails": details}


def _rating(category: str, probability: str) -> dict[str, Any]:
    return {"category": category, "probability": probability, "blocked": True}
