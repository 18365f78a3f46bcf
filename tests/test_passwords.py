"""How passwords are kept; most other tests hash them quicker."""

from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from domain import passwords


def test_a_password_is_hashed_as_slowly_as_rfc_9106_recommends() -> None:
    assert isinstance(passwords._hasher, PasswordHasher)
    assert extract_parameters(passwords._hasher.hash("correct-horse-battery")) == RFC_9106_LOW_MEMORY
