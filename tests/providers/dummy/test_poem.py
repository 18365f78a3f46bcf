"""The DUMMY provider's poems: whoever they are for, they rhyme and are the same for the same brief."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from types import ModuleType

import pytest

from providers.base import Brief
from providers.dummy import verses_en, verses_ru
from providers.dummy.poem import write_haiku, write_verse

RUSSIAN = Brief("Анна", "день рождения", "Любит горы и кофе", "тёплый", "ru")
ENGLISH = Brief("Ann", "birthday", "She loves hills and coffee", "warm", "en")

Write = Callable[[Brief], str]

POOLS = [
    pytest.param(verses, pool, tone, id=f"{verses.__name__[-2:]}-{pool}-{tone}")
    for verses, pool, tone in product(
        (verses_ru, verses_en), ("OPENINGS", "DETAILS", "ENDINGS"), ("warm", "funny", "solemn")
    )
]


def lines_of(poem: str) -> list[str]:
    return [line for line in poem.splitlines() if line]


def stanzas_of(verses: ModuleType, pool: str, tone: str) -> list[list[str]]:
    return [stanza.split("\n") for stanza in getattr(verses, pool)[tone].strip().split("\n\n")]


@pytest.mark.parametrize(("verses", "pool", "tone"), POOLS)
def test_every_stanza_keeps_the_customers_words_out_of_the_rhyming_lines(
    verses: ModuleType, pool: str, tone: str
) -> None:
    stanzas = stanzas_of(verses, pool, tone)

    assert len(stanzas) >= 3
    for stanza in stanzas:
        assert len(stanza) == 4
        assert "{" not in stanza[1] + stanza[3]
        if pool == "OPENINGS":
            assert "{name}" in stanza[0]
            assert stanza[2] == "{occasion}"
        if pool == "DETAILS":
            assert sum(line.count("{details}") for line in stanza) == 1


@pytest.mark.parametrize("pool", ["OPENINGS", "DETAILS", "ENDINGS"])
@pytest.mark.parametrize("tone", ["warm", "funny", "solemn"])
def test_the_second_and_fourth_line_of_a_russian_stanza_rhyme(pool: str, tone: str) -> None:
    sounds = str.maketrans("яёею", "аоэу")

    def last_vowel(line: str) -> str:
        return str(re.findall("[аоэуиы]", line.lower().translate(sounds))[-1])

    for stanza in stanzas_of(verses_ru, pool, tone):
        assert last_vowel(stanza[1]) == last_vowel(stanza[3])
        assert re.findall(r"\w+", stanza[1])[-1] != re.findall(r"\w+", stanza[3])[-1]


def test_russian_stanzas_address_one_person_and_many_alike() -> None:
    familiar = re.compile(r"\b(ты|тебя|тебе|тобой|твой|твоя|твоё|твои|вы|вас|вам|ваш|ваша|ваше|ваши)\b", re.IGNORECASE)

    for pool in (verses_ru.OPENINGS, verses_ru.DETAILS, verses_ru.ENDINGS):
        assert not familiar.search("\n".join(pool.values()))


@pytest.mark.parametrize("brief", [RUSSIAN, ENGLISH])
def test_a_verse_holds_the_name_the_occasion_and_the_details(brief: Brief) -> None:
    poem = write_verse(brief)

    assert len(lines_of(poem)) == 12
    assert poem.startswith(brief.recipient)
    assert brief.occasion in poem
    assert brief.details in poem
    assert bool(re.search("[а-я]", poem)) == (brief.language == "ru")


@pytest.mark.parametrize("brief", [RUSSIAN, ENGLISH])
def test_a_haiku_has_three_lines_with_the_name_and_the_occasion(brief: Brief) -> None:
    lines = write_haiku(brief).split("\n")

    assert len(lines) == 3
    assert lines[0].startswith(brief.recipient)
    assert brief.occasion in lines[2]


def test_a_brief_without_details_gives_eight_lines() -> None:
    assert len(lines_of(write_verse(replace(RUSSIAN, details=" !? ")))) == 8


@pytest.mark.parametrize("write", [write_verse, write_haiku])
def test_the_same_brief_gives_the_same_poem_and_another_name_another_one(write: Write) -> None:
    names = ["Анна", "Пётр", "Мама и папа", "Дж. Р. Р", "Ольга"]
    poems = {name: write(replace(RUSSIAN, recipient=name)) for name in names}

    assert all(write(replace(RUSSIAN, recipient=name)) == poems[name] for name in names)
    assert len({poem.replace(name, "") for name, poem in poems.items()}) > 1


def test_a_hundred_briefs_that_differ_in_details_give_a_hundred_poems() -> None:
    assert len({write_verse(replace(RUSSIAN, details=f"любит число {number}")) for number in range(100)}) == 100


@pytest.mark.parametrize(
    ("wish", "tone"),
    [
        ("шуточный, лёгкий", "funny"),
        ("Весёлый", "funny"),
        ("fun", "funny"),
        ("ТОРЖЕСТВЕННО", "solemn"),
        ("solemn", "solemn"),
        ("", "warm"),
        ("нежно", "warm"),
        ("funeral", "warm"),
        ("like grandmother", "warm"),
    ],
)
def test_the_tone_chooses_among_its_own_stanzas(wish: str, tone: str) -> None:
    last_stanza = write_verse(replace(RUSSIAN, tone=wish)).split("\n\n")[-1].split("\n")

    assert last_stanza[1] in [stanza[1] for stanza in stanzas_of(verses_ru, "ENDINGS", tone)]


@pytest.mark.parametrize(
    ("occasion", "language", "written"),
    [
        ("С днём рождения!", "ru", "оздравляем с днём рождения!"),
        ("На свадьбу", "ru", " — на свадьбу."),
        ("День рождения", "ru", " — день рождения!"),
        ("Новый год", "ru", " — Новый год!"),
        ("8 марта", "ru", " — 8 марта!"),
        ("уходит на пенсию", "ru", " — «уходит на пенсию»!"),
        ("For her graduation", "en", " for her graduation."),
        ("Birthday", "en", ": birthday!"),
        ("Mother’s Day", "en", ": Mother’s Day!"),
        ("moves to Oslo", "en", ": “moves to Oslo”!"),
    ],
)
def test_an_occasion_is_set_in_as_its_first_word_allows(occasion: str, language: str, written: str) -> None:
    assert written in write_verse(replace(RUSSIAN, occasion=occasion, language=language)).split("\n")[2]


@pytest.mark.parametrize("write", [write_verse, write_haiku])
@pytest.mark.parametrize(
    "words", ["", "   ", "…!", "{name} {0} %s", "на", "ъ" * 3000, "слово " * 900, "a\nb\tc\r\n", '«‘»"', "🎉", "محمد"]
)
def test_any_words_at_all_make_a_poem_with_lines_of_a_readable_length(write: Write, words: str) -> None:
    for language in ("ru", "en"):
        poem = write(Brief(words, words, words, words, language))

        assert len(lines_of(poem)) in (3, 8, 12)
        assert max(map(len, lines_of(poem))) < 110
        assert poem[0] == poem[0].upper()


def test_an_order_without_a_name_is_for_a_friend() -> None:
    assert write_verse(replace(RUSSIAN, recipient="")).startswith("Друг мой")
    assert write_verse(replace(ENGLISH, recipient="?")).startswith("My friend")
