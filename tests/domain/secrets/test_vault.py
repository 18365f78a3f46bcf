"""What is sealed opens in its own place, with a key that we have, and nowhere else."""

import base64
import traceback

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.secrets.vault import KeyContext, Unreadable, Vault, Why, key_id_of
from providers.kinds import ProviderKind, StageType
from tests.domain.unhurried import unhurried

SECRET = "Fake0Secret1Of2Forty3Four4Chars-NeverUsedXyz"
OTHER = "Fake5Other6Secret7Of8Forty9Six-NeverUsedWvuTsr"
OLDEST = "0123456789abcdef" * 4
POEM = KeyContext(StageType.POEM, ProviderKind.OPENAI)

texts = st.text(max_size=600)
places = st.builds(KeyContext, st.sampled_from(StageType), st.sampled_from(ProviderKind), st.text(max_size=20))


@pytest.fixture(autouse=True)
def in_app() -> None:
    """These rules need no database, and so no second run on another one."""


@unhurried
@given(texts, places)
def test_what_is_sealed_opens_again(text: str, place: KeyContext) -> None:
    vault = Vault(SECRET)

    assert vault.open(vault.seal(text, place), place) == text
    assert vault.opens(vault.seal(text, place), place)


def test_the_token_does_not_contain_the_text_and_differs_each_time() -> None:
    vault = Vault(SECRET)

    first, second = vault.seal("sk-canary", POEM), vault.seal("sk-canary", POEM)

    assert "canary" not in first
    assert first != second
    assert first.startswith(f"v1.{vault.key_id}.")
    assert key_id_of(first) == vault.key_id


@pytest.mark.parametrize(
    "place",
    [
        KeyContext(StageType.SONG, ProviderKind.OPENAI),
        KeyContext(StageType.POEM, ProviderKind.GEMINI),
        KeyContext(StageType.POEM, ProviderKind.OPENAI, "another_field"),
    ],
)
def test_a_token_copied_to_another_place_does_not_open(place: KeyContext) -> None:
    vault = Vault(SECRET)

    with pytest.raises(Unreadable):
        vault.open(vault.seal("sk-canary", POEM), place)


@unhurried
@given(texts, places, places)
def test_no_two_places_open_the_same_token(text: str, place: KeyContext, elsewhere: KeyContext) -> None:
    assume(place != elsewhere)
    vault = Vault(SECRET)

    assert not vault.opens(vault.seal(text, place), elsewhere)


def test_another_secret_does_not_open_it() -> None:
    with pytest.raises(Unreadable) as caught:
        Vault(OTHER).open(Vault(SECRET).seal("sk-canary", POEM), POEM)

    assert caught.value.why is Why.UNKNOWN_KEY


def test_a_previous_secret_opens_but_does_not_seal() -> None:
    token = Vault(SECRET).seal("sk-canary", POEM)
    vault = Vault(OTHER, (SECRET,))

    assert vault.open(token, POEM) == "sk-canary"
    assert key_id_of(vault.seal("sk-canary", POEM)) == Vault(OTHER).key_id
    assert vault.holds(Vault(SECRET).key_id)
    assert not Vault(OTHER).holds(Vault(SECRET).key_id)


@unhurried
@given(texts, places, st.permutations((SECRET, OTHER, OLDEST)))
def test_whatever_the_order_of_secrets_each_of_them_opens(text: str, place: KeyContext, secrets: list[str]) -> None:
    tokens = [Vault(secret).seal(text, place) for secret in secrets]

    vault = Vault(secrets[0], tuple(secrets[1:]))

    assert [vault.open(token, place) for token in tokens] == [text] * 3
    assert vault.key_id == Vault(secrets[0]).key_id


def test_a_secret_that_is_also_among_the_earlier_ones_still_seals() -> None:
    for earlier in ((OTHER, SECRET), (SECRET, OTHER)):
        assert Vault(SECRET, earlier).key_id == Vault(SECRET).key_id


@unhurried
@given(st.text(), st.binary(max_size=40))
def test_rubbish_is_unreadable_and_nothing_else(text: str, raw: bytes) -> None:
    vault = Vault(SECRET)
    for token in (text, f"v1.{vault.key_id}.{text}", f"v1.{vault.key_id}.{raw.hex()}", f"v2.{vault.key_id}.AAAA"):
        with pytest.raises(Unreadable):
            vault.open(token, POEM)


@unhurried
@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_token_with_one_byte_changed_does_not_open(place: int, change: int) -> None:
    vault = Vault(SECRET)
    version, key_id, body = vault.seal("sk-canary", POEM).split(".")
    raw = bytearray(base64.urlsafe_b64decode(body))
    raw[place % len(raw)] ^= change

    with pytest.raises(Unreadable) as caught:
        vault.open(f"{version}.{key_id}.{base64.urlsafe_b64encode(raw).decode()}", POEM)

    assert caught.value.why is Why.DOES_NOT_OPEN


def test_a_key_stored_in_clear_is_not_taken_for_a_token_and_not_repeated() -> None:
    for clear in ("sk-canary-0123456789", "v1.sk-canary.QUJD", "a.b.c"):
        with pytest.raises(Unreadable) as caught:
            Vault(SECRET).open(clear, POEM)

        assert caught.value.why is Why.NOT_A_TOKEN
        assert "canary" not in "".join(traceback.format_exception(caught.value))
        assert key_id_of(clear) is None


def test_no_refusal_shows_key_secret_or_token() -> None:
    token = Vault(SECRET).seal("sk-canary", POEM)

    for vault, place in ((Vault(OTHER), POEM), (Vault(SECRET), KeyContext(StageType.SONG, ProviderKind.OPENAI))):
        with pytest.raises(Unreadable) as caught:
            vault.open(token, place)

        shown = repr(caught.value) + str(caught.value) + repr(vault) + repr(vault.__dict__)
        assert not [secret for secret in ("sk-canary", SECRET, OTHER, token) if secret in shown]
