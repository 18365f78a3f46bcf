"""Administrators and tokens."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from flask import Flask

from domain.accounts import administrators, passwords
from domain.accounts.rules import AccountRefused
from domain.db import db, reading, utc_now

PASSWORD = "correct-horse-battery"
#: Letters that keyboards put together differently, characters of many kinds, and the longest.
PASSWORDS = [
    "пароль с пробелами ",
    "Å\u00e9\u0439 \U0001f980 ½ \t\u0000",
    "long " * 100 + "but each of its words is known " * 3,
    "не сразу Москва строилась, " * 37,
    "8-is-ok!",
]
#: Nothing of it can be the name of anybody.
ODD_NAMES = ["", "   ", "anna\x00", "\ud800", "an\nna", "x" * 201, "x" * 20_000, "\u202eanna"]


def test_an_administrator_signs_in_with_name_and_password() -> None:
    created = administrators.create_administrator(" anna ", PASSWORD)

    found = administrators.sign_in("anna", PASSWORD)

    assert found is not None
    assert found.id == created.id
    assert PASSWORD not in found.password_hash
    assert found.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("anna", "wrong-password"),
        ("nobody", PASSWORD),
        ("", ""),
        ("ANNA", PASSWORD),
        ("anna", PASSWORD + "x" * 1024),
        ("anna", PASSWORD + "\ud800"),
        *((name, PASSWORD) for name in ODD_NAMES),
    ],
)
def test_anything_else_does_not_sign_in_and_costs_the_same(
    name: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrators.create_administrator("anna", PASSWORD)
    compared: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: Any, password: Any) -> Any:  # noqa: A002  # the library's own name
            compared.append(hash)
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Watched(time_cost=1, memory_cost=8, parallelism=1))

    assert administrators.sign_in(name, password) is None
    assert len(compared) == 1


@pytest.mark.parametrize("password", PASSWORDS)
def test_any_characters_make_a_password_whichever_keyboard_types_them(password: str) -> None:
    administrators.create_administrator("anna", unicodedata.normalize("NFD", password))

    assert administrators.sign_in("anna", unicodedata.normalize("NFC", password)) is not None
    assert administrators.sign_in("anna", password + " ") is None
    assert administrators.sign_in("anna", password[:-1]) is None


def test_characters_that_only_look_alike_are_not_the_same_password() -> None:
    administrators.create_administrator("anna", "umbrella garden ②")

    assert administrators.sign_in("anna", "umbrella garden 2") is None


def test_a_password_longer_than_any_does_not_sign_in_with_its_beginning() -> None:
    longest = "river lamp " * 93 + "x"
    administrators.create_administrator("anna", longest)

    assert len(longest) == 1024
    assert administrators.sign_in("anna", longest + "x") is None


def test_a_name_is_the_same_whichever_keyboard_types_it() -> None:
    administrators.create_administrator("Андре\u0438\u0306", PASSWORD)

    assert administrators.sign_in("Андре\u0439", PASSWORD) is not None


@pytest.mark.parametrize(
    ("name", "password"),
    [
        *((name, PASSWORD) for name in ODD_NAMES),
        ("olga", "short"),
        ("olga", "x" * 1025),
        # Eight on paper, seven when they are put together.
        ("olga", "abcdefe\u0301"),
        ("olga", "not-utf-8-\udcff"),
    ],
)
def test_an_unfit_name_or_password_is_refused(name: str, password: str) -> None:
    with pytest.raises(AccountRefused):
        administrators.create_administrator(name, password)

    assert not administrators.has_administrators()


def test_a_name_is_taken_once() -> None:
    administrators.create_administrator("anna", PASSWORD)

    with pytest.raises(AccountRefused, match="anna"):
        administrators.create_administrator("anna", PASSWORD)
    assert len(administrators.list_administrators()) == 1


def test_a_new_password_ends_the_sessions_of_the_old_one() -> None:
    created = administrators.create_administrator("anna", PASSWORD)
    session = (created.id, created.epoch, "its-id")
    assert administrators.find_administrator(*session) is not None

    administrators.set_password("anna", "another-long-password")

    assert administrators.find_administrator(*session) is None
    assert administrators.sign_in("anna", PASSWORD) is None
    assert administrators.sign_in("anna", "another-long-password") is not None


def test_signing_in_is_noted_and_renews_a_hash_that_was_made_otherwise() -> None:
    created = administrators.create_administrator("anna", PASSWORD)
    created.password_hash = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    epoch, now = created.epoch, utc_now()
    db.session.commit()

    with reading():
        administrators.note_sign_in(created, PASSWORD, now)

    db.session.rollback()
    assert created.last_signed_in_at == now
    assert extract_parameters(created.password_hash) == extract_parameters(passwords._hasher.hash(PASSWORD))
    assert administrators.sign_in("anna", PASSWORD) is not None
    assert created.epoch == epoch


def test_a_password_that_is_replaced_meanwhile_stays_replaced(app: Flask) -> None:
    created = administrators.create_administrator("anna", PASSWORD)
    created.password_hash = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    db.session.commit()
    with reading():
        signing_in = administrators.sign_in("anna", PASSWORD)
        assert signing_in is not None
        with ThreadPoolExecutor(1) as somebody_else:
            somebody_else.submit(_replace_password, app).result()

        administrators.note_sign_in(signing_in, PASSWORD, utc_now())

    db.session.rollback()
    assert administrators.sign_in("anna", PASSWORD) is None


def _replace_password(app: Flask) -> None:
    with app.app_context():
        administrators.set_password("anna", "another-password")


def test_a_removed_administrator_neither_signs_in_nor_goes_on() -> None:
    anna = administrators.create_administrator("anna", PASSWORD)
    administrators.create_administrator("olga", PASSWORD)
    session = (anna.id, anna.epoch, "its-id")

    administrators.remove_administrator("anna")

    assert administrators.sign_in("anna", PASSWORD) is None
    assert administrators.find_administrator(*session) is None
    assert [each.username for each in administrators.list_administrators()] == ["olga"]


def test_the_last_administrator_is_removed_only_by_who_says_so() -> None:
    administrators.create_administrator("anna", PASSWORD)

    with pytest.raises(AccountRefused, match="the last administrator"):
        administrators.remove_administrator("anna")
    assert administrators.has_administrators()
    administrators.remove_administrator("anna", even_the_last=True)

    assert not administrators.has_administrators()


@pytest.mark.parametrize("name", ["nobody", *ODD_NAMES])
def test_an_unknown_administrator_can_be_neither_changed_nor_removed(name: str) -> None:
    administrators.create_administrator("anna", PASSWORD)

    with pytest.raises(AccountRefused):
        administrators.set_password(name, "another-password")
    with pytest.raises(AccountRefused):
        administrators.remove_administrator(name, even_the_last=True)
