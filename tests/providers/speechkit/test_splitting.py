"""SPEECHKIT: where a long poem is cut."""

from collections.abc import Callable

import pytest

from providers.speechkit.splitting import parts_of


def at_most(limit: int) -> Callable[[str], bool]:
    return lambda text: len(text) <= limit


STANZAS = "раз два\nтри\n\nчетыре\nпять\n\nшесть"


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        (STANZAS, 100, [STANZAS]),
        (STANZAS, len(STANZAS), [STANZAS]),
        (STANZAS, 26, ["раз два\nтри\n\nчетыре\nпять", "шесть"]),
        (STANZAS, 20, ["раз два\nтри", "четыре\nпять\n\nшесть"]),
        (STANZAS, 11, ["раз два\nтри", "четыре\nпять", "шесть"]),
        (STANZAS, 8, ["раз два", "три", "четыре", "пять", "шесть"]),
        (STANZAS, 6, ["раз", "два", "три", "четыре", "пять", "шесть"]),
        ("абвгдеж", 3, ["абв", "где", "ж"]),
        ("один абвгдеж два", 5, ["один", "абвгд", "еж", "два"]),
        ("\n\n  раз\n\n\n  два \n", 6, ["раз", "два"]),
        ("", 5, []),
        (" \n\n ", 5, []),
    ],
)
def test_a_poem_is_cut_where_a_reader_takes_a_breath(text: str, limit: int, parts: list[str]) -> None:
    assert parts_of(text, at_most(limit)) == parts


@pytest.mark.parametrize("limit", range(1, 40))
def test_no_part_is_too_long_and_no_word_is_lost(limit: int) -> None:
    text = "\n\n".join(f"Строка {n} о том,\nчто роза {'а' * n} упала на лапу" for n in range(8))

    parts = parts_of(text, at_most(limit))

    assert all(0 < len(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
