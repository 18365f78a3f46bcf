"""Passwords that somebody would try first are taken nowhere; whatever else a person thinks of is."""

import string
import subprocess
import sys
from collections.abc import Callable

import pytest
from flask import Flask

from domain.accounts import administrators
from domain.accounts.guessable_passwords import is_guessable
from domain.accounts.passwords import hash_password
from domain.accounts.rules import PasswordFault, PasswordRefused
from domain.db import db, reading, utc_now

NAME = "Мария.Petrova"
COMMON = ["password", "12345678", "qwertyuiop", "iloveyou", "P@ssw0rd1", "PASSWORD", "ｐａｓｓｗｏｒｄ", "Passw0rd!"]
OF_A_NAME = ["petrova1", "avortep1", "Petrova1985", "мария2024", "Мария.Petrova", "P3tr0v4!!"]
OF_THE_SERVICE = ["quatrain", "niartauq", "Quatrain1", "quatrain2026", "катрен2026", "administrator"]
OF_A_PATTERN = ["aaaaaaaa", "abababab" * 20, "abcdefgh", "11112222", "1qaz2wsx", "01.01.1990", "x" * 1024]
#: пароль and qwertyui with the keyboard in Russian, пароль with it in English.
OF_ANOTHER_KEYBOARD = ["пароль12", "ПАРОЛЬ123", "йцукенгш", "gfhjkm12", "наташа95"]
WITH_A_YEAR = ["Пароль2026", "gfhjkm2026", "parol2026", "Welcome2026", "Quatrain2026!", "Мария1990", "2026Пароль"]
WITH_A_YEAR += ["Admin2026!", "Summer2026!", "Secret2026", "letmein2026!"]
OF_RUSSIAN_WORDS = ["зайка123", "Москва2026", "любовь12", "Солнышко1"]
OF_TWO_OF_THEM = ["admin admin", "quatrain-admin", "admin@quatrain", "пароль пароль", "localhost8000"]
REFUSED = COMMON + OF_A_NAME + OF_THE_SERVICE + OF_A_PATTERN + OF_ANOTHER_KEYBOARD + WITH_A_YEAR + OF_RUSSIAN_WORDS

GOOD = [
    "correct-horse-battery",
    "четыре слова ни о чём",
    "kQ9zmPf3",
    "wY7-k2Lq",
    "my aunt's parrot sings",
    "password of nobody but me",
    "жук и самовар",
    "x" * 72 + "kQ9zmPf3-wY7-k2Lq-and-more-of-it-to-the-end",
    "\U0001f980\U0001f3b7\U0001f344\U0001f4a1\U0001f9ed\U0001f9f6\U0001f3ba\U0001f52d",
]


@pytest.fixture
def migrated_app(apps: Callable[[str], Flask]) -> Flask:
    """On one database: a password is judged before it gets to any."""
    return apps("sqlite")


@pytest.mark.parametrize(
    "password",
    COMMON + OF_A_NAME + OF_THE_SERVICE + OF_A_PATTERN + OF_ANOTHER_KEYBOARD + WITH_A_YEAR + OF_RUSSIAN_WORDS,
)
def test_what_somebody_would_try_first_is_refused_wherever_a_password_is_set(password: str) -> None:
    with pytest.raises(PasswordRefused) as at_first:
        administrators.create_administrator(NAME, password)
    administrators.create_administrator(NAME, GOOD[0])
    with pytest.raises(PasswordRefused) as later:
        administrators.set_password(NAME, password)

    assert {at_first.value.fault, later.value.fault} == {PasswordFault.GUESSABLE}
    assert administrators.sign_in(NAME, GOOD[0]) is not None


@pytest.mark.parametrize("password", GOOD)
def test_anything_else_is_taken_however_it_is_made_up(password: str) -> None:
    administrators.create_administrator(NAME, password)

    assert administrators.sign_in(NAME, password) is not None


def test_the_name_of_somebody_else_is_not_ones_own() -> None:
    assert is_guessable("Zaphodbb1", "zaphodbb")
    assert not is_guessable("Zaphodbb1", "anna")


def test_a_name_of_signs_alone_makes_no_password_guessable() -> None:
    assert not is_guessable("kQ9zmPf3", "a b._-")


def test_signs_that_could_stand_for_many_letters_are_read_in_time() -> None:
    # With all of them, the library alone would try their readings for minutes.
    assert not is_guessable((string.punctuation + string.digits) * 20, NAME)


def test_who_has_such_a_password_from_before_signs_in_with_it_and_its_hash_is_renewed() -> None:
    db.session.add(administrators.Administrator(username="anna", password_hash=hash_password("password")))
    db.session.commit()

    with reading():
        anna = administrators.sign_in("anna", "password")
        assert anna is not None
        administrators.note_sign_in(anna, "password", utc_now())

    db.session.rollback()
    assert administrators.sign_in("anna", "password") is not None


def test_the_lists_are_read_only_where_a_password_is_set() -> None:
    asked = "import sys, web; print('zxcvbn' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert told.stdout == "False\n"
