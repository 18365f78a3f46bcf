"""Which of the models that GEMINI lists can write a poem.

Follows ai.google.dev/api/models.
"""

from collections.abc import Iterable
from typing import Any

PREFIX = "models/"

#: Models of images and speech declare ``generateContent`` too, so it is the id that tells them apart.
_NOT_FOR_TEXT = (
    "-tts", "-image", "image-", "embedding", "live", "native-audio", "robotics", "computer-use", "imagen", "veo",
    "lyria", "aqa",
)  # fmt: skip


def text_models(rows: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """The ids to offer, each once, without ``models/``, in the vendor's order.

    ``rows`` are items of ``GET /v1beta/models``, of which only ``name`` is sure to be there.
    """
    names = [row["name"].removeprefix(PREFIX) for row in rows if _generates_content(row)]
    return tuple(dict.fromkeys(name for name in names if not any(word in name.lower() for word in _NOT_FOR_TEXT)))


def takes_instructions(model: str) -> bool:
    """Whether ``model`` has a place of its own for instructions.

    Gemma answers 400 "Developer instruction is not enabled"; Google's clients put them before its first message
    (google/adk-python issue 3900).
    """
    return not model.startswith("gemma-")


def _generates_content(row: dict[str, Any]) -> bool:
    methods = row.get("supportedGenerationMethods")
    return isinstance(methods, list) and "generateContent" in methods
