"""Seals the providers' keys and opens them again.

A token is ``v1.<key id>.<base64url(nonce, ciphertext, tag)>``: AES-256-GCM under a key that HKDF-SHA256 (RFC 5869)
derives from ``ADMIN_SECRET_KEY``. The place of the key (stage type, provider, field) is authenticated with it, so a
token that was copied to another row opens nowhere else.
"""

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from providers.kinds import ProviderKind, StageType

VERSION = "v1"
NONCE_BYTES = 12


class Unreadable(Exception):
    """A token cannot be opened here: sealed with a key we do not have, meant for another place, or damaged."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed key belongs."""

    stage_type: StageType
    provider_kind: ProviderKind
    field: str = "api_key"

    def authenticated_with(self, key_id: str) -> bytes:
        """The associated data; each part carries its length, so that no two places read the same."""
        parts = (VERSION, key_id, "provider_configs", self.stage_type, self.provider_kind, self.field)
        return b"".join(len(part.encode()).to_bytes(2) + part.encode() for part in parts)


class Vault:
    """Seals with one secret; opens with it and with earlier ones. ``hide`` is told each text that is in clear here."""

    def __init__(
        self, secret: str, previous: tuple[str, ...] = (), hide: Callable[[str], None] = lambda _text: None
    ) -> None:
        self._hide = hide
        keys = [_derive(text) for text in (secret, *previous)]
        self._keys = {_key_id(key): key for key in reversed(keys)}
        self._current = _key_id(keys[0])

    @property
    def key_id(self) -> str:
        """Id of the key that seals now; not secret."""
        return self._current

    def seal(self, text: str, place: Place) -> str:
        """A token for ``text`` that opens only at ``place``."""
        self._hide(text)
        nonce = os.urandom(NONCE_BYTES)
        cipher = AESGCM(self._keys[self._current])
        sealed = cipher.encrypt(nonce, text.encode(), place.authenticated_with(self._current))
        return f"{VERSION}.{self._current}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, token: str, place: Place) -> str:
        """The text that ``seal`` was given. Raises ``Unreadable``; never returns anything else."""
        try:
            version, key_id, body = token.split(".")
            raw = base64.b64decode(body, altchars=b"-_", validate=True)
            if version != VERSION:
                raise Unreadable
            cipher = AESGCM(self._keys[key_id])
            text = cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.authenticated_with(key_id)).decode()
        except (ValueError, KeyError, InvalidTag):
            raise Unreadable from None
        self._hide(text)
        return text


def _derive(secret: str) -> bytes:
    """32 bytes that serve only to seal providers' keys."""
    return HKDF(algorithm=SHA256(), length=32, salt=b"quatrain/v1", info=b"provider-keys/aes-256-gcm").derive(
        secret.encode()
    )


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"key-id" + key).hexdigest()[:8]
