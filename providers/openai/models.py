"""Which of the models that OPENAI or a gateway lists can write a poem.

The list has no field for abilities, so this goes by the ids named in openai/openai-openapi (spec 2.3.0).
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from providers.base import Model

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

    ``rows`` are items of ``GET /models``. One whose ``shutdown_date`` is past is left out; of the others it is told.
    """
    today = datetime.now(UTC).date()
    ordered = sorted(rows, key=lambda row: (-_created(row), row["id"]))
    models = (
        Model(row["id"], _ends_on(row)) for row in ordered if _writes_text(row["id"], at_the_vendor=at_the_vendor)
    )
    return tuple(dict.fromkeys(model for model in models if model.retires_on is None or model.retires_on >= today))


def _writes_text(model: str, *, at_the_vendor: bool) -> bool:
    name = model.lower()
    if at_the_vendor:
        return bool(_VENDORS_TEXT.match(name)) and not any(word in name for word in _NOT_CHAT_AT_THE_VENDOR)
    # Gateways put the maker before the name: openai/gpt-5-pro.
    is_for_chat = not _RESPONSES_ONLY.match(name.rpartition("/")[2])
    return is_for_chat and not any(word in name for word in _NOT_CHAT_AT_A_GATEWAY)


def _ends_on(row: dict[str, Any]) -> date | None:
    value = row.get("shutdown_date")
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def _created(row: dict[str, Any]) -> float:
    value = row.get("created")
    return value if isinstance(value, int | float) and 0 < value < 1e12 else 0
