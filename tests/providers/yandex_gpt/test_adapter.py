"""YANDEX_GPT: the exact payloads, and the sample answers read."""

from dataclasses import replace
from typing import Any

import pytest

from providers.errors import ContentBlocked, InvalidResponse, ProviderError
from providers.kinds import StageType
from providers.yandex_gpt.adapter import YandexGPT
from tests.emulator.server import Emulator
from tests.emulator.yandex_gpt import YandexGPTRoom
from tests.emulator.yandex_gpt_answers import FOLDER
from tests.providers.conftest import POEM as ANY_POEM
from tests.providers.conftest import sample

POEM = replace(ANY_POEM, model=f"gpt://{FOLDER}/yandexgpt/latest")


def test_a_poem_is_asked_for_over_chat_and_must_not_be_kept(yandex: YandexGPT, emulator: Emulator) -> None:
    yandex.generate(POEM)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("POST", "/yandex_gpt/v1/chat/completions")
    assert seen.body == {
        "model": f"gpt://{FOLDER}/yandexgpt/latest",
        "messages": [
            {"role": "system", "content": POEM.instructions},
            {"role": "user", "content": POEM.prompt},
        ],
        "max_tokens": 4000,
    }
    assert seen.headers["x-data-logging-enabled"] == "false"
    assert seen.headers["x-client-request-id"] == POEM.token


def test_no_folder_is_sent(yandex: YandexGPT, emulator: Emulator) -> None:
    yandex.check_key(StageType.POEM)
    yandex.list_models(StageType.POEM)
    yandex.generate(POEM)

    names = {name for seen in emulator.requests for name in seen.headers}
    assert not names & {"x-folder-id", "openai-project", "x-project"}
    assert not any(seen.query for seen in emulator.requests)


def test_a_key_is_checked_by_listing_the_models(yandex: YandexGPT, emulator: Emulator) -> None:
    yandex.check_key(StageType.POEM)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("GET", "/yandex_gpt/v1/models")
    assert emulator.ledger == []


def test_a_completion_is_read(yandex: YandexGPT, yandex_room: YandexGPTRoom) -> None:
    yandex_room.fail("chat", status=200, body=sample("yandex_gpt/completion"), headers={"x-request-id": "req-7"})

    result = yandex.generate(POEM)

    assert (result.text, result.model, result.request_id) == ("7", POEM.model, "req-7")
    assert result.usage == {"input_tokens": 20, "output_tokens": 2, "total_tokens": 22}


def test_an_open_model_answers_by_its_bare_name_and_with_its_reasoning(
    yandex: YandexGPT, yandex_room: YandexGPTRoom
) -> None:
    yandex_room.fail("chat", status=200, body=sample("yandex_gpt/completion_of_an_open_model"))
    model = f"gpt://{FOLDER}/gpt-oss-120b/latest"

    result = yandex.generate(replace(POEM, model=model))

    assert (result.text, result.model) == ("7", model)
    assert result.usage == {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30, "reasoning_tokens": 8}


def test_an_answer_may_say_little(yandex: YandexGPT, yandex_room: YandexGPTRoom) -> None:
    body = {"choices": [{"message": {"content": " Roses\x00 are red \n"}}], "usage": "free"}
    yandex_room.fail("chat", status=200, body=body)

    result = yandex.generate(POEM)

    assert (result.text, result.model, result.usage) == ("Roses are red", POEM.model, {})


@pytest.mark.parametrize(
    ("name", "expected", "detail"),
    [
        ("completion_filtered", ContentBlocked, "content_filter"),
        ("completion_used_up_by_reasoning", InvalidResponse, "broke off: length"),
    ],
)
def test_a_success_without_a_poem_is_none(
    yandex: YandexGPT, yandex_room: YandexGPTRoom, name: str, expected: type[ProviderError], detail: str
) -> None:
    yandex_room.fail("chat", status=200, body=sample(f"yandex_gpt/{name}"), headers={"x-request-id": "req-9"})

    with pytest.raises(ProviderError) as caught:
        yandex.generate(POEM)

    assert type(caught.value) is expected
    assert (caught.value.detail, caught.value.status, caught.value.request_id) == (detail, 200, "req-9")


def test_a_refusal_that_is_marked_as_one_is_the_filter(yandex: YandexGPT, yandex_room: YandexGPTRoom) -> None:
    message = {"role": "assistant", "content": None, "refusal": "Не могу."}
    yandex_room.fail("chat", status=200, body={"choices": [{"message": message, "finish_reason": "stop"}]})

    with pytest.raises(ContentBlocked, match="refusal"):
        yandex.generate(POEM)


def test_a_polite_refusal_is_a_text_like_any_other(yandex: YandexGPT, yandex_room: YandexGPTRoom) -> None:
    yandex_room.play("polite_refusal")

    text = yandex.generate(POEM).text

    assert text is not None
    assert text.startswith("Я не могу обсуждать эту тему")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"choices": []}, "no text"),
        ({"choices": None}, "no text"),
        ({"choices": ["text"]}, "no text"),
        ({"choices": [{"finish_reason": "stop"}]}, "no text"),
        ({"choices": [{"finish_reason": "stop", "message": {"content": " \n"}}]}, "no text"),
        ({"choices": [{"finish_reason": "stop", "message": {"content": ["7"]}}]}, "no text"),
        ({"choices": [{"finish_reason": "length", "message": {"content": "Roses are r"}}]}, "broke off: length"),
        ({"choices": [{"finish_reason": "tool_calls", "message": {"content": "x"}}]}, "broke off: tool_calls"),
        ({"choices": [{"finish_reason": "Ваш секрет", "message": {"content": "x"}}]}, "broke off: "),
        (sample("yandex_gpt/native_completion"), "no text"),
    ],
)
def test_an_answer_without_a_whole_text_is_unreadable(
    yandex: YandexGPT, yandex_room: YandexGPTRoom, body: Any, detail: str
) -> None:
    yandex_room.fail("chat", status=200, body=body)

    with pytest.raises(InvalidResponse) as caught:
        yandex.generate(POEM)

    assert caught.value.detail == detail
