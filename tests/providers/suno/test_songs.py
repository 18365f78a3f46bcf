"""SUNO: style and length of a song."""

from dataclasses import replace

import pytest

from providers.suno.songs import first_song, rules_of, seconds_of, style_of
from tests.providers.wires import SONG

BRIEF = SONG.brief


def test_a_style_has_tone_and_occasion_but_not_the_person() -> None:
    style = style_of(replace(BRIEF, tone="solemn", occasion="a wedding", language="en"), 1000)

    assert style == "vocal song in English, clear diction, melodic, solemn, a wedding"
    assert style_of(replace(BRIEF, tone="", occasion=" "), 1000) == "vocal song in Russian, clear diction, melodic"


def test_a_long_style_keeps_our_words_and_fits() -> None:
    style = style_of(replace(BRIEF, tone="нежно " * 33, occasion="юбилей " * 28), 200)

    assert style.startswith("vocal song in Russian")
    assert 180 < len(style) <= 200


@pytest.mark.parametrize(
    ("poem", "seconds"),
    [
        ("", 20),
        ("Одна строка", 25),
        ("Строка\n\nСтрока\n", 30),
        ("о" * 91, 35),
        ("Строка\n" * 16, 100),
        ("Строка\n" * 500, 360),
    ],
)
def test_the_length_of_a_song_follows_that_of_the_poem(poem: str, seconds: int) -> None:
    assert seconds_of(poem) == seconds


def test_a_model_that_we_do_not_know_is_taken_for_a_fifth() -> None:
    assert rules_of("V9") == rules_of("V5")
    assert rules_of("V6_NEXT") == rules_of("V6")


@pytest.mark.parametrize("url", ["https://[/a.m4a", "https://[::1/a.m4a?b=.wav", "https://]:x/a.m4a#.ogg"])
def test_a_link_that_is_none_is_left_to_whoever_follows_it(url: str) -> None:
    found = first_song({"response": {"sunoData": [{"audioUrl": url}]}})

    assert found is not None
    assert (found[0].url, found[0].content_type) == (url, "audio/mp4")
