"""What YANDEX_GPT says to a malformed request: the same words on both routes, in the body of each."""

import re
from typing import Any

from tests.emulator.yandex_gpt_answers import Model

#: A status and the sentence that goes with it.
Refusal = tuple[int, str]

MAX_PROMPT_TOKENS = 8192
#: Documented as not supported (chat/createChatCompletion).
_UNSUPPORTED = ("stop", "seed", "store", "web_search_options", "audio")
_ROLES = ("system", "developer", "user", "assistant", "tool")


def refusal_of(asked: Any, *, model: str, text: str) -> Refusal | None:
    """Why a completion is refused whatever the model. ``model`` and ``text`` are how the route calls the two."""
    if not isinstance(asked, dict) or not isinstance(asked.get(model), str):
        return 400, f"could not parse JSON body: {model} is required"
    messages = asked.get("messages")
    if not isinstance(messages, list) or not messages:
        return 400, "messages: must not be empty"
    if any(message.get("role") not in _ROLES or not isinstance(message.get(text), str) for message in messages):
        return 400, "messages: invalid message"
    unsupported = next((name for name in _UNSUPPORTED if asked.get(name) is not None), None)
    if unsupported or asked.get("stream"):
        return 400, f"{unsupported or 'stream'} is not supported"
    tokens = sum(len(message[text].split()) for message in messages)
    if tokens > MAX_PROMPT_TOKENS:
        return 400, f"Number of input tokens must be no more than {MAX_PROMPT_TOKENS}, got {tokens}"
    return None


def refusal_of_model(uri: str, folder: str, found: Model | None) -> Refusal | None:
    """Why a model's URI is refused for a key of ``folder``; ``found`` is the model of the catalogue, if any."""
    parts = re.fullmatch(r"(\w+)://([^/]+)/.+", uri)
    if parts is None:
        return 400, f"Failed to parse model URI: {uri}"
    if parts[2] != folder:
        return 400, mismatch(parts[2], folder)
    if parts[1] != "gpt" or found is None:
        return 400, f"Failed to get model {uri}"
    return None


def mismatch(asked: str, folder: str) -> str:
    """What is said to a caller who names another folder than that of its service account."""
    return f"Specified folder ID '{asked}' does not match with service account folder ID '{folder}'"


def prompt_of(asked: dict[str, Any], text: str) -> str:
    """The words of the user's messages."""
    return "\n".join(message[text] for message in asked["messages"] if message["role"] == "user")
