"""Seals the providers' keys and opens them again.

A token is ``v1.<key id>.<base64url(nonce, ciphertext, tag)>``: AES-256-GCM under a key that ``key_derivation`` derives
from ``ADMIN_SECRET_KEY``. The place of the key (stage type, provider, field) is authenticated with it, so a token that
was copied to another row opens nowhere else.
"""

import base64
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.secrets.key_derivation import SaltSource, SealingKeys
from providers.http.redaction import key_stands_in
from providers.kinds import ProviderKind, StageType

VERSION = "v1"
NONCE_BYTES = 12
KEY_ID = re.compile(r"[0-9a-f]{8}")


class Why(StrEnum):
    """Why a token cannot be opened."""

    UNKNOWN_KEY = "unknown_key"
    DOES_NOT_OPEN = "does_not_open"
    NOT_A_TOKEN = "not_a_token"  # noqa: S105  # the name of a reason


class Unreadable(Exception):
    """A token cannot be opened here: sealed with a key we do not have, meant for another place, or damaged."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class KeyContext:
    """Where a sealed key belongs."""

    stage_type: StageType
    provider_kind: ProviderKind
    field: str = "api_key"

    def authenticated_with(self, key_id: str) -> bytes:
        """The associated data; each part carries its length, so that no two places read the same."""
        parts = (VERSION, key_id, "provider_configs", self.stage_type, self.provider_kind, self.field)
        return b"".join(len(part.encode()).to_bytes(2) + part.encode() for part in parts)


class Vault:
    """Seals with one secret; opens with it and with earlier ones.

    ``salt`` is asked for only where a secret is a passphrase: without one, tokens of passphrases cannot be opened.
    ``hide`` is told each text that is in clear here.
    """

    def __init__(
        self,
        secret: str,
        previous: tuple[str, ...] = (),
        salt: SaltSource | None = None,
        hide: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._keys = SealingKeys(secret, previous, salt)
        self._hide = hide

    @property
    def key_id(self) -> str:
        """Id of the key that seals now; not secret."""
        return self._keys.sealing()[0]

    def holds(self, key_id: str) -> bool:
        """Whether a secret of ours gives the key of that id."""
        return self._keys.find(key_id) is not None

    def seal(self, text: str, place: KeyContext) -> str:
        """A token for ``text`` that opens only at ``place``."""
        self._hide(text)
        key_id, key = self._keys.sealing()
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, text.encode(), place.authenticated_with(key_id))
        return f"{VERSION}.{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, token: str, place: KeyContext) -> str:
        """The text that ``seal`` was given. Raises ``Unreadable``; never returns anything else."""
        key_id, raw = _parts(token)
        key = self._keys.find(key_id)
        if key is None:
            raise Unreadable(Why.UNKNOWN_KEY)
        try:
            text = AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.authenticated_with(key_id)).decode()
        except (ValueError, InvalidTag):
            raise Unreadable(Why.DOES_NOT_OPEN) from None
        self._hide(text)
        return text

    def opens(self, token: str, place: KeyContext) -> bool:
        """Whether ``open`` would give a text; it is forgotten at once."""
        try:
            self.open(token, place)
        except Unreadable:
            return False
        return True

    def stands_in(self, token: str, place: KeyContext, text: str) -> bool:
        """Whether the key that is sealed stands in ``text``; of one that cannot be opened nobody knows."""
        try:
            return key_stands_in(self.open(token, place), text)
        except Unreadable:
            return False


def key_id_of(token: str) -> str | None:
    """Id of the key that ``token`` was sealed with; None if it is no token."""
    try:
        return _parts(token)[0]
    except Unreadable:
        return None


def _parts(token: str) -> tuple[str, bytes]:
    """Key id, and nonce with ciphertext and tag."""
    try:
        version, key_id, body = token.split(".")
        raw = base64.b64decode(body, altchars=b"-_", validate=True)
    except ValueError:
        raise Unreadable(Why.NOT_A_TOKEN) from None
    if version != VERSION or not KEY_ID.fullmatch(key_id):
        raise Unreadable(Why.NOT_A_TOKEN)
    return key_id, raw
