"""An answer with one thing in it that should not be there: each place of it, and each thing."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

MISSING = "missing"
TWICE = "there twice"
UNHASHABLE = "an empty list"
_HERE = "\ue000here\ue000"

#: What is put in the place of each value, as it is written in JSON.
GARBAGE: dict[str, str] = {
    "null": "null",
    "true": "true",
    "zero": "0",
    "minus one": "-1",
    "a fraction": "0.5",
    "1e308": "1e308",
    "1e999": "1e999",
    "NaN": "NaN",
    "-Infinity": "-Infinity",
    "4,000 digits": "9" * 4000,
    "5,000 digits": "9" * 5000,
    "no text": '""',
    "a blank": '" "',
    "half a surrogate": r'"a\ud800b"',
    "NUL": r'"a\u0000b"',
    "HTML": '"<script>alert(\\"x\\")</script>"',
    "a line break": r'"a\r\nX-Evil: 1"',
    "a way up": '"../../../etc/passwd?a=b#c"',
    "half an address": '"https://[::1"',
    "a text that runs back": r'"\u202egpt\u2066"',
    "100 kB of text": '"' + "Ы" * 50_000 + '"',
    "300 letters": '"' + "x" * 300 + '"',
    UNHASHABLE: "[]",
    "an empty object": "{}",
    "a list of null": "[null]",
    "an object of null": '{"a": null}',
    "90 levels": "[" * 90 + "]" * 90,
    "900 levels": "[" * 900 + "]" * 900,
    "100,000 levels": "[" * 100_000 + "]" * 100_000,
    MISSING: "",
    TWICE: "",
}
#: Of a list, more are like these.
MAX_ITEMS = 2

Place = tuple[str | int, ...]
#: Puts another text in the place of a document.
Put = Callable[[str], bytes]


def places_in(document: object, place: Place = ()) -> Iterator[Place]:
    """The way to everything in ``document``, itself included."""
    yield place
    if isinstance(document, dict):
        for name, value in document.items():
            yield from places_in(value, (*place, name))
    elif isinstance(document, list):
        for number, value in enumerate(document[:MAX_ITEMS]):
            yield from places_in(value, (*place, number))


def at(document: Any, place: Place) -> Any:
    """What stands at ``place``."""
    for step in place:
        document = document[step]
    return document


def with_garbage(document: Any, place: Place, name: str) -> str | None:
    """``document`` as JSON with the garbage of that ``name`` at ``place``; None where that cannot be."""
    if name in (MISSING, TWICE):
        return _without_or_twice(document, place, name)
    return with_text(document, place, GARBAGE[name])


def with_text(document: Any, place: Place, text: str) -> str:
    """``document`` as JSON with ``text``, which is JSON, at ``place``."""
    return json.dumps(_replaced(document, place, _HERE)).replace(json.dumps(_HERE), text)


def _without_or_twice(document: Any, place: Place, name: str) -> str | None:
    if not place or not isinstance(place[-1], str):
        return None
    if name == TWICE:
        field = json.dumps(place[-1])
        return with_text(document, place, f"{json.dumps(at(document, place))}, {field}: [null]")
    changed = copy.deepcopy(document)
    del at(changed, place[:-1])[place[-1]]
    return json.dumps(changed)


def _replaced(document: Any, place: Place, value: object) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(document)
    at(changed, place[:-1])[place[-1]] = value
    return changed


def documents_in(body: bytes) -> list[tuple[Any, Put]]:
    """The JSON in ``body``, one document or one a line, each with how to put another text in its place."""
    lines = body.splitlines(keepends=True)
    try:
        return [(json.loads(body), str.encode)]
    except ValueError:
        pass
    try:
        documents = [json.loads(line) for line in lines]
    except ValueError:
        return []

    def putter(number: int) -> Put:
        return lambda text: b"".join([*lines[:number], text.encode() + b"\n", *lines[number + 1 :]])

    return [(document, putter(number)) for number, document in enumerate(documents[:MAX_ITEMS])]
