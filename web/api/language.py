"""The language in which a program is answered: that of Accept-Language, English where it asks for neither."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request
from flask_babel import force_locale

LANGUAGES = ("en", "ru")


def callers_language() -> str:
    """``en`` or ``ru``."""
    # Not best_match: of "en-GB, ru;q=0.5" it would take ru, which stands there exactly.
    for tag, quality in request.accept_languages:
        language = tag.partition("-")[0].lower()
        if quality > 0 and language in LANGUAGES:
            return language
    return LANGUAGES[0]


@contextmanager
def in_callers_language() -> Iterator[None]:
    """Sentences that become text in here do so in the caller's language, whatever the pages would show."""
    with force_locale(callers_language()):
        yield
