"""What people paste as a key, made into the key, or refused."""

import string

MAX_KEY_LENGTH = 512
MIN_LENGTH_FOR_LAST_FOUR = 12
QUOTES = "\"'`«»“”„‘’"
WRAPPING = QUOTES + string.whitespace + "\u00a0\u200b\u200c\u200d\u2060\ufeff"
PREFIXES = ("bearer ", "api-key ")


class InvalidKey(Exception):
    """The text cannot be a key. ``code`` names why; the text itself is nowhere in the error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def clean(text: str) -> str:
    """``text`` without outer white space, quotes and a leading ``Bearer`` or ``Api-Key``; empty when nothing is left.

    Raises ``InvalidKey`` for what cannot travel in a header or cannot be a key: anything that is not visible ASCII
    (a displayed mask among it), nothing but asterisks, or more than 512 characters.
    """
    key = text.strip(WRAPPING)
    for prefix in PREFIXES:
        if key.lower().startswith(prefix):
            key = key[len(prefix) :].strip(WRAPPING)
    if len(key) > MAX_KEY_LENGTH:
        raise InvalidKey("key_too_long")
    if not all("!" <= character <= "~" for character in key):
        raise InvalidKey("key_has_odd_characters")
    if key and not key.strip("*."):
        raise InvalidKey("key_is_a_mask")
    return key


def last_four(key: str) -> str | None:
    """The last four characters for display, or None where they would give too much of the key away."""
    return key[-4:] if len(key) >= MIN_LENGTH_FOR_LAST_FOUR else None
