"""Poems of the DUMMY provider: stanzas chosen by chance that hangs on the brief alone, with its words set in."""

import hashlib
import random
import re
from types import ModuleType

from providers.base import Brief
from providers.dummy import verses_en, verses_ru

MAX_NAME_LENGTH = 40
MAX_PHRASE_LENGTH = 52

#: Words that give a tone away; a wish without one of them is taken as warm.
TONE_WORDS = {
    "funny": re.compile(r"\b(?:смеш|шут|весёл|весел|юмор|забав|ирони|прикол|fun\b|funny|humo|jok|playful|witty)", re.I),
    "solemn": re.compile(r"\b(?:торж|официал|высок|строг|серьёз|серьез|возвыш|solemn|formal|grand\b|serious)", re.I),
}


def chance(*words: str) -> random.Random:
    """A source of choices that is the same for the same ``words``, on every machine and in every process."""
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return random.Random(digest)  # noqa: S311 - it picks rhymes, not secrets


def write_verse(brief: Brief) -> str:
    """Two quatrains, three where the brief has details; the same words for the same brief."""
    verses, tone, pick = _verses(brief), _tone(brief.tone), _chance_of(brief)
    name = _name(brief, verses)
    occasion = _occasion_line(brief.occasion, verses, pick)
    stanzas = [_stanza(verses.OPENINGS[tone], pick).format(name=name, occasion=occasion)]
    quoted = _quoted(brief.details, verses, pick)
    if quoted:
        stanzas.append(_stanza(verses.DETAILS[tone], pick).format(details=quoted))
    stanzas.append(_stanza(verses.ENDINGS[tone], pick).format(name=name))
    return "\n\n".join("\n".join(map(_capital, stanza.split("\n"))) for stanza in stanzas)


def write_haiku(brief: Brief) -> str:
    """Three short lines, the last one names the occasion; the same words for the same brief."""
    verses, tone, pick = _verses(brief), _tone(brief.tone), _chance_of(brief)
    first = pick.choice(verses.HAIKU_FIRST[tone]).format(name=_name(brief, verses))
    second = pick.choice(verses.HAIKU_SECOND[tone])
    return f"{_capital(first)},\n{second}.\n{_occasion_line(brief.occasion, verses, pick)}"


def _stanza(stanzas: str, pick: random.Random) -> str:
    return pick.choice(stanzas.strip().split("\n\n"))


def _chance_of(brief: Brief) -> random.Random:
    wishes = (brief.recipient, brief.occasion, brief.details, brief.tone, brief.language)
    return chance(*(" ".join(wish.split()) for wish in wishes))


def _verses(brief: Brief) -> ModuleType:
    return verses_ru if brief.language == "ru" else verses_en


def _tone(wish: str) -> str:
    return next((tone for tone, words in TONE_WORDS.items() if words.search(wish)), "warm")


def _name(brief: Brief, verses: ModuleType) -> str:
    return _tidy(brief.recipient, MAX_NAME_LENGTH) or str(verses.FRIEND)


def _occasion_line(occasion: str, verses: ModuleType, pick: random.Random) -> str:
    """A sentence around the occasion that is right whatever part of speech the customer began with."""
    phrase = _tidy(occasion, MAX_PHRASE_LENGTH)
    if not phrase:
        return str(pick.choice(verses.OCCASION_NONE))
    first = phrase.split()[0].lower().replace("’", "'")
    small = phrase[0].lower() + phrase[1:]
    if first in verses.WITH_WORDS and " " in phrase:
        return str(pick.choice(verses.OCCASION_WITH)).format(occasion=small)
    if first in verses.FOR_WORDS and " " in phrase:
        return str(pick.choice(verses.OCCASION_FOR)).format(occasion=small)
    if first in verses.COMMON_OCCASIONS:
        phrase = small
    elif first not in verses.PROPER_OCCASIONS and not first[0].isdigit():
        phrase = _between_quotes(phrase, verses)
    return str(pick.choice(verses.OCCASION_NAMED)).format(occasion=phrase)


def _quoted(details: str, verses: ModuleType, pick: random.Random) -> str:
    """One sentence of the details between quotation marks, where any grammar is right; empty if there is none."""
    sentences = [_tidy(sentence, MAX_PHRASE_LENGTH) for sentence in re.split(r"[.!?;\n]+", details)]
    sentences = [sentence for sentence in sentences if any(letter.isalnum() for letter in sentence)]
    return _between_quotes(pick.choice(sentences), verses) if sentences else ""


def _between_quotes(phrase: str, verses: ModuleType) -> str:
    left, right = verses.QUOTES
    return f"{left}{phrase}{right}"


def _tidy(words: str, longest: int) -> str:
    """``words`` on one line, without quotation marks and outer punctuation, cut after a whole word."""
    line = " ".join(re.sub(r"[«»„“”\"]", " ", words).split()).strip(" .,:;!?-–—…")
    if len(line) <= longest:
        return line
    cut = line[: longest - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut).rstrip(" .,:;!?-–—") + "…"


def _capital(line: str) -> str:
    return line[:1].upper() + line[1:]
