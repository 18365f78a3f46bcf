"""What is sealed opens in its own place, with a key that we have, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.vault import Place, Unreadable, Vault
from providers.kinds import ProviderKind, StageType

SECRET = "an-obviously-fake-secret-of-forty-characters"
OTHER = "another-obviously-fake-secret-of-forty-chars"
POEM = Place(StageType.POEM, ProviderKind.OPENAI)


@pytest.fixture(autouse=True)
def in_app() -> None:
    """These rules need no database, and so no second run on another one."""


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_what_is_sealed_opens_again(text: str) -> None:
    vault = Vault(SECRET)

    assert vault.open(vault.seal(text, POEM), POEM) == text


def test_the_token_does_not_contain_the_text_and_differs_each_time() -> None:
    vault = Vault(SECRET)

    first, second = vault.seal("sk-canary", POEM), vault.seal("sk-canary", POEM)

    assert "canary" not in first
    assert first != second
    assert first.startswith(f"v1.{vault.key_id}.")


@pytest.mark.parametrize(
    "place",
    [
        Place(StageType.SONG, ProviderKind.OPENAI),
        Place(StageType.POEM, ProviderKind.GEMINI),
        Place(StageType.POEM, ProviderKind.OPENAI, "another_field"),
    ],
)
def test_a_token_copied_to_another_place_does_not_open(place: Place) -> None:
    vault = Vault(SECRET)

    with pytest.raises(Unreadable):
        vault.open(vault.seal("sk-canary", POEM), place)


def test_another_secret_does_not_open_it() -> None:
    with pytest.raises(Unreadable):
        Vault(OTHER).open(Vault(SECRET).seal("sk-canary", POEM), POEM)


def test_a_previous_secret_opens_but_does_not_seal() -> None:
    token = Vault(SECRET).seal("sk-canary", POEM)
    vault = Vault(OTHER, (SECRET,))

    assert vault.open(token, POEM) == "sk-canary"
    assert vault.seal("sk-canary", POEM).split(".")[1] == Vault(OTHER).key_id


@given(st.text(), st.binary(max_size=40))
def test_rubbish_is_unreadable_and_nothing_else(text: str, raw: bytes) -> None:
    vault = Vault(SECRET)
    for token in (text, f"v1.{vault.key_id}.{text}", f"v1.{vault.key_id}.{raw.hex()}", f"v2.{vault.key_id}.AAAA"):
        with pytest.raises(Unreadable):
            vault.open(token, POEM)


def test_a_changed_token_does_not_open() -> None:
    vault = Vault(SECRET)
    token = vault.seal("sk-canary", POEM)
    middle = len(token) // 2
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]

    with pytest.raises(Unreadable):
        vault.open(changed, POEM)
