"""Administrators and tokens."""

import pytest

from domain import accounts
from domain.accounts import AccountRefused

PASSWORD = "correct-horse-battery"


def test_an_administrator_signs_in_with_name_and_password() -> None:
    created = accounts.create_administrator(" anna ", PASSWORD)

    found = accounts.sign_in("anna", PASSWORD)

    assert found is not None
    assert found.id == created.id
    assert PASSWORD not in found.password_hash
    assert found.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("name", "password"), [("anna", "wrong-password"), ("nobody", PASSWORD), ("", ""), ("ANNA", "")]
)
def test_anything_else_does_not_sign_in(name: str, password: str) -> None:
    accounts.create_administrator("anna", PASSWORD)

    assert accounts.sign_in(name, password) is None


@pytest.mark.parametrize(
    ("name", "password"), [("", PASSWORD), ("  ", PASSWORD), ("olga", "short"), ("olga", "x" * 1025)]
)
def test_an_unfit_name_or_password_is_refused(name: str, password: str) -> None:
    with pytest.raises(AccountRefused):
        accounts.create_administrator(name, password)

    assert not accounts.has_administrators()


def test_a_name_is_taken_once() -> None:
    accounts.create_administrator("anna", PASSWORD)

    with pytest.raises(AccountRefused, match="anna"):
        accounts.create_administrator("anna", PASSWORD)
    assert len(accounts.list_administrators()) == 1


def test_a_new_password_ends_the_sessions_of_the_old_one() -> None:
    created = accounts.create_administrator("anna", PASSWORD)
    session = (created.id, created.epoch)
    assert accounts.find_administrator(*session) is not None

    accounts.set_password("anna", "another-long-password")

    assert accounts.find_administrator(*session) is None
    assert accounts.sign_in("anna", PASSWORD) is None
    assert accounts.sign_in("anna", "another-long-password") is not None


def test_a_token_is_found_until_it_is_revoked_and_is_not_stored() -> None:
    token = accounts.create_api_token("shop")

    found = accounts.find_api_token(token)
    assert found is not None
    assert found.name == "shop"
    assert token not in found.token_hash

    accounts.revoke_api_token("shop")
    accounts.revoke_api_token("shop")
    assert accounts.find_api_token(token) is None


def test_a_tokens_name_is_taken_once() -> None:
    accounts.create_api_token("shop")

    with pytest.raises(AccountRefused):
        accounts.create_api_token("shop")


def test_an_unknown_token_cannot_be_revoked() -> None:
    with pytest.raises(AccountRefused):
        accounts.revoke_api_token("nobody")
