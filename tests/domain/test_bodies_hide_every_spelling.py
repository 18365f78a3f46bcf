"""The body of an answer hides a key as a page, as JSON and as plain text would write it, and keeps its other bytes."""

import html
import json
from collections.abc import Callable

import pytest

from domain.redaction import HIDDEN, Redactor

KEY = 'fake<canary>&"key"+/=\\\'0123456789'
SPELLINGS: list[Callable[[str], str]] = [str, html.escape, lambda key: json.dumps(key)[1:-1]]


@pytest.fixture(autouse=True)
def in_app() -> None:
    """These rules need no database."""


@pytest.mark.parametrize("spelled", SPELLINGS, ids=["plain", "HTML", "JSON"])
def test_a_body_hides_a_key_in_the_spelling_of_its_kind(spelled: Callable[[str], str]) -> None:
    knows = Redactor()
    knows.know(KEY)
    around = "Стих\udcff".encode("utf-8", "surrogateescape")

    body = around + spelled(KEY).encode() + around

    assert knows.clean_body(body) == around + HIDDEN.encode() + around


def test_a_secret_of_the_environment_is_hidden_in_a_body_as_well() -> None:
    knows = Redactor()
    knows.know_environment([KEY])

    assert knows.clean_body(KEY.encode()) == HIDDEN.encode()
