"""What people paste as a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.secrets.api_keys import InvalidKey, clean, last_four
from tests.domain.unhurried import unhurried


@pytest.fixture(autouse=True)
def in_app() -> None:
    """These rules need no database, and so no second run on another one."""


@pytest.mark.parametrize(
    "pasted",
    [
        "sk-fake-0123456789",
        "  sk-fake-0123456789\n",
        '"sk-fake-0123456789"',
        "«sk-fake-0123456789»",
        "Bearer sk-fake-0123456789",
        "bearer   sk-fake-0123456789 ",
        "Api-Key sk-fake-0123456789",
        "'Bearer sk-fake-0123456789'",
        "\u200bsk-fake-0123456789\ufeff",
        "\u00a0sk-fake-0123456789\u00a0",
    ],
)
def test_what_surrounds_a_key_is_taken_off(pasted: str) -> None:
    assert clean(pasted) == "sk-fake-0123456789"


@pytest.mark.parametrize("blank", ["", "   ", "\n", '""', " ' ' "])
def test_nothing_is_no_key(blank: str) -> None:
    assert clean(blank) == ""


@pytest.mark.parametrize(
    ("pasted", "code"),
    [
        ("sk-fake 0123456789", "key_has_odd_characters"),
        ("sk-fake\n0123456789", "key_has_odd_characters"),
        ("sk-fake\x000123456789", "key_has_odd_characters"),
        ("ключ-0123456789", "key_has_odd_characters"),
        ("…a1b2", "key_has_odd_characters"),
        ("••••a1b2", "key_has_odd_characters"),
        ("************", "key_is_a_mask"),
        ("k" * 513, "key_too_long"),
    ],
)
def test_what_cannot_be_a_key_is_refused_without_repeating_it(pasted: str, code: str) -> None:
    with pytest.raises(InvalidKey) as refused:
        clean(pasted)

    assert refused.value.code == code
    assert pasted not in repr(refused.value)


@unhurried
@given(st.text(max_size=600))
def test_a_key_is_visible_ascii_or_refused(text: str) -> None:
    try:
        key = clean(text)
    except InvalidKey:
        return
    assert len(key) <= 512
    assert all(33 <= ord(character) <= 126 for character in key)
    key.encode("latin-1")


@pytest.mark.parametrize(("key", "shown"), [("k" * 11, None), ("sk-fake-a1b2", "a1b2"), ("", None)])
def test_last_four_show_only_of_a_long_key(key: str, shown: str | None) -> None:
    assert last_four(key) == shown
