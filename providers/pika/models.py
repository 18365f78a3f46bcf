"""Which operations of PIKA's catalogue make a clip from what an order has, which is words.

Follows the rows of ``GET /catalog/apis`` as recorded by public clients in October 2026.
"""

import re
from collections.abc import Iterable
from typing import Any

from providers.http.answers import get_path

#: An id is also the path of its operation, so nothing else may be in it.
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}"
_API_ID = re.compile(rf"{_PART}(?:/{_PART}){{1,4}}")

OWN_VENDOR = "pika"


def is_a_row(row: object) -> bool:
    """Whether ``row`` is an operation at all."""
    return isinstance(get_path(row, "api_id"), str)


def clip_models(rows: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """The ids to offer, each once, Pika's own first, else in the order of the catalogue."""
    offered = [row for row in rows if _films_words(row)]
    ordered = sorted(offered, key=lambda row: row.get("vendor") != OWN_VENDOR)
    return tuple(dict.fromkeys(row["api_id"] for row in ordered))


def _films_words(row: dict[str, Any]) -> bool:
    """Whether it makes a video and needs no picture, sound or video for it."""
    if row.get("category") != "video" or row.get("function") != "text-to-video":
        return False
    if "call" in row and not isinstance(row["call"], dict):
        # An alias: listed, and not to be called.
        return False
    # Only the details of one operation are sure to have a schema; where a row has one, it decides.
    required = get_path(row, "input_schema", "required")
    needs_no_more = not isinstance(required, list) or set(map(str, required)) <= {"prompt"}
    return needs_no_more and _API_ID.fullmatch(row["api_id"]) is not None
