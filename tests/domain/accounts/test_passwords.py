"""How passwords are kept; most other tests hash them quicker."""

from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from domain.accounts import passwords
from tests.database_kinds import on_one_database

#: Taken before the fixtures put a quick one in its place.
HASHER = passwords._hasher


@on_one_database
def test_a_password_is_hashed_as_slowly_as_rfc_9106_recommends() -> None:
    assert isinstance(HASHER, PasswordHasher)
    assert extract_parameters(HASHER.hash("correct-horse-battery")) == RFC_9106_LOW_MEMORY
