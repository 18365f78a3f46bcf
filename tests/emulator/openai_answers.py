"""OPENAI's answers, field for field as in openai/openai-openapi (spec 2.3.0)."""

import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

#: What a reasoning model of the emulator spends on reasoning before its first word.
REASONING_TOKENS = 64


@dataclass(frozen=True)
class Model:
    """A row of the catalogue. ``snapshot`` is the dated id that answers come from, where it is another one."""

    id: str
    created: int
    owned_by: str = "system"
    shutdown_date: str | None = None
    snapshot: str | None = None

    @property
    def row(self) -> dict[str, Any]:
        """This model as an item of ``GET /v1/models``."""
        return {
            "id": self.id,
            "object": "model",
            "created": self.created,
            "owned_by": self.owned_by,
            "shutdown_date": self.shutdown_date,
        }

    @property
    def reasons(self) -> bool:
        return re.match(r"o\d|gpt-5", self.id) is not None

    @property
    def responses_only(self) -> bool:
        return re.match(r"o\d-pro|o\d.*-deep-research|gpt-.*-pro|gpt-.*-codex", self.id) is not None

    @property
    def writes_text(self) -> bool:
        no_text = r"embedding|moderation|transcribe|tts|whisper|dall-e|image|sora|realtime|audio|instruct|-002"
        return re.search(no_text, self.id) is None


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


def error(
    message: str, *, kind: str = "invalid_request_error", param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """An error body; all four fields are always there. ``kind`` is its ``type``."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def write_poem(model: Model, prompt: str, limit: int) -> Draft:
    """Verses that quote every line of ``prompt`` and name the model; cut where ``limit`` tokens are spent."""
    lines = [line.strip()[:200] for line in prompt.splitlines() if line.strip()][:60]
    poem = "\n".join([f"{model.id} sings:", *(f"O {line}," for line in lines), "and so the song is done."])
    reasoning = REASONING_TOKENS if model.reasons else 0
    words = re.findall(r"\S+\s*", poem)
    affordable = max(limit - min(reasoning, limit), 0)
    return Draft(
        model=model.snapshot or model.id,
        text="".join(words[:affordable]).strip(),
        input_tokens=max(len(prompt.split()), 1),
        text_tokens=min(len(words), affordable),
        reasoning_tokens=min(reasoning, limit),
        complete=len(words) <= affordable,
    )


def response(draft: Draft, asked: dict[str, Any], shape: str) -> dict[str, Any]:
    """The body of ``POST /v1/responses``. ``shape``: refusal, incomplete, content_filter, failed:<code>, or empty."""
    now = int(time.time())
    failed_code = shape.removeprefix("failed:") if shape.startswith("failed:") else None
    reason = _broke_off_for(draft, shape, "max_output_tokens")
    status = "failed" if failed_code else "incomplete" if reason else "completed"
    return {
        "id": f"resp_{secrets.token_hex(16)}",
        "object": "response",
        "created_at": now,
        "completed_at": now if status == "completed" else None,
        "status": status,
        "background": False,
        "error": {"code": failed_code, "message": "The model failed to generate a response."} if failed_code else None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "model": draft.model,
        "output": [] if failed_code else _output(draft, shape, reason),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "low" if draft.reasoning_tokens else None, "summary": None},
        "store": asked.get("store", True),
        "temperature": asked.get("temperature", 1.0),
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": asked.get("top_p", 1.0),
        "truncation": "disabled",
        "metadata": asked.get("metadata") or {},
        "usage": None if failed_code else _response_usage(draft),
    }


def completion(draft: Draft, shape: str) -> dict[str, Any]:
    """The body of ``POST /v1/chat/completions``. ``shape`` as for ``response``."""
    reason = _broke_off_for(draft, shape, "length")
    refused = shape == "refusal"
    content = None if refused else "" if shape in ("incomplete", "content_filter") else draft.text
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": draft.model,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": content,
                    "refusal": "I'm sorry, I can't help with that." if refused else None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": reason or "stop",
            }
        ],
        "usage": {
            "prompt_tokens": draft.input_tokens,
            "completion_tokens": draft.output_tokens,
            "total_tokens": draft.input_tokens + draft.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": draft.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_emulated",
    }


def _broke_off_for(draft: Draft, shape: str, limit_reason: str) -> str | None:
    if shape == "content_filter":
        return "content_filter"
    return limit_reason if shape == "incomplete" or not draft.complete else None


def _output(draft: Draft, shape: str, reason: str | None) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if draft.reasoning_tokens:
        items.append({"id": f"rs_{secrets.token_hex(16)}", "type": "reasoning", "summary": []})
    if shape in ("incomplete", "content_filter") or not (draft.text or shape == "refusal"):
        return items
    part: dict[str, Any] = {"type": "output_text", "text": draft.text, "annotations": []}
    if shape == "refusal":
        part = {"type": "refusal", "refusal": "I'm sorry, I can't help with that."}
    message = {
        "id": f"msg_{secrets.token_hex(16)}",
        "type": "message",
        "status": "incomplete" if reason else "completed",
        "role": "assistant",
        "content": [part],
    }
    return [*items, message]


def _response_usage(draft: Draft) -> dict[str, Any]:
    return {
        "input_tokens": draft.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": draft.output_tokens,
        "output_tokens_details": {"reasoning_tokens": draft.reasoning_tokens},
        "total_tokens": draft.input_tokens + draft.output_tokens,
    }
