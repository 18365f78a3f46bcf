"""Hashes of passwords: argon2id, with the parameters of RFC 9106 for little memory."""

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.accounts.guessable_passwords import is_guessable
from domain.accounts.rules import MAX_PASSWORD_LENGTH, PasswordFault, PasswordRefused, clean_password, composed

_hasher = PasswordHasher()


def hash_new_password(password: str, username: str) -> str:
    """What is kept of the password that somebody of that name has chosen. Raises ``PasswordRefused``.

    The only way to a new password: who has an older one that would be refused today keeps it.
    """
    if is_guessable(clean_password(password), username):
        raise PasswordRefused(PasswordFault.GUESSABLE)
    return hash_password(password)


def hash_password(password: str) -> str:
    """What is kept of ``password``, which was chosen before. Raises ``PasswordRefused`` for one that cannot be any."""
    return _hasher.hash(clean_password(password))


def is_right(password_hash: str | None, password: str) -> bool:
    """Whether the hash is of this password; never for no hash, which takes the same time. Any text may be asked for."""
    # Made before it is needed: the first sign-in of a process would tell by its time whether somebody has that name.
    nobodys_hash = _hash_of_nobody()
    # One character more than any password has, so that a longer one is none, and costs no more.
    typed = composed(password[: 2 * MAX_PASSWORD_LENGTH])[: MAX_PASSWORD_LENGTH + 1].encode(errors="surrogatepass")
    try:
        return _hasher.verify(password_hash or nobodys_hash, typed) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether it was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _hash_of_nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))
