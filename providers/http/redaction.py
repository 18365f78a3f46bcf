"""Our key, taken out of what a provider says: it may echo it in a text, an id, a link or a header, encoded or not."""

import base64
import html
import json
import re
import sys
from typing import Any
from urllib.parse import quote

#: Shorter than any key of a vendor: a test's one-letter key must not blank half of an answer.
MIN_SECRET_LENGTH = 8
#: So many letters in a row are no chance.
MAX_KEY_PART = 12
BLANK = "*"
#: Levels of JSON. No provider's answer has more than a dozen, and what walks through it can go no deeper than Python.
DEEPEST = 100

_ESCAPE = re.compile("%[0-9A-F]{2}")


class Redaction:
    """Blanks one key, as it is and in the ways that such a text is usually encoded in."""

    def __init__(self, key: str) -> None:
        self._forms = forms_of(key) if len(key) >= MIN_SECRET_LENGTH else ()
        self._shortest = min(map(len, self._forms), default=sys.maxsize)

    def holds_key(self, text: str) -> bool:
        """Whether the key is in ``text``."""
        return any(form in text for form in self._forms)

    def text(self, text: str) -> str:
        """``text`` with a ``*`` in place of each key."""
        for form in self._forms:
            text = text.replace(form, BLANK)
        return text

    def data(self, data: bytes) -> bytes:
        """``data`` with as many ``*`` in place of each key as it has bytes, so that a recording stays one."""
        for form in self._forms:
            data = data.replace(form.encode(), BLANK.encode() * len(form))
        return data

    def json(self, text: bytes) -> object:
        """What ``text`` says as JSON, its texts without the key. None for what is no JSON, or too deep to be read."""
        try:
            whole = [json.loads(text)]
            self._blank_in(whole, DEEPEST)
        except (ValueError, RecursionError):
            return None
        return whole[0]

    def _blank_in(self, values: Any, levels: int) -> None:
        """Blank the texts in a list or an object, each in its place: what is five megabytes can be a hundred here."""
        if levels < 0:
            raise ValueError("nested too deep")
        for place, value in values.items() if isinstance(values, dict) else enumerate(values):
            if isinstance(value, str):
                if len(value) >= self._shortest:
                    values[place] = self.text(value)
            elif value and isinstance(value, list | dict):
                self._blank_in(value, levels - 1)


def key_stands_in(key: str, text: str) -> bool:
    """Whether ``text`` holds ``key`` in any way that such a text is written in, with blanks in it, or most of it."""
    squeezed = "".join(text.split())
    if len(squeezed) >= MAX_KEY_PART and squeezed in key:
        return True
    forms = [form for form in forms_of(key) if len(form) >= min(len(key), MIN_SECRET_LENGTH)]
    return bool(key) and any(form in text or form in squeezed for form in forms)


def forms_of(key: str) -> tuple[str, ...]:
    """``key`` as it is and as libraries and vendors repeat it; the longest first: one may be a part of another."""
    quoted = {quote(key, safe=""), quote(key), "".join(f"%{ord(letter):02X}" for letter in key)}
    in_small_letters = {_ESCAPE.sub(lambda escape: escape[0].lower(), each) for each in quoted}
    written = {key, json.dumps(key)[1:-1], repr(key)[1:-1], key.encode().hex()}
    forms = written | _in_html(key) | quoted | in_small_letters | _in_base64(key)
    return tuple(sorted(forms, key=len, reverse=True))


def _in_html(key: str) -> set[str]:
    """The key as pages hold it: there are several names for a quotation mark, and between tags it needs none."""
    marks = html.escape(key, quote=False)
    return {
        marks.replace('"', double).replace("'", single)
        for double in ('"', "&quot;", "&#34;", "&#x22;")
        for single in ("'", "&#x27;", "&#39;", "&apos;")
    }


def _in_base64(key: str) -> set[str]:
    """What base64 makes of the key wherever it begins in a text, without letters that it shares with its neighbours."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + key.encode()).decode().rstrip("=")
        shared = (before * 8 + 5) // 6
        core = encoded[shared : (before + len(key)) * 8 // 6]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return found
