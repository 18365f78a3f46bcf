"""What OPENAI says to a malformed request, before any model sees it."""

from typing import Any

from tests.emulator.openai_answers import Model, error

Refusal = tuple[int, dict[str, Any]]

_RESPONSES_FIELDS = {
    "model", "input", "instructions", "max_output_tokens", "temperature", "top_p", "reasoning", "text", "stream",
    "store", "background", "safety_identifier", "user", "metadata", "tools", "tool_choice", "parallel_tool_calls",
    "include", "previous_response_id", "conversation", "prompt", "prompt_cache_key", "prompt_cache_retention",
    "service_tier", "stream_options", "top_logprobs", "truncation", "max_tool_calls",
}  # fmt: skip
_CHAT_FIELDS = {
    "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "stream",
    "stream_options", "stop", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs",
    "user", "metadata", "store", "safety_identifier", "response_format", "seed", "service_tier", "tools",
    "tool_choice", "parallel_tool_calls", "reasoning_effort", "modalities", "audio", "prediction", "verbosity",
    "web_search_options", "functions", "function_call", "prompt_cache_key", "prompt_cache_retention",
}  # fmt: skip
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_SMALLEST_OUTPUT_LIMIT = 16


def refusal_of_response(asked: Any) -> Refusal | None:
    """Why ``POST /v1/responses`` refuses ``asked``, whatever the model."""
    return (
        _not_an_object(asked)
        or _unknown_field(asked, _RESPONSES_FIELDS, "Unknown parameter: '{}'.", code="unknown_parameter")
        or _missing(asked, "model")
        or _missing(asked, "input")
        or _wrong_type(asked, "input", (str, list), "one of a string or array of input items")
        or _limit(asked, "max_output_tokens", _SMALLEST_OUTPUT_LIMIT)
        or _streaming(asked)
    )


def refusal_of_chat(asked: Any) -> Refusal | None:
    """Why ``POST /v1/chat/completions`` refuses ``asked``, whatever the model."""
    return (
        _not_an_object(asked)
        or _unknown_field(asked, _CHAT_FIELDS, "Unrecognized request argument supplied: {}", code=None)
        or _missing(asked, "model")
        or _missing(asked, "messages")
        or _wrong_type(asked, "messages", (list,), "an array of objects")
        or _messages(asked["messages"])
        or _limit(asked, "max_completion_tokens", 1)
        or _limit(asked, "max_tokens", 1)
        or _streaming(asked)
    )


def refusal_by_model(asked: dict[str, Any], model: Model, *, chat: bool) -> Refusal | None:
    """What ``model`` does not take: the old output limit, a temperature, a call over chat completions."""
    if chat and (model.responses_only or not model.writes_text):
        text = (
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
            "Did you mean to use v1/completions?"
        )
        return 404, error(text, param="model")
    if not model.writes_text:
        return 400, error(f"The requested model '{model.id}' cannot be used with the Responses API.", param="model")
    if not model.reasons:
        return None
    if chat and "max_tokens" in asked:
        text = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        return 400, error(text, param="max_tokens", code="unsupported_parameter")
    for name in ("temperature", "top_p"):
        if asked.get(name, 1) not in (1, None):
            text = (
                f"Unsupported value: '{name}' does not support {asked[name]} with this model. "
                "Only the default (1) value is supported."
            )
            return 400, error(text, param=name, code="unsupported_value")
    return None


def prompt_of_response(asked: dict[str, Any]) -> str:
    """The words in ``input``, which is a text or a list of items."""
    if isinstance(asked["input"], str):
        return asked["input"]
    return "\n".join(_text_of(item.get("content")) for item in asked["input"] if isinstance(item, dict))


def prompt_of_chat(asked: dict[str, Any]) -> str:
    """The words of the user's messages."""
    return "\n".join(_text_of(message["content"]) for message in asked["messages"] if message["role"] == "user")


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content or () if isinstance(part, dict))


def _not_an_object(asked: Any) -> Refusal | None:
    if isinstance(asked, dict):
        return None
    return 400, error("We could not parse the JSON body of your request. The OpenAI API expects a JSON payload.")


def _unknown_field(asked: dict[str, Any], known: set[str], text: str, *, code: str | None) -> Refusal | None:
    unknown = next((name for name in asked if name not in known), None)
    return None if unknown is None else (400, error(text.format(unknown), param=code and unknown, code=code))


def _missing(asked: dict[str, Any], name: str) -> Refusal | None:
    if asked.get(name) is not None:
        return None
    return 400, error(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def _wrong_type(asked: dict[str, Any], name: str, types: tuple[type, ...], expected: str) -> Refusal | None:
    if isinstance(asked[name], types):
        return None
    text = f"Invalid type for '{name}': expected {expected}, but got {type(asked[name]).__name__} instead."
    return 400, error(text, param=name, code="invalid_type")


def _limit(asked: dict[str, Any], name: str, smallest: int) -> Refusal | None:
    value = asked.get(name)
    if value is None:
        return None
    if type(value) is not int:
        return _wrong_type(asked, name, (), "an integer")
    if value >= smallest:
        return None
    text = f"Invalid '{name}': integer below minimum value. Expected a value >= {smallest}, but got {value} instead."
    return 400, error(text, param=name, code="integer_below_min_value")


def _messages(messages: list[Any]) -> Refusal | None:
    if not messages:
        text = (
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        return 400, error(text, param="messages", code="empty_array")
    for place, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _ROLES:
            text = f"Invalid value: '{role}'. Supported values are: {', '.join(repr(known) for known in _ROLES)}."
            return 400, error(text, param=f"messages[{place}].role", code="invalid_value")
        if message.get("content") is None and role != "assistant":
            text = f"Invalid value for 'content': expected a string, got null. (messages[{place}].content)"
            return 400, error(text, param=f"messages[{place}].content")
    return None


def _streaming(asked: dict[str, Any]) -> Refusal | None:
    return (
        (501, error("The emulator does not stream.", kind="emulator", param="stream")) if asked.get("stream") else None
    )
