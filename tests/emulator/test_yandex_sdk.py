"""The vendor's own client against emulated YANDEX_GPT: of all it does, its chat alone goes over HTTP."""

from collections.abc import Iterator

import httpx
import pytest
from yandex_ai_studio_sdk import AIStudio
from yandex_ai_studio_sdk.auth import APIKeyAuth

from providers.kinds import ProviderKind
from tests.emulator.server import Emulator
from tests.emulator.yandex_gpt_answers import FOLDER
from tests.emulator.yandex_gpt_scenarios import SCENARIOS

KEY = "AQVNemulated0123456789abcdef0123456789ab"
MODEL = f"gpt://{FOLDER}/yandexgpt/latest"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        running.yandex_gpt.add_key("works", KEY)
        yield running


def open_sdk(emulator: Emulator, key: str = KEY, folder: str = FOLDER) -> AIStudio:
    endpoints = {"http_completions": emulator.base_url(ProviderKind.YANDEX_GPT)}
    return AIStudio(folder_id=folder, auth=APIKeyAuth(key), service_map=endpoints, enable_server_data_logging=False)


@pytest.fixture
def sdk(emulator: Emulator) -> AIStudio:
    return open_sdk(emulator)


def test_the_vendors_client_lists_models(sdk: AIStudio, emulator: Emulator) -> None:
    listed = sdk.chat.completions.list()

    catalogue = [model for model in emulator.yandex_gpt.catalogue if model.scheme == "gpt"]
    assert [model.uri for model in listed] == [model.uri(FOLDER) for model in catalogue]
    assert {model.owner for model in listed} == {"Yandex", "OpenAI", "Alibaba"}
    assert [model.fine_tuned for model in listed].count(True) == 1
    assert [model.name for model in listed][:2] == ["aliceai-llm", "aliceai-llm-flash"]
    assert emulator.requests[0].headers["openai-project"] == FOLDER


def test_the_vendors_client_reads_a_completion(sdk: AIStudio, emulator: Emulator) -> None:
    result = sdk.chat.completions("yandexgpt").configure(max_tokens=500, temperature=0.3).run("For Ann")

    assert "Ann" in result.text
    assert MODEL in result.text
    assert result.finish_reason.value == "stop"
    assert result.usage is not None
    assert result.usage.total_tokens == result.usage.input_text_tokens + result.usage.completion_tokens
    assert result.model == MODEL
    (charge,) = emulator.ledger
    assert (charge.key, charge.model) == ("works", MODEL)
    assert charge.token == emulator.requests[0].headers["x-client-request-id"]
    assert emulator.requests[0].headers["x-data-logging-enabled"] == "false"


def test_the_vendors_client_reads_what_is_no_poem(sdk: AIStudio, emulator: Emulator) -> None:
    emulator.yandex_gpt.play("content_filter")
    emulator.yandex_gpt.play("incomplete")
    emulator.yandex_gpt.play("polite_refusal")
    model = sdk.chat.completions("yandexgpt")

    assert [model.run("For Ann").finish_reason.value for _ in range(3)] == ["content_filter", "length", "stop"]
    assert len(emulator.ledger) == 3


def test_the_vendors_client_reads_reasoning(sdk: AIStudio) -> None:
    result = sdk.chat.completions("gpt-oss-120b").run("For Ann")

    assert result.reasoning_text
    assert "reasoning" not in result.text


@pytest.mark.parametrize("scenario", ["revoked", "folder_mismatch", "denied", "gauge", "overloaded"])
def test_the_vendors_client_fails_with_the_status(sdk: AIStudio, emulator: Emulator, scenario: str) -> None:
    emulator.yandex_gpt.play(scenario)

    with pytest.raises(httpx.HTTPStatusError) as caught:
        sdk.chat.completions("yandexgpt").run("For Ann")

    assert caught.value.response.status_code == SCENARIOS[scenario][1].status
    assert emulator.ledger == []


def test_another_folder_than_that_of_the_key_is_refused(emulator: Emulator) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        open_sdk(emulator, folder="b1gother0folder00id0").chat.completions.list()

    assert caught.value.response.status_code == 400
    assert f"does not match with service account folder ID '{FOLDER}'" in caught.value.response.text
