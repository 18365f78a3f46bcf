"""The one place that knows which texts are secret, and takes them out of whatever leaves this process.

Known are the secrets of the environment, from the start on, and each provider's key from the moment that somebody
typed it in or the vault opened it here, for as long as a call with it may go on. They are found as they are and in the
forms in which libraries and vendors repeat them (``providers/http/redaction.py``, which takes a key out of its own
provider's answers before anybody reads them). What merely has the shape of a key is taken out of logs, too.

Everything that a text of others can get out by asks here: logs and tracebacks (``web/logs.py``), alerts
(``domain/monitoring/alert_delivery.py``), and columns that hold what providers say (``RedactedText``, ``RedactedJSON``;
ids of models, which have to stay what they are, only lose the key that they were asked for with). These columns are
shown, so they lose providers' keys alone, which nobody guesses: whoever gets a password of ours quoted, and sees it
blanked, has found it out. Answers are not touched at all: a secret stays away from our pages because none of them has
it.
"""

import math
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import JSON, Dialect, Text, TypeDecorator

from providers.http.redaction import MIN_SECRET_LENGTH, forms_of

HIDDEN = "***"
#: Keys that came into this process beside the environment's; the ones that were not used for longest are forgotten.
MAX_KEYS = 64
#: A key is known for so long after its latest use: longer than any call takes, and what was typed into the wrong field,
#: such as the name of a model, is not hidden for ever.
KNOWN_SECONDS = 15 * 60
_SHAPES = re.compile(
    r"(?i:\b(?:bearer|api-key)\s+)[\w.~+/=-]{8,}"
    r"|\bAIza[\w-]{20,}|\bsk-[\w-]{8,}|\bAQVN[\w-]{20,}|\bqt_[\w-]{20,}"
    r"|(?i:(?<=[?&]key=)|(?<=[?&]api_key=))[^&\s\"']+"
)
#: Keys of gateways. Too short a shape to be taken out of every text, but no model is called so.
_GATEWAYS = re.compile(r"(?:gsk_|xai-|hf_)[\w-]{16,}$|(?=\d*[a-f])[0-9a-f]{32,}$")
#: Of the prefix that stands for most, and the letters that have to follow it.
_MIN_SHAPE_LENGTH = len("sk-") + 8


class Redactor:
    """Knows secrets, and finds them in texts. May be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_environment: tuple[str, ...] = ()
        self._keys_of_environment: tuple[str, ...] = ()
        #: Until when each is known, on the clock of ``time.monotonic``; the one that was used last stands last.
        self._keys: dict[str, float] = {}
        self._forget_at = math.inf
        self._of_all = self._of_keys = _Spellings(())

    def know_environment(self, secrets: Iterable[str], provider_keys: Iterable[str] = ()) -> None:
        """Know these for good, and nothing that was known before: so a process begins.

        ``provider_keys`` are those among the secrets that providers know as well.
        """
        with self._lock:
            self._of_environment = tuple(_worth_knowing(secrets))
            self._keys_of_environment = tuple(_worth_knowing(provider_keys))
            self._keys = {}
            self._rebuild()

    def know(self, key: str) -> None:
        """Know a provider's key for a while from now on; a second time costs nothing."""
        if len(key) < MIN_SECRET_LENGTH:
            return
        with self._lock:
            is_new = self._keys.pop(key, None) is None
            self._keys[key] = time.monotonic() + KNOWN_SECONDS
            if len(self._keys) > MAX_KEYS:
                del self._keys[next(iter(self._keys))]
            if is_new:
                self._rebuild()

    def clean(self, text: str) -> str:
        """``text`` without secrets that are known."""
        self._forget_keys()
        return self._of_all.blank(text)

    def clean_all(self, value: Any) -> Any:
        """What JSON can hold, with every text in it cleaned, names of members as well."""
        self._forget_keys()
        return _in_every_text(value, self._of_all.blank)

    def without_keys(self, value: Any) -> Any:
        """What JSON can hold, without providers' keys; other secrets stay, for providers know none of them."""
        self._forget_keys()
        return _in_every_text(value, self._of_keys.blank)

    def clean_for_log(self, value: Any) -> Any:
        """``value`` without secrets and without what looks like one; all but plain numbers and flags become text."""
        if isinstance(value, bool | int | float | None):
            return value
        text = self.clean(str(value))
        # Only quicker: in a shorter one no shape is found.
        return text if len(text) < _MIN_SHAPE_LENGTH else _SHAPES.sub(HIDDEN, text)  # pragma: no mutate

    def _forget_keys(self) -> None:
        """Those whose time is over."""
        now = time.monotonic()
        if now >= self._forget_at:
            with self._lock:
                self._keys = {key: until for key, until in self._keys.items() if now < until}
                self._rebuild()

    def _rebuild(self) -> None:
        """The lock has to be held."""
        self._of_all = _Spellings((*self._of_environment, *self._keys_of_environment, *self._keys))
        self._of_keys = _Spellings((*self._keys_of_environment, *self._keys))
        self._forget_at = min(self._keys.values(), default=math.inf)


class _Spellings:
    """How some secrets may be written."""

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form for secret in secrets for form in forms_of(secret) if len(form) >= MIN_SECRET_LENGTH}
        # A longer one first, or what is left of it would stand behind the mark.
        longest_first = sorted(found, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        self._shortest = len(longest_first[-1]) if found else sys.maxsize

    def blank(self, text: str) -> str:
        """``text`` with a mark in place of each of them."""
        # Most texts are states, names and numbers, and shorter than any key.
        return text if len(text) < self._shortest else self._pattern.sub(HIDDEN, text)


def _in_every_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_in_every_text(name, change): _in_every_text(each, change) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_in_every_text(each, change) for each in value]
    return value


def looks_like_a_key(text: str) -> bool:
    """Whether ``text`` has the shape of some vendor's key, of a gateway's, or of one of our tokens."""
    return bool(_SHAPES.search(text) or _GATEWAYS.match(text))


def _worth_knowing(secrets: Iterable[str]) -> Iterator[str]:
    return (each for each in secrets if len(each) >= MIN_SECRET_LENGTH)


class RedactedText(TypeDecorator[str]):
    """A text column for what providers say: a key that is known never gets in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return value if value is None else str(redactor.without_keys(value))


class RedactedJSON(TypeDecorator[Any]):
    """The same for a column of JSON."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return redactor.without_keys(value)


#: That of this process: its secrets are nobody else's.
redactor = Redactor()
