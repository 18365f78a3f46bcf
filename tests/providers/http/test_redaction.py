"""Our key in what a provider says: found in every encoding, and blanked where it stands."""

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from providers.http.redaction import DEEPEST, Redaction

#: Of letters that each encoding writes in another way.
KEY = "sk-canary+4f9d/2c7b=1e8a&6053"
REDACTION = Redaction(KEY)

ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in an address": lambda text: quote(text, safe=""),
    "in a form": quote_plus,
    "in a path": quote,
    "in small letters": lambda text: re.sub("%..", lambda escape: escape[0].lower(), quote(text, safe="")),
    "each letter escaped": lambda text: "".join(f"%{letter:02X}" for letter in text.encode()),
    "in HTML": html.escape,
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("before", ["", "B", "Bearer ", "user:", "<é"])
@pytest.mark.parametrize("after", ["", "\n", ", is wrong"])
def test_a_key_is_found_however_it_is_encoded(encode: Callable[[str], str], before: str, after: str) -> None:
    said = encode(before + KEY + after)

    assert REDACTION.holds_key(said)
    assert not REDACTION.holds_key(REDACTION.text(said))
    assert "*" in REDACTION.text(said)


def test_what_stands_beside_a_key_stays() -> None:
    assert REDACTION.text(f"Key {KEY} or {quote(KEY, safe='')}: no") == "Key * or *: no"
    assert REDACTION.text("no key at all") == "no key at all"


def test_bytes_keep_their_length() -> None:
    recording = b"ID3" + KEY.encode() + b"\x00\xff"

    assert REDACTION.data(recording) == b"ID3" + b"*" * len(KEY) + b"\x00\xff"


def test_json_is_blanked_after_it_is_read() -> None:
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
    said = json.dumps({"a": [KEY, {"b": f"x{KEY}x"}], "n": 5}).replace(KEY, spelled, 1)

    assert REDACTION.json(said.encode()) == {"a": ["*", {"b": "x*x"}], "n": 5}
    assert REDACTION.json(said.encode("utf-16")) == {"a": ["*", {"b": "x*x"}], "n": 5}


@pytest.mark.parametrize("said", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"n": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_says_nothing(said: bytes) -> None:
    assert REDACTION.json(said) is None


def test_json_has_a_bottom() -> None:
    assert REDACTION.json(b"[" * DEEPEST + b"5" + b"]" * DEEPEST) is not None
    assert REDACTION.json(b"[" * (DEEPEST + 1) + b"5" + b"]" * (DEEPEST + 1)) is None
    assert Redaction("").json(b"[" * (DEEPEST + 1) + b"5" + b"]" * (DEEPEST + 1)) is None


def test_a_key_of_a_few_letters_blanks_nothing() -> None:
    assert Redaction("a").text("a banana") == "a banana"


def test_it_prints_itself_without_the_key() -> None:
    assert KEY not in repr(REDACTION)
