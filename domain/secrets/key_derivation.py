"""The keys of the vault, derived from ``ADMIN_SECRET_KEY`` and its earlier values.

A secret that was drawn at random goes through HKDF-SHA256 (RFC 5869) alone. Anything else may be a passphrase: whoever
holds a copy of the database could guess it at billions of tries a second, so it goes through scrypt (RFC 7914) first,
which makes each try cost 128 MB and nearly half a second.

A random secret that looks like a passphrase is one too: of those that ``flask secrets generate`` prints one in some
1,500 has no digit. That is harmless. scrypt takes nothing from a good secret; it costs each process that time once,
when a key is first sealed or opened. The other mistake would be the dangerous one, hence the strict rule.
"""

import hashlib
import re
import unicodedata
from functools import cache
from threading import Lock
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

KEY_BYTES = 32
#: What OWASP's ASVS 5 asks of scrypt: N of 2^17 or more, p of 1.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**17, 8, 1
HEX_OF_32_BYTES = re.compile(r"[0-9A-Fa-f]{64}")
#: 43 characters and more are 32 bytes and more.
BASE64URL_OF_32_BYTES = re.compile(r"[A-Za-z0-9_-]{43,}={0,2}")
#: Of 43 characters drawn at random from 64 about 31 differ; fewer than this never happens, but to those who type.
DISTINCT_CHARACTERS = 20


class SaltSource(Protocol):
    """Where the salt of passphrases comes from: random, not secret, one for each installation."""

    def read(self) -> bytes | None:
        """The salt, or None while there is none: then nothing was sealed with a passphrase either."""
        ...

    def make(self) -> bytes:
        """The salt, which is drawn and stored where there is none."""
        ...


class SealingKeys:
    """The key that seals, and those that open, by their ids.

    A passphrase is stretched at the first need of its key, once in each process. Its tokens of the time before scrypt
    still open, with the key that HKDF alone gives; nothing is sealed with that any more.
    """

    def __init__(self, secret: str, previous: tuple[str, ...], salt: SaltSource | None) -> None:
        self._secret, self._salt = secret, salt
        self._passphrases = tuple(each for each in (secret, *previous) if is_passphrase(each))
        present, *earlier = (_expand(each.encode()) for each in (secret, *previous))
        self._quick = {key_id(key): key for key in (present, *earlier)}
        self._quick_id = None if is_passphrase(secret) else key_id(present)

    def sealing(self) -> tuple[str, bytes]:
        """Id and key that seal now. Raises ``ValueError`` for a passphrase without a source of salts."""
        if self._quick_id is not None:
            return self._quick_id, self._quick[self._quick_id]
        if self._salt is None:
            raise ValueError("a passphrase seals nothing without a salt")
        key = _stretch(self._secret, self._salt.make())
        return key_id(key), key

    def find(self, wanted_id: str) -> bytes | None:
        """The key of that id, or None if no secret of ours gives it."""
        if wanted_id in self._quick:
            return self._quick[wanted_id]
        salt = self._salt.read() if self._salt and self._passphrases else None
        if salt is None:
            return None
        stretched = (_stretch(each, salt) for each in self._passphrases)
        return next((key for key in stretched if key_id(key) == wanted_id), None)


def is_passphrase(secret: str) -> bool:
    """Whether ``secret`` could have been thought up by a person; in doubt it was."""
    if HEX_OF_32_BYTES.fullmatch(secret):
        return False
    kinds = (str.isupper, str.islower, str.isdigit)
    return not (
        BASE64URL_OF_32_BYTES.fullmatch(secret)
        and all(any(map(kind, secret)) for kind in kinds)
        and len(set(secret)) >= DISTINCT_CHARACTERS
    )


def key_id(key: bytes) -> str:
    """What names ``key`` in tokens; it tells nothing of the key."""
    return hashlib.sha256(b"key-id" + key).hexdigest()[:8]


_one_at_a_time = Lock()


def _stretch(passphrase: str, salt: bytes) -> bytes:
    """The key of a passphrase; each is derived once in a process, and never two at the same time."""
    with _one_at_a_time:
        return _derive_slowly(passphrase, salt)


@cache
def _derive_slowly(passphrase: str, salt: bytes) -> bytes:
    # The same word can be typed in two ways of Unicode; on another keyboard it must give the same key.
    typed = unicodedata.normalize("NFC", passphrase).encode()
    return _expand(Scrypt(salt=salt, length=KEY_BYTES, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(typed))


def _expand(material: bytes) -> bytes:
    """32 bytes that serve only to seal providers' keys."""
    hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=b"quatrain/v1", info=b"provider-keys/aes-256-gcm")
    return hkdf.derive(material)
