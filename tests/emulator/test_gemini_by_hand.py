"""GEMINI asked by hand: what no client of the vendor's sends, and what it hides of the answers."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from providers.kinds import ProviderKind
from tests.emulator.server import Emulator
from tests.providers.conftest import sample

KEY = "AQ.emulated-0123456789abcdef"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        running.gemini.add_key("works", KEY)
        yield running


def ask(emulator: Emulator, path: str, body: Any = None, *, headers: dict[str, str]) -> requests.Response:
    url = emulator.base_url(ProviderKind.GEMINI) + path
    return requests.request("GET" if body is None else "POST", url, json=body, headers=headers, timeout=60)


def test_the_sample_request_is_taken(emulator: Emulator) -> None:
    path = "/v1beta/models/gemini-2.5-flash:generateContent"

    answer = ask(emulator, path, sample("gemini/request"), headers={"x-goog-api-key": KEY})

    assert answer.status_code == 200
    assert set(answer.json()) == set(sample("gemini/content"))


@pytest.mark.parametrize(
    ("headers", "query", "status", "said"),
    [
        ({}, "", 403, "unregistered callers"),
        ({}, f"?key={KEY}", 200, "models"),
        ({"x-goog-api-key": KEY, "Authorization": f"Bearer {KEY}"}, "", 400, "Multiple authentication credentials"),
        ({"Authorization": f"Bearer {KEY}"}, "", 403, "unregistered callers"),
    ],
)
def test_a_key_comes_one_way_at_a_time(
    emulator: Emulator, headers: dict[str, str], query: str, status: int, said: str
) -> None:
    answer = ask(emulator, "/v1beta/models" + query, headers=headers)

    assert answer.status_code == status
    assert said in answer.text


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/v1beta/models/gemini-2.5-flash:generateContent", {}, 400, "contents is not specified"),
        ("/v1beta/models/gemini-2.5-flash:generateContent", {"contents": [], "poem": 1}, 400, "Unknown name"),
        ("/v1beta/models/gemini-2.5-flash:generateContent", [], 400, "Invalid JSON payload"),
        ("/v1beta/models?pageToken=x", None, 400, "Page token is invalid"),
        ("/v1beta/models?pageSize=-1", None, 400, "page_size"),
        ("/v1beta/poems", None, 404, "<!DOCTYPE html>"),
    ],
)
def test_what_no_client_sends_is_refused(emulator: Emulator, path: str, body: Any, status: int, said: str) -> None:
    answer = ask(emulator, path, body, headers={"x-goog-api-key": KEY})

    assert answer.status_code == status
    assert said in answer.text


@pytest.mark.parametrize(
    ("size", "rows", "more"), [(None, 50, True), (0, 50, True), (60, 60, False), (5000, 60, False)]
)
def test_a_page_has_fifty_rows_unless_more_are_asked_for(
    emulator: Emulator, size: int | None, rows: int, more: bool
) -> None:
    emulator.gemini.catalogue = emulator.gemini.catalogue[:1] * 60
    query = "" if size is None else f"?pageSize={size}"

    page = ask(emulator, f"/v1beta/models{query}", headers={"x-goog-api-key": KEY}).json()

    assert (len(page["models"]), "nextPageToken" in page) == (rows, more)
