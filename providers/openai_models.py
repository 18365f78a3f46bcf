"""Which of the models that OPENAI or a gateway lists can write a poem.

The list has no field for abilities, so this goes by the ids named in openai/openai-openapi (spec 2.3.0).
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

#: At the vendor a name that begins otherwise is not a text model; gateways name theirs as they like.
_VENDORS_TEXT = re.compile(r"gpt-|o\d|chatgpt-|ft:(gpt-|o\d)")

_NOT_CHAT = (
    "embedding", "tts", "whisper", "transcribe", "dall-e", "image", "sora", "moderation", "realtime", "audio",
    "davinci-002", "babbage-002", "search-preview", "search-api", "computer-use",
)  # fmt: skip
#: The vendor's `-instruct` are old completions; elsewhere half of all open chat models are called so.
_NOT_CHAT_AT_THE_VENDOR = (*_NOT_CHAT, "-instruct")
_NOT_CHAT_AT_A_GATEWAY = (*_NOT_CHAT, "gpt-3.5-turbo-instruct", "embed", "rerank")

#: The enum ResponsesOnlyModel: chat completions answer 404 for them.
_RESPONSES_ONLY = re.compile(
    r"o1-pro|o3-pro|o\d.*-deep-research|gpt-.*-deep-research|gpt-.*-pro|gpt-.*-codex|gpt-daybreak-|gpt-5\.6-cyber"
)


def text_models(rows: Iterable[dict[str, Any]], *, at_the_vendor: bool) -> tuple[str, ...]:
    """The ids to offer, each once, the newest first and those of one age by name.

    ``rows`` are items of ``GET /models``. One whose ``shutdown_date`` is past is left out.
    """
    today = datetime.now(UTC).date()
    offered = (row for row in rows if _writes_text(row["id"], at_the_vendor=at_the_vendor) and not _is_gone(row, today))
    ordered = sorted(offered, key=lambda row: (-_created(row), row["id"]))
    return tuple(dict.fromkeys(row["id"] for row in ordered))


def _writes_text(model: str, *, at_the_vendor: bool) -> bool:
    name = model.lower()
    if at_the_vendor:
        return bool(_VENDORS_TEXT.match(name)) and not any(word in name for word in _NOT_CHAT_AT_THE_VENDOR)
    # Gateways put the maker before the name: openai/gpt-5-pro.
    is_for_chat = not _RESPONSES_ONLY.match(name.rpartition("/")[2])
    return is_for_chat and not any(word in name for word in _NOT_CHAT_AT_A_GATEWAY)


def _is_gone(row: dict[str, Any], today: date) -> bool:
    value = row.get("shutdown_date")
    try:
        return isinstance(value, str) and date.fromisoformat(value[:10]) < today
    except ValueError:
        return False


def _created(row: dict[str, Any]) -> float:
    value = row.get("created")
    return value if isinstance(value, int | float) and 0 < value < 1e12 else 0
