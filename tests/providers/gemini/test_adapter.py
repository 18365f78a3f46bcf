"""GEMINI: the exact payloads, and the sample answers read."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from providers.errors import ContentBlocked, InvalidResponse, PermissionMissing, ProviderError
from providers.gemini.adapter import Gemini
from providers.kinds import StageType
from tests.emulator.gemini import GeminiRoom
from tests.emulator.server import Emulator
from tests.providers.conftest import CANARY, RECIPIENT, sample
from tests.providers.conftest import POEM as ANY_POEM

POEM = replace(ANY_POEM, model="gemini-2.5-flash")


@pytest.mark.parametrize("reason", [[], {}, 5, True, ["SAFETY"]])
def test_an_end_that_is_no_word_is_none_that_we_know(gemini: Gemini, gemini_room: GeminiRoom, reason: object) -> None:
    body = sample("gemini/content")
    body["candidates"][0]["finishReason"] = reason
    gemini_room.fail("generate", status=200, body=body)

    with pytest.raises(InvalidResponse, match="broke off"):
        gemini.generate(POEM)


def test_a_poem_is_asked_for_with_its_instructions_apart(gemini: Gemini, emulator: Emulator) -> None:
    gemini.generate(POEM)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("POST", "/gemini/v1beta/models/gemini-2.5-flash:generateContent")
    assert seen.body == {
        "systemInstruction": {"parts": [{"text": POEM.instructions}]},
        "contents": [{"role": "user", "parts": [{"text": POEM.prompt}]}],
        "generationConfig": {"maxOutputTokens": 8192},
    }


def test_a_model_without_a_place_for_instructions_gets_them_with_its_prompt(gemini: Gemini, emulator: Emulator) -> None:
    text = gemini.generate(replace(POEM, model="gemma-3-27b-it")).text

    assert text is not None
    assert RECIPIENT in text
    assert emulator.requests[0].body == {
        "contents": [{"role": "user", "parts": [{"text": f"{POEM.instructions}\n\n{POEM.prompt}"}]}],
        "generationConfig": {"maxOutputTokens": 8192},
    }


@pytest.mark.parametrize(
    "call",
    [
        lambda gemini: gemini.check_key(StageType.POEM),
        lambda gemini: gemini.list_models(StageType.POEM),
        lambda gemini: gemini.generate(POEM),
    ],
    ids=["check_key", "list_models", "generate"],
)
def test_the_key_is_never_in_the_address(gemini: Gemini, emulator: Emulator, call: Callable[[Gemini], Any]) -> None:
    call(gemini)

    assert emulator.requests[0].key == "canary"
    assert "key" not in emulator.requests[0].query
    assert "authorization" not in emulator.requests[0].headers
    assert CANARY not in repr(emulator.requests)


def test_a_key_is_checked_by_listing_one_model(gemini: Gemini, emulator: Emulator) -> None:
    gemini.check_key(StageType.POEM)

    (seen,) = emulator.requests
    assert (seen.method, seen.path, seen.query) == ("GET", "/gemini/v1beta/models", {"pageSize": "1"})
    assert emulator.ledger == []


@pytest.mark.parametrize("model", ["models/gemini-2.5-flash", "gemini-2.5-flash"])
def test_an_id_may_come_with_its_prefix(gemini: Gemini, emulator: Emulator, model: str) -> None:
    assert gemini.generate(replace(POEM, model=model)).model == "gemini-2.5-flash"
    assert emulator.requests[0].path == "/gemini/v1beta/models/gemini-2.5-flash:generateContent"


def test_an_id_does_not_leave_its_place_in_the_path(gemini: Gemini, emulator: Emulator) -> None:
    with pytest.raises(ProviderError):
        gemini.generate(replace(POEM, model="../x?key=y#"))

    (seen,) = emulator.requests
    assert (seen.path, seen.query) == ("/gemini/v1beta/models/../x?key=y#:generateContent", {})


def test_an_answer_is_read(gemini: Gemini, gemini_room: GeminiRoom) -> None:
    gemini_room.fail("generate", status=200, body=sample("gemini/content"))

    result = gemini.generate(POEM)

    assert (result.text, result.model, result.request_id) == ("Hello!", "gemini-2.5-flash", "abcDEF123")
    assert result.usage == {"input_tokens": 9, "output_tokens": 22, "total_tokens": 31, "reasoning_tokens": 20}


def test_an_answer_in_parts_is_one_text_without_its_thoughts(gemini: Gemini, gemini_room: GeminiRoom) -> None:
    gemini_room.fail("generate", status=200, body=sample("gemini/content_in_parts"))

    assert gemini.generate(POEM).text == "Roses are red,\nviolets are blue."


def test_thoughts_are_no_verses(gemini: Gemini, gemini_room: GeminiRoom) -> None:
    gemini_room.play("thoughts")

    text = gemini.generate(POEM).text

    assert text is not None
    assert text.startswith("gemini-2.5-flash sings:")


def test_tokens_of_tools_are_input(gemini: Gemini, gemini_room: GeminiRoom) -> None:
    usage = {"promptTokenCount": 9, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 16}
    gemini_room.fail("generate", status=200, body={**sample("gemini/content"), "usageMetadata": usage})

    assert gemini.generate(POEM).usage == {
        "input_tokens": 14,
        "output_tokens": 2,
        "total_tokens": 16,
        "reasoning_tokens": 0,
    }


def test_an_answer_may_say_little(gemini: Gemini, gemini_room: GeminiRoom) -> None:
    body = {"candidates": [{"content": {"parts": [{"text": " Roses\x00 are red \n"}]}}], "usageMetadata": "free"}
    gemini_room.fail("generate", status=200, body=body)

    result = gemini.generate(POEM)

    assert (result.text, result.model, result.request_id, result.usage) == ("Roses are red", POEM.model, None, {})


@pytest.mark.parametrize(
    ("name", "expected", "detail", "request_id"),
    [
        ("prompt_blocked", ContentBlocked, "prompt: PROHIBITED_CONTENT", None),
        ("answer_blocked", ContentBlocked, "SAFETY", None),
        ("content_used_up_by_thinking", InvalidResponse, "broke off: MAX_TOKENS", "abcDEF123"),
        ("content_broken_off", InvalidResponse, "broke off: MAX_TOKENS", "abcDEF123"),
    ],
)
def test_a_success_without_a_poem_is_none(
    gemini: Gemini,
    gemini_room: GeminiRoom,
    name: str,
    expected: type[ProviderError],
    detail: str,
    request_id: str | None,
) -> None:
    gemini_room.fail("generate", status=200, body=sample(f"gemini/{name}"))

    with pytest.raises(ProviderError) as caught:
        gemini.generate(POEM)

    assert type(caught.value) is expected
    assert (caught.value.detail, caught.value.status, caught.value.request_id) == (detail, 200, request_id)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("SAFETY", ContentBlocked),
        ("PROHIBITED_CONTENT", ContentBlocked),
        ("BLOCKLIST", ContentBlocked),
        ("SPII", ContentBlocked),
        ("RECITATION", ContentBlocked),
        ("ESCALATION", ContentBlocked),
        ("PUP_LIMITED_DISABLED", PermissionMissing),
        ("LANGUAGE", InvalidResponse),
        ("OTHER", InvalidResponse),
        ("MALFORMED_FUNCTION_CALL", InvalidResponse),
        ("A reason of tomorrow", InvalidResponse),
    ],
)
def test_a_candidate_says_why_it_ended(
    gemini: Gemini, gemini_room: GeminiRoom, emulator: Emulator, reason: str, expected: type[ProviderError]
) -> None:
    gemini_room.fail("generate", shape=f"finish:{reason}")

    with pytest.raises(ProviderError) as caught:
        gemini.generate(POEM)

    assert type(caught.value) is expected
    assert "tomorrow" not in caught.value.detail
    assert len(emulator.ledger) == 1


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "NEW"])
def test_whatever_blocks_a_prompt_is_the_filter(gemini: Gemini, gemini_room: GeminiRoom, reason: str) -> None:
    gemini_room.fail("generate", shape=f"prompt:{reason}")

    with pytest.raises(ContentBlocked, match=f"prompt: {reason}"):
        gemini.generate(POEM)


@pytest.mark.parametrize(
    "body",
    [
        {"candidates": []},
        {"candidates": None},
        {"candidates": ["text"]},
        {"candidates": [{"finishReason": "STOP"}]},
        {"candidates": [{"finishReason": "STOP", "content": {"role": "model"}}]},
        {"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": " \n"}, {"text": 5}]}}]},
        {"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": "Hm.", "thought": True}]}}]},
        {"promptFeedback": {}},
    ],
)
def test_an_answer_without_a_text_is_unreadable(gemini: Gemini, gemini_room: GeminiRoom, body: Any) -> None:
    gemini_room.fail("generate", status=200, body=body)

    with pytest.raises(InvalidResponse, match="no text"):
        gemini.generate(POEM)
