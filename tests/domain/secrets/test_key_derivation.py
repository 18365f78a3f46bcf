"""A random secret is quick, a passphrase is slow to guess, and nothing that was sealed before is lost."""

import hashlib
import threading
from secrets import token_urlsafe
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from domain.secrets import key_derivation
from domain.secrets.key_derivation import is_passphrase, key_id
from domain.secrets.vault import KeyContext, Unreadable, Vault
from providers.kinds import ProviderKind, StageType

RANDOM = "Fake0Secret1Of2Forty3Four4Chars-NeverUsedXyz"
PASSPHRASE = "an-obviously-fake-secret-of-forty-characters"
SALT = bytes(range(16))
POEM = KeyContext(StageType.POEM, ProviderKind.OPENAI)
KEY = "sk-fake-0123456789"


class FixedSalt:
    """A salt without a database."""

    def __init__(self, salt: bytes | None = SALT) -> None:
        self.salt = salt

    def read(self) -> bytes | None:
        return self.salt

    def make(self) -> bytes:
        self.salt = self.salt or SALT
        return self.salt


class NoSalt:
    """Whoever asks for a salt fails."""

    def read(self) -> bytes | None:
        raise AssertionError("asked for the salt")

    def make(self) -> bytes:
        raise AssertionError("asked for the salt")


@pytest.fixture(autouse=True)
def in_app() -> None:
    """These rules need no database."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> str:
    """scrypt that takes no time, and a passphrase that nobody has stretched yet."""
    monkeypatch.setattr(key_derivation, "SCRYPT_N", 2)
    return f"fake passphrase {token_urlsafe()}"


@pytest.mark.parametrize(
    "secret",
    [RANDOM, f"{RANDOM[:43]}=", "0123456789abcdef" * 4, "0123456789ABCDEF" * 4, "Ab1" + RANDOM * 3],
)
def test_what_was_drawn_at_random_is_used_as_it_is_and_needs_no_salt(secret: str) -> None:
    assert not is_passphrase(secret)
    vault = Vault(secret, (RANDOM,), NoSalt())
    assert vault.open(vault.seal(KEY, POEM), POEM) == KEY
    with pytest.raises(Unreadable):
        vault.open("v1.00000000.AAAA", POEM)


@pytest.mark.parametrize(
    "secret",
    [
        PASSPHRASE,
        RANDOM[:42],
        RANDOM.lower(),
        RANDOM.upper(),
        "Fake-Secret-Of-Forty-Four-Chars-NeverUsedXyz",
        f"{RANDOM[:20]} {RANDOM[20:]}",
        f"{RANDOM[:20]}+{RANDOM[20:]}",
        "Aa1" * 20,
        "0123456789abcdef" * 4 + "0",
        "0123456789abcdeg" * 4,
        "Пароль, который придумал человек, 32 знака и больше",
    ],
)
def test_what_a_person_may_have_thought_up_is_a_passphrase(secret: str) -> None:
    assert is_passphrase(secret)


def test_a_passphrase_is_stretched_with_the_salt_and_the_cost_that_owasp_asks_for() -> None:
    # The id of the key that hashlib.scrypt(…, n=2**17, r=8, p=1) and HKDF give of these two.
    assert Vault(PASSPHRASE, salt=FixedSalt()).key_id == "a3b64a3c"


@pytest.mark.parametrize(
    ("secret", "token"),
    [
        (RANDOM, "v1.82c778c8.AuRK5jKOwPYNTNsFHvP-wvlhaGCa3DEE9mb1fvoMGqB8B9zWjWGk_-QUZyU3ag=="),
        ("0123456789abcdef" * 4, "v1.71855651.aRc_NHP6qmhCNLAlcfBORIzwIeBBGiK5z1IwPIFGR0GZI7w_pEefhs6r_nnovw=="),
        (PASSPHRASE, "v1.fa9ab711.dntvZKT_vPKI2OcLlmIK5YkszSapgBXzn2HH9SWAKC85cXpDC1qRqwlib0DwEw=="),
    ],
)
def test_what_was_sealed_before_passphrases_were_stretched_still_opens(secret: str, token: str) -> None:
    assert Vault(secret, salt=NoSalt()).open(token, POEM) == KEY
    assert Vault(RANDOM, (secret,), NoSalt()).open(token, POEM) == KEY


def test_a_passphrase_opens_what_it_has_sealed_also_as_an_earlier_one(quick: str) -> None:
    token = Vault(quick, salt=FixedSalt()).seal(KEY, POEM)

    assert Vault(RANDOM, (quick,), FixedSalt()).open(token, POEM) == KEY
    assert Vault(f"{quick}!", (quick,), FixedSalt()).open(token, POEM) == KEY
    for vault in (Vault(quick, salt=FixedSalt(b"another")), Vault(quick, salt=FixedSalt(None)), Vault(quick)):
        assert not vault.opens(token, POEM)


def test_a_passphrase_without_a_salt_seals_nothing(quick: str) -> None:
    with pytest.raises(ValueError, match="seals nothing without a salt") as caught:
        Vault(quick).seal(KEY, POEM)

    assert quick not in repr(caught.value)


def test_a_letter_typed_in_two_ways_of_unicode_is_the_same_passphrase(quick: str) -> None:
    composed, decomposed = f"caf\u00e9 {quick}", f"cafe\u0301 {quick}"

    assert Vault(composed, salt=FixedSalt()).key_id == Vault(decomposed, salt=FixedSalt()).key_id


def test_a_passphrase_is_stretched_once_however_many_threads_need_it(
    quick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, most, calls = 0, 0, 0

    class Counted:
        def __init__(self, **cost: Any) -> None:
            self.scrypt = Scrypt(**cost)

        def derive(self, typed: bytes) -> bytes:
            nonlocal at_work, most, calls
            at_work, calls = at_work + 1, calls + 1
            most = max(most, at_work)
            try:
                return self.scrypt.derive(typed)
            finally:
                at_work -= 1

    monkeypatch.setattr(key_derivation, "Scrypt", Counted)
    monkeypatch.setattr(key_derivation, "SCRYPT_N", 2**12)
    together = threading.Barrier(8)

    def seal(secret: str) -> None:
        vault = Vault(secret, (f"{quick} 1",), FixedSalt())
        together.wait()
        vault.open(vault.seal(KEY, POEM), POEM)

    threads = [threading.Thread(target=seal, args=(f"{quick} {number % 2}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (calls, most) == (2, 1)


def test_the_id_of_a_key_tells_nothing_of_it() -> None:
    key = b"k" * 32

    assert key_id(key) == hashlib.sha256(b"key-id" + key).hexdigest()[:8]
