"""Only what was sealed is a token, to the last character, and a refusal says why; all that can be a key is one."""

import pytest

from domain.secrets.api_keys import MAX_KEY_LENGTH, InvalidKey, clean
from domain.secrets.key_derivation import DISTINCT_CHARACTERS, is_passphrase
from domain.secrets.vault import KeyContext, Unreadable, Vault, Why, key_id_of
from providers.kinds import ProviderKind, StageType

SECRET = "Fake0Secret1Of2Forty3Four4Chars-NeverUsedXyz"
POEM = KeyContext(StageType.POEM, ProviderKind.OPENAI)


@pytest.fixture(autouse=True)
def in_app() -> None:
    """These rules need no database."""


@pytest.mark.parametrize("stranger", ["\n", " ", "!", "\r\n"])
def test_a_token_with_a_character_that_sealing_never_writes_is_none(stranger: str) -> None:
    vault = Vault(SECRET)
    token = vault.seal("sk-canary", POEM)

    for changed in (token[:-4] + stranger + token[-4:], token + stranger):
        with pytest.raises(Unreadable) as caught:
            vault.open(changed, POEM)

        assert caught.value.why is Why.NOT_A_TOKEN
        assert key_id_of(changed) is None


def test_a_refusal_says_why_and_no_more() -> None:
    for token, why in (("clear", Why.NOT_A_TOKEN), ("v1.00000000.AAAA", Why.UNKNOWN_KEY)):
        with pytest.raises(Unreadable) as caught:
            Vault(SECRET).open(token, POEM)

        assert str(caught.value) == why


def test_a_secret_of_just_enough_different_characters_was_drawn_at_random() -> None:
    characters = "ABCDEFGabcdefg0123456789"
    for enough, distinct in ((True, DISTINCT_CHARACTERS), (False, DISTINCT_CHARACTERS - 1)):
        few = characters[:distinct]
        secret = (few * 3)[:43]

        assert len(set(secret)) == distinct
        assert is_passphrase(secret) is not enough


@pytest.mark.parametrize("key", ["!fake-key-0123456789", "~fake-key-0123456789", "fake!key~0123456789"])
def test_the_first_and_the_last_visible_character_of_ascii_may_be_in_a_key(key: str) -> None:
    assert clean(key) == key


def test_a_key_of_the_greatest_length_is_one() -> None:
    assert clean("k" * MAX_KEY_LENGTH) == "k" * MAX_KEY_LENGTH


@pytest.mark.parametrize(
    "pasted", ['Bearer "fake-key-0123456789"', "Api-Key «fake-key-0123456789»", "bearer \u200bfake-key-0123456789"]
)
def test_quotes_behind_a_prefix_are_taken_off_as_well(pasted: str) -> None:
    assert clean(pasted) == "fake-key-0123456789"


@pytest.mark.parametrize("mask", ["...", "***...***", ".*.*.*"])
def test_asterisks_and_dots_alone_are_a_mask(mask: str) -> None:
    with pytest.raises(InvalidKey) as refused:
        clean(mask)

    assert refused.value.code == str(refused.value) == "key_is_a_mask"


@pytest.mark.parametrize("key", ["XXXXXXXX", "*X*X*X*X*", "x.x"])
def test_letters_between_asterisks_are_no_mask(key: str) -> None:
    assert clean(key) == key
