"""What SUNO says to a malformed order for a song: a code and a text, under a status of 200.

The codes and limits are those of docs.sunoapi.org; the first three texts have been seen, the others follow them.
"""

from typing import Any
from urllib.parse import urlsplit

Refusal = tuple[int, str]

MODELS = ("V6", "V6_WILD", "V6_MINI", "V5_5", "V5", "V4_5PLUS", "V4_5ALL", "V4_5", "V4")
MAX_TITLE_LENGTH = 80
MAX_IDEA_LENGTH = 3000


def refusal_of_song(asked: Any, models: tuple[str, ...]) -> Refusal | None:
    """Why ``POST /api/v1/generate`` refuses ``asked``; ``models`` are those that this deployment knows."""
    if not isinstance(asked, dict):
        return 400, "The request body is not valid JSON"
    for name in ("customMode", "instrumental"):
        if not isinstance(asked.get(name), bool):
            return 422, f"{name} cannot be null"
    if asked.get("model") not in models:
        return 422, "The model is not supported"
    return _callback(asked) or (_custom(asked) if asked["customMode"] else _idea(asked))


def _callback(asked: dict[str, Any]) -> Refusal | None:
    url = asked.get("callBackUrl")
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return 422, "Please enter callBackUrl."
    return None


def _custom(asked: dict[str, Any]) -> Refusal | None:
    model = asked["model"]
    if model.startswith("V6"):
        if not any(asked.get(name) for name in ("style", "lyrics", "prompt", "negativeTags")):
            return 400, "At least one of style, lyrics and negativeTags is required"
    elif not asked.get("style") or not asked.get("title"):
        return 400, "style and title are required"
    elif not asked["instrumental"] and not asked.get("prompt"):
        return 400, "prompt is required"
    return _lengths(asked, model) or _duration(asked, model)


def _lengths(asked: dict[str, Any], model: str) -> Refusal | None:
    longest = {
        "prompt": 3000 if model == "V4" else 5000,
        "lyrics": 5000,
        "style": 200 if model == "V4" else 1000,
        "title": MAX_TITLE_LENGTH,
        "negativeTags": 1000,
    }
    for name, limit in longest.items():
        value = asked.get(name)
        if value is not None and not isinstance(value, str):
            return 422, f"{name} must be a string"
        if value is not None and len(value) > limit:
            return 413, f"The {name} exceeds the limit of {limit} characters"
    return None


def _duration(asked: dict[str, Any], model: str) -> Refusal | None:
    seconds = asked.get("duration")
    if seconds is None or not (model.startswith("V6") or model == "V5_5"):
        return None
    if type(seconds) not in (int, float) or not 10 <= seconds <= 360:
        return 422, "duration must be between 10 and 360"
    return None


def _idea(asked: dict[str, Any]) -> Refusal | None:
    prompt = asked.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        return 400, "prompt is required"
    return (413, "The prompt is too long") if len(prompt) > MAX_IDEA_LENGTH else None
