"""Reading what a program sends: the body and the Idempotency-Key, strictly."""

import json
from typing import Any, NoReturn

from flask import request

from domain.orders.placing import MAX_IDEMPOTENCY_KEY_LENGTH
from web.api.errors import ApiFault

MAX_BODY_BYTES = 256 * 1024


def read_json_object() -> dict[str, Any]:
    """The body as an object of JSON (RFC 8259). Raises ``ApiFault``, or 413 for 256 KB and more.

    Stricter than ``json.loads``: NaN and Infinity are not JSON, and a name that stands twice would hide one value.
    """
    if request.mimetype != "application/json":
        raise ApiFault("not_sent_as_json", "Content-Type")
    request.max_content_length = MAX_BODY_BYTES
    raw = request.get_data(cache=False)
    # A chunked body is cut off at the limit in silence (Werkzeug 3.1.9, LimitedStream.readall).
    if len(raw) >= MAX_BODY_BYTES:
        raise ApiFault("too_large")
    try:
        body = json.loads(raw.decode(), parse_constant=_refuse_constant, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError):
        # ValueError also stands for bytes that are not UTF-8 and for integers of thousands of digits.
        raise ApiFault("not_json") from None
    if not isinstance(body, dict):
        raise ApiFault("not_an_object")
    return body


def read_idempotency_key() -> str | None:
    """The caller's own name for this request, or None. Raises ``ApiFault`` for one that cannot serve."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key.strip()) <= MAX_IDEMPOTENCY_KEY_LENGTH or not all(" " <= character <= "~" for character in key):
        raise ApiFault("idempotency_key_unfit", "Idempotency-Key")
    return key.strip()


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name, value in pairs:
        if name in names:
            raise ApiFault("doubled_name", name)
        names[name] = value
    return names
