"""Passwords that somebody would try first: common ones, those made of a name, and those that only look odd.

zxcvbn tells how many guesses a password takes from who knows lists of leaked passwords, names and words, dates, rows of
keys, and how people write signs for letters (https://www.usenix.org/conference/usenixsecurity16/technical-sessions/presentation/wheeler).
Instead of rules about digits and capitals, as NIST SP 800-63B advises.
"""

import re
import threading
import unicodedata
from importlib import import_module

#: So few are made online in a few years by who is limited as web/auth/rate_limits.py says.
FEWEST_GUESSES = 10**6
#: What anybody knows who sees the page of signing in.
KNOWN_WORDS = ("quatrain", "катрен", "administrator", "админ")
#: What is taken in Russian, of which the lists of the library have little: words, towns, the commonest names.
RUSSIAN_WORDS = """
    пароль parol привет любовь люблю солнце солнышко зайка зайчик котик кошка лапочка родина победа счастье россия
    москва питер казань самара омск анна анечка мария маша марина наталья наташа елена лена ольга оля ирина татьяна таня
    светлана света екатерина катя юлия анастасия настя дарья даша александр саша сергей серёжа андрей дмитрий дима
    алексей лёша максим иван ваня михаил миша николай коля владимир вова павел паша
"""
#: zxcvbn takes a year for a date, of which there are thousands; behind a word it is this one, or one of birth.
LIKELY_YEARS = 100
_WITH_A_YEAR = re.compile(r"(?:19[4-9]|20[0-4])\d[\W_]*$|^(?:19[4-9]|20[0-4])\d")
#: Shorter parts of a name say nothing.
MIN_PART_LENGTH = 3
#: The time grows with the square of it; a longer password is looked at from both ends.
PIECE = 36
#: Signs that stand for letters. zxcvbn tries all their readings together: with twenty different ones, for minutes.
SIGNS = "@8({[<3694!1|0$5+7%2"
MAX_SIGNS = 10
NO_SIGN = "~"
#: What a Russian word is where somebody has forgotten to switch the keyboard; the lists have it so.
_LATIN_KEYS = str.maketrans("ёйцукенгшщзхъфывапролджэячсмитьбю", "`qwertyuiop[]asdfghjkl;'zxcvbnm,.")

# The library keeps the words of one question for all threads.
_asking = threading.Lock()


def is_guessable(password: str, username: str) -> bool:
    """Whether ``password`` is among the first million that somebody would try who knows the name.

    Takes any text, and under a second.
    """
    text = unicodedata.normalize("NFKC", password)
    words = [*KNOWN_WORDS, *_parts_of(username), *RUSSIAN_WORDS.split()]
    readings = {text, text.casefold().translate(_LATIN_KEYS)}
    return any(_guesses_with_a_year(reading, words) < FEWEST_GUESSES for reading in readings)


def _parts_of(username: str) -> list[str]:
    name = unicodedata.normalize("NFKC", username).casefold()
    return [name, *(part for part in re.split(r"[\W_]+", name) if len(part) >= MIN_PART_LENGTH)]


def _guesses_with_a_year(text: str, words: list[str]) -> float:
    rest = _WITH_A_YEAR.sub("", text)
    guesses = _guesses(text, words)
    return guesses if rest == text else min(guesses, LIKELY_YEARS * _guesses(rest, words))


def _guesses(text: str, words: list[str]) -> float:
    """How many guesses the harder end of ``text`` takes."""
    # Imported when it is needed, for 15 MB and 60 ms that most processes save.
    zxcvbn = import_module("zxcvbn").zxcvbn
    with _asking:
        return max(float(zxcvbn(_bounded(piece), words)["guesses"]) for piece in {text[:PIECE], text[-PIECE:]})


def _bounded(piece: str) -> str:
    too_many = [sign for sign in dict.fromkeys(piece) if sign in SIGNS][MAX_SIGNS:]
    return piece.translate(dict.fromkeys(map(ord, too_many), NO_SIGN))
