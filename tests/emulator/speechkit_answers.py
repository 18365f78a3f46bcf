"""SPEECHKIT's answers: the errors of both APIs, and the lines of v3."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from tests.emulator.speechkit_sound import seconds_of

FOLDER = "b1gemulated0folder00"
UNKNOWN_KEY_TEXT = "Unknown api key '************ (1A2B3C4D)'"
NO_PERMISSION_TEXT = f"Permission to [resource-manager.folder {FOLDER}, resource-manager.cloud b1gcloud] denied"

#: Lines of one v3 answer.
CHUNKS = 3


@dataclass(frozen=True)
class Code:
    """One of gRPC's codes as each API writes it. v1 has 401 for a key without rights too."""

    grpc_name: str
    http: int
    http_name: str
    v1_http: int
    v1_code: str
    text: str


CODES: dict[int, Code] = {
    3: Code("InvalidArgument", 400, "Bad Request", 400, "BAD_REQUEST", "Invalid argument"),
    4: Code("DeadlineExceeded", 504, "Gateway Timeout", 504, "DEADLINE_EXCEEDED", "Deadline exceeded"),
    7: Code("PermissionDenied", 403, "Forbidden", 401, "UNAUTHORIZED", NO_PERMISSION_TEXT),
    8: Code("ResourceExhausted", 429, "Too Many Requests", 429, "TOO_MANY_REQUESTS", "Too many requests"),
    12: Code("Unimplemented", 501, "Not Implemented", 501, "UNIMPLEMENTED", "Not implemented"),
    13: Code("Internal", 500, "Internal Server Error", 500, "INTERNAL_SERVER_ERROR", "Internal error"),
    14: Code("Unavailable", 503, "Service Unavailable", 503, "SERVICE_UNAVAILABLE", "Service unavailable"),
    16: Code("Unauthenticated", 401, "Unauthorized", 401, "UNAUTHORIZED", UNKNOWN_KEY_TEXT),
}


def v1_error(number: int, text: str = "") -> tuple[int, dict[str, Any]]:
    """Status and body of a v1 refusal."""
    code = CODES[number]
    message = f"rpc error: code = {code.grpc_name} desc = {text or code.text}"
    return code.v1_http, {"error_code": code.v1_code, "error_message": message}


def v3_error(number: int, text: str = "") -> tuple[int, dict[str, Any]]:
    """Status and body of a v3 refusal; as a line, the body may also come after a status of 200."""
    code = CODES[number]
    error = {"grpcCode": number, "httpCode": code.http, "message": text or code.text, "httpStatus": code.http_name}
    return code.http, {"error": {**error, "details": []}}


def lines(text: str, sound: bytes, shape: str) -> bytes:
    """Newline-delimited JSON, 64-bit integers as strings.

    ``shape``: ``error_line:N`` and ``error_after_sound:N`` with one of ``CODES``, ``garbled_line``, ``no_sound``,
    ``bad_base64``, ``word_timings``, or empty.
    """
    name, _, number = shape.partition(":")
    rows = [_row(text, sound, place) for place in range(CHUNKS)]
    if name == "error_line":
        rows = [v3_error(int(number))[1]]
    if name == "error_after_sound":
        rows[1:] = [v3_error(int(number))[1]]
    if name == "no_sound":
        rows = [{"result": {"startMs": "0", "lengthMs": "0"}}]
    if name == "bad_base64":
        rows[1]["result"]["audioChunk"]["data"] = "nobase64!"
    if name == "word_timings":
        rows.insert(1, {"result": {"wordTimings": [{"word": text, "startMs": "0", "lengthMs": "9"}]}})
    written = [json.dumps(row, ensure_ascii=False) for row in rows]
    if name == "garbled_line":
        written[-1] = written[-1][:-20]
    return "".join(row + "\n" for row in written).encode()


def _row(text: str, sound: bytes, place: int) -> dict[str, Any]:
    size, length = -(-len(sound) // CHUNKS), int(seconds_of(text) * 1000)
    data = base64.b64encode(sound[place * size : (place + 1) * size]).decode()
    times = {"startMs": str(length * place // CHUNKS), "lengthMs": str(length // CHUNKS)}
    first = {"textChunk": {"text": text}} if place == 0 else {}
    return {"result": {"audioChunk": {"data": data}, **first, **times}}
