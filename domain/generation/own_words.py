"""Words of an order, taken out of what a provider says about it: they would outlive the order in logs and history.

A provider may name as its code whatever it likes, such as the name that it has objected to.
"""

import re
from collections.abc import Iterable

from providers.errors import ProviderError

HIDDEN = "*"
#: What is shorter stands in codes of providers, too, and names hardly anybody.
MIN_WORD_LENGTH = 4
_WORD = re.compile(r"[^\W_]+")


def hide(error: ProviderError, texts: Iterable[str]) -> None:
    """Take each word of ``texts`` out of what ``error`` says, whatever its capitals; words of codes end at a "_"."""
    words = {word for text in texts for word in _words_of(text)}
    detail = _WORD.sub(lambda found: HIDDEN if found[0].casefold() in words else found[0], error.detail)
    if detail != error.detail:
        error.detail = detail
        error.args = (f"{error.kind}: {error.code}: {detail}",)


def _words_of(text: str) -> Iterable[str]:
    return (word for word in _WORD.findall(text.casefold()) if len(word) >= MIN_WORD_LENGTH)
