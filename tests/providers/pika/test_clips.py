"""PIKA: what a prompt is made of."""

from dataclasses import replace

import pytest

from providers.base import MediaLink
from providers.pika.clips import MAX_PROMPT_LENGTH, clip_of, clip_payload, prompt_of
from tests.providers.wires import CLIP


def test_a_long_poem_is_cut_after_a_whole_line() -> None:
    line = "Стихи о том, как много нужно слов"

    prompt = prompt_of(replace(CLIP, poem=f"{line}\n\n" * 100))

    assert len(prompt) <= MAX_PROMPT_LENGTH
    assert len(prompt) > MAX_PROMPT_LENGTH - len(line) - 2
    assert prompt.endswith(line)


def test_a_poem_of_one_endless_line_still_gives_a_prompt() -> None:
    prompt = prompt_of(replace(CLIP, poem="слово" * 1000))

    assert len(prompt) <= MAX_PROMPT_LENGTH
    assert prompt.endswith("слово")


def test_the_longest_brief_leaves_room_for_the_poem() -> None:
    brief = replace(CLIP.brief, occasion="юбилей " * 28, tone="нежно " * 33)

    prompt = prompt_of(replace(CLIP, brief=brief, poem="Первая строка.\nВторая строка."))

    assert len(prompt) <= MAX_PROMPT_LENGTH
    assert prompt.endswith("Первая строка.\nВторая строка.")
    assert "юбилей юбилей" in prompt


def test_what_was_not_told_is_not_mentioned() -> None:
    brief = replace(CLIP.brief, occasion=" \n", tone="")

    prompt = prompt_of(replace(CLIP, brief=brief))

    assert not any(label in prompt for label in ("Occasion:", "Mood:"))


def test_the_same_request_says_the_same_words() -> None:
    assert clip_payload(CLIP) == clip_payload(replace(CLIP, token="another"))


@pytest.mark.parametrize("url", ["https://[/a.webm", "https://[::1/a.webm?b=.mov", "https://]:x/a.webm#.mov"])
def test_a_link_that_is_none_is_left_to_whoever_follows_it(url: str) -> None:
    assert clip_of({"url": url}) == MediaLink(url, "video/webm")
