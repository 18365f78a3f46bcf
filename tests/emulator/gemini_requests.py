"""What GEMINI says to a malformed request, before or after it has looked for the model."""

import re
from typing import Any

from tests.emulator.gemini_answers import Model, detail, error

Refusal = tuple[int, dict[str, Any]]

_FIELDS = {
    "contents",
    "systemInstruction",
    "generationConfig",
    "safetySettings",
    "tools",
    "toolConfig",
    "cachedContent",
}
_CONFIG_FIELDS = {
    "temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "responseMimeType",
    "responseSchema", "responseJsonSchema", "thinkingConfig", "seed", "presencePenalty", "frequencyPenalty",
}  # fmt: skip
_ROLES = ("user", "model")


def in_camel_case(asked: Any) -> Any:
    """``asked`` with the names of JSON where it has those of the protos; their parser takes both, and clients mix."""
    if isinstance(asked, list):
        return [in_camel_case(item) for item in asked]
    if isinstance(asked, dict):
        return {re.sub(r"_(\w)", lambda m: m[1].upper(), name): in_camel_case(value) for name, value in asked.items()}
    return asked


def refusal_of(asked: Any) -> Refusal | None:
    """Why ``generateContent`` refuses ``asked``, whatever the model."""
    if not isinstance(asked, dict):
        return invalid("Invalid JSON payload received. Unexpected token.")
    config = asked.get("generationConfig") or {}
    return (
        _unknown_field(asked, _FIELDS, "")
        or _unknown_field(config, _CONFIG_FIELDS, " at 'generation_config'")
        or _contents(asked.get("contents"))
        or _limit(config.get("maxOutputTokens"))
    )


def refusal_by_model(asked: dict[str, Any], model: Model) -> Refusal | None:
    """What ``model`` does not take: instructions, no thinking, a request for text at all."""
    if not model.writes_text:
        return 404, not_found(model.id)
    if "systemInstruction" in asked and not model.takes_instructions:
        return invalid(f"Developer instruction is not enabled for models/{model.id}")
    thinking = (asked.get("generationConfig") or {}).get("thinkingConfig") or {}
    if thinking.get("thinkingBudget") == 0 and model.id.endswith("-pro"):
        return invalid("Budget 0 is invalid. This model only works in thinking mode.")
    return None


def prompt_of(asked: dict[str, Any]) -> str:
    """The words of the user's turns."""
    turns = (turn for turn in asked["contents"] if turn.get("role", "user") == "user")
    return "\n".join(str(part.get("text", "")) for turn in turns for part in turn["parts"])


def invalid(message: str, *details: dict[str, Any]) -> Refusal:
    """A 400 that blames the request."""
    return 400, error(400, "INVALID_ARGUMENT", message, *details)


def not_found(model_id: str) -> dict[str, Any]:
    """The body of a 404."""
    return error(
        404,
        "NOT_FOUND",
        f"models/{model_id} is not found for API version v1beta, or is not supported for generateContent. Call "
        "ListModels to see the list of available models and their supported methods.",
    )


def _unknown_field(asked: dict[str, Any], known: set[str], place: str) -> Refusal | None:
    unknown = next((name for name in asked if name not in known), None)
    if unknown is None:
        return None
    text = f'Invalid JSON payload received. Unknown name "{unknown}"{place}: Cannot find field.'
    return invalid(text, detail("BadRequest", fieldViolations=[{"description": text}]))


def _contents(turns: Any) -> Refusal | None:
    if not isinstance(turns, list) or not turns:
        return invalid("* GenerateContentRequest.contents: contents is not specified")
    for turn in turns:
        if turn.get("role", "user") not in _ROLES:
            return invalid("Please use a valid role: user, model.")
        if not any(part.get("text") for part in turn.get("parts") or ()):
            return invalid("* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.")
    return None


def _limit(value: Any) -> Refusal | None:
    if value is None or (type(value) is int and value > 0):
        return None
    return invalid(f"max_output_tokens must be positive, but got {value}")
