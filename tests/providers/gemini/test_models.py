"""GEMINI: the list in its pages, and which of the listed models are offered."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from providers.errors import InvalidResponse, RateLimited, Unavailable
from providers.gemini import adapter as gemini_adapter
from providers.gemini.adapter import MAX_PAGES, Gemini
from providers.gemini.models import text_models
from providers.http.answers import MAX_MODELS
from providers.kinds import StageType
from tests.emulator.gemini import GeminiRoom
from tests.emulator.gemini_answers import Model
from tests.emulator.listener import until
from tests.emulator.server import Emulator
from tests.providers.conftest import POEM, sample

TEXT = (
    "gemini-2.5-flash",
    "gemini-2.5-pro",
    "gemini-2.0-flash",
    "gemma-3-27b-it",
    "gemini-flash-latest",
    "gemini-3-pro-preview",
)


def test_what_writes_text_is_offered_in_the_vendors_order(gemini: Gemini) -> None:
    assert gemini.list_models(StageType.POEM) == TEXT


def test_everything_that_is_offered_can_write(gemini: Gemini) -> None:
    for model in gemini.list_models(StageType.POEM):
        text = gemini.generate(replace(POEM, model=model)).text
        assert text is not None
        assert model in text


def test_the_sample_list_is_filtered_once_it_is_whole(gemini: Gemini, gemini_room: GeminiRoom) -> None:
    first = sample("gemini/models")
    gemini_room.fail("models", status=200, body=first)
    gemini_room.fail("models", status=200, body={"models": [{**first["models"][0], "name": "models/gemini-x"}]})

    assert gemini.list_models(StageType.POEM) == ("gemini-2.5-flash", "gemini-x")


def test_the_list_is_read_to_its_last_page(gemini: Gemini, gemini_room: GeminiRoom, emulator: Emulator) -> None:
    gemini_room.largest_page = 5

    assert gemini.list_models(StageType.POEM) == TEXT

    queries = [seen.query for seen in emulator.requests]
    assert len(queries) == 4
    assert [query["pageSize"] for query in queries] == ["1000"] * 4
    assert "pageToken" not in queries[0]
    assert len({query["pageToken"] for query in queries[1:]}) == 3


def test_more_models_than_a_default_page_holds_are_all_there(gemini: Gemini, gemini_room: GeminiRoom) -> None:
    gemini_room.catalogue = tuple(Model(f"gemini-{number}") for number in range(54))

    assert len(gemini.list_models(StageType.POEM)) == 54


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ({"status": 503, "body": {}}, Unavailable),
        ({"status": 429, "body": {}}, RateLimited),
        ({"status": 200, "body": {}}, InvalidResponse),
        ({"cut": True}, Unavailable),
    ],
)
def test_a_page_that_fails_fails_the_list(
    gemini: Gemini, gemini_room: GeminiRoom, emulator: Emulator, failure: dict[str, Any], expected: type[Exception]
) -> None:
    gemini_room.largest_page = 5
    gemini_room.fail("models", times=2)
    gemini_room.fail("models", **failure)

    with pytest.raises(expected):
        gemini.list_models(StageType.POEM)

    assert len(emulator.requests) == 3


def test_a_list_without_an_end_is_given_up(gemini: Gemini, gemini_room: GeminiRoom, emulator: Emulator) -> None:
    gemini_room.play("endless_list", times=None)

    with pytest.raises(InvalidResponse, match="endless list"):
        gemini.list_models(StageType.POEM)

    assert len(emulator.requests) == MAX_PAGES


def test_a_list_in_slow_pages_has_one_deadline(
    gemini: Gemini, gemini_room: GeminiRoom, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By the clock of the adapter the first page has taken all the time that there was.
    took = iter([0, Gemini.check_seconds])
    monkeypatch.setattr(gemini_adapter, "time", SimpleNamespace(monotonic=lambda: next(took)))
    monkeypatch.setattr(gemini_adapter, "MIN_SECONDS", 0.05)
    gemini_room.fail("models", shape="endless")
    gemini_room.fail("models", shape="endless", delay=5, times=None)

    with pytest.raises(Unavailable, match="read timeout"):
        gemini.list_models(StageType.POEM)

    # The second page was asked for with what the first had left, and there was no third.
    until(lambda: len(emulator.requests) == 2)


@pytest.mark.parametrize("token", [5, True, ["a"], {"a": "b"}, "\ud800", "a b", "a" * 2001])
def test_a_page_that_nobody_can_ask_for_fails_the_list(
    gemini: Gemini, gemini_room: GeminiRoom, emulator: Emulator, token: object
) -> None:
    gemini_room.fail("models", status=200, body=json.dumps({"models": [], "nextPageToken": token}))

    with pytest.raises(InvalidResponse, match="no token of a page"):
        gemini.list_models(StageType.POEM)

    assert len(emulator.requests) == 1


def test_pages_of_more_than_anybody_reads_are_no_list(gemini: Gemini, gemini_room: GeminiRoom) -> None:
    half = MAX_MODELS // 2 + 1
    for page in range(2):
        rows = [
            {"name": f"models/gemini-{page}-{number}", "supportedGenerationMethods": ["generateContent"]}
            for number in range(half)
        ]
        gemini_room.fail("models", status=200, body={"models": rows, "nextPageToken": "more"})

    with pytest.raises(InvalidResponse, match="too many models"):
        gemini.list_models(StageType.POEM)


def test_a_token_travels_as_it_is(gemini: Gemini, gemini_room: GeminiRoom, emulator: Emulator) -> None:
    gemini_room.fail("models", status=200, body={"models": [], "nextPageToken": "a+/=&key=x"})
    gemini_room.fail("models", status=200, body={"models": []})

    assert gemini.list_models(StageType.POEM) == ()
    assert emulator.requests[1].query == {"pageSize": "1000", "pageToken": "a+/=&key=x"}


@pytest.mark.parametrize(
    ("model", "offered"),
    [
        ("gemini-3.1-pro", True),
        ("gemma-3n-e4b-it", True),
        ("gemini-2.5-flash-lite", True),
        ("learnlm-2.0-flash-experimental", True),
        ("gemini-2.5-pro-preview-tts", False),
        ("gemini-3-pro-image-preview", False),
        ("image-generation-x", False),
        ("gemini-embedding-001", False),
        ("gemini-live-2.5-flash-preview", False),
        ("gemini-2.5-flash-native-audio-dialog", False),
        ("gemini-robotics-er-1.5-preview", False),
        ("gemini-2.5-computer-use-preview", False),
        ("Imagen-5", False),
        ("veo-4", False),
        ("lyria-3", False),
        ("aqa", False),
    ],
)
def test_a_model_that_generates_content_is_judged_by_its_id(model: str, offered: bool) -> None:
    row = {"name": f"models/{model}", "supportedGenerationMethods": ["generateContent"]}

    assert (text_models([row]) == (model,)) is offered


@pytest.mark.parametrize("methods", [None, [], ["embedContent"], "generateContent", 5])
def test_a_model_that_does_not_say_so_generates_no_content(methods: Any) -> None:
    assert text_models([{"name": "models/gemini-x", "supportedGenerationMethods": methods}]) == ()
    assert text_models([{"name": "models/gemini-x"}]) == ()


@pytest.mark.parametrize(
    "body",
    [
        {"models": None},
        {"models": {}},
        {"models": ["models/gemini-x"]},
        {"models": [{"name": "models/gemini-x"}, {"displayName": "Gemini"}]},
        {"models": [{"name": 5}]},
        {"models": [{"name": "models/"}]},
        {"models": [{"name": "models/g\n"}]},
        {"models": [{"name": "models/" + "g" * 201}]},
    ],
)
def test_half_a_list_is_no_list(gemini: Gemini, gemini_room: GeminiRoom, body: Any) -> None:
    gemini_room.fail("models", status=200, body=body, times=2)

    with pytest.raises(InvalidResponse, match="not a list of models"):
        gemini.list_models(StageType.POEM)
    with pytest.raises(InvalidResponse, match="not a list of models"):
        gemini.check_key(StageType.POEM)
