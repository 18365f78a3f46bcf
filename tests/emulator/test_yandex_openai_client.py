"""``openai``'s client, which the vendor's documentation uses, against emulated YANDEX_GPT; its native route by hand."""

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
import requests

from providers.kinds import ProviderKind
from tests.emulator.server import Emulator
from tests.emulator.yandex_gpt_answers import FOLDER
from tests.providers.conftest import sample

KEY = "AQVNemulated0123456789abcdef0123456789ab"
MODEL = f"gpt://{FOLDER}/yandexgpt/latest"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        running.yandex_gpt.add_key("works", KEY)
        yield running


def open_openai(emulator: Emulator, key: str = KEY) -> openai.OpenAI:
    base_url = emulator.base_url(ProviderKind.YANDEX_GPT)
    # It loads a hundred certificates otherwise, for an address that has none.
    plain = openai.DefaultHttpxClient(verify=False)
    return openai.OpenAI(api_key=key, base_url=base_url, max_retries=0, timeout=60, http_client=plain)


@pytest.fixture
def client(emulator: Emulator) -> Iterator[openai.OpenAI]:
    with open_openai(emulator) as opened:
        yield opened


def chat(client: openai.OpenAI, model: str = MODEL, **asked: Any) -> Any:
    messages = [{"role": "system", "content": "Rhyme."}, {"role": "user", "content": "For Ann"}]
    return client.chat.completions.create(**{"model": model, "messages": messages, **asked})


def test_openais_client_lists_models_and_reads_a_completion(client: openai.OpenAI, emulator: Emulator) -> None:
    assert [model.id for model in client.models.list()] == [
        model.uri(FOLDER) for model in emulator.yandex_gpt.catalogue
    ]

    answer = chat(client, max_tokens=500)

    (choice,) = answer.choices
    assert (choice.finish_reason, answer.model) == ("stop", MODEL)
    assert "Ann" in choice.message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id
    assert len(emulator.ledger) == 1


#: How openai's client calls what each scenario answers with.
CLIENT_ERRORS: dict[str, type[openai.APIStatusError]] = {
    "revoked": openai.AuthenticationError,
    "revoked_native": openai.AuthenticationError,
    "expired": openai.AuthenticationError,
    "no_key": openai.AuthenticationError,
    "denied": openai.PermissionDeniedError,
    "denied_everywhere": openai.PermissionDeniedError,
    "folder_mismatch": openai.BadRequestError,
    "bare_model_refused": openai.BadRequestError,
    "invalid_model_uri": openai.BadRequestError,
    "no_such_model": openai.BadRequestError,
    "problem_json": openai.BadRequestError,
    "too_long": openai.BadRequestError,
    "bad_request": openai.BadRequestError,
    "model_not_found": openai.NotFoundError,
    "plain_404": openai.NotFoundError,
    "gauge": openai.RateLimitError,
    "rate_limited": openai.RateLimitError,
    "server_error": openai.InternalServerError,
    "unimplemented": openai.InternalServerError,
    "overloaded": openai.InternalServerError,
    "deadline": openai.InternalServerError,
    "html_502": openai.InternalServerError,
}


@pytest.mark.parametrize(("scenario", "expected"), CLIENT_ERRORS.items(), ids=list(CLIENT_ERRORS))
def test_openais_client_names_every_refusal(
    client: openai.OpenAI, emulator: Emulator, scenario: str, expected: type[openai.APIStatusError]
) -> None:
    emulator.yandex_gpt.play(scenario)

    with pytest.raises(expected) as caught:
        chat(client)

    assert caught.value.request_id
    assert emulator.ledger == []


@pytest.mark.parametrize("scenario", ["cut_body", "lost"])
def test_openais_client_loses_an_answer_that_was_paid_for(
    client: openai.OpenAI, emulator: Emulator, scenario: str
) -> None:
    emulator.yandex_gpt.play(scenario)

    with pytest.raises(openai.APIConnectionError):
        chat(client)

    assert len(emulator.ledger) == 1


@pytest.mark.parametrize("ask", [lambda client: client.models.list(), chat], ids=["list", "chat"])
def test_a_wrong_key_is_quoted_with_a_mask(emulator: Emulator, ask: Callable[[openai.OpenAI], Any]) -> None:
    with (
        open_openai(emulator, "AQVNwrong0123456789wxyz") as client,
        pytest.raises(openai.AuthenticationError, match=r"Unknown api key 'AQVN\*\*\*\*wxyz \(00000000\)'"),
    ):
        ask(client)


def test_roles_and_money_belong_to_the_key(emulator: Emulator) -> None:
    emulator.yandex_gpt.add_key("lists", "AQVNlists0123456789", rights=frozenset())
    emulator.yandex_gpt.add_key("poor", "AQVNpoor0123456789", credit=1)

    with open_openai(emulator, "AQVNlists0123456789") as client:
        client.models.list()
        with pytest.raises(openai.PermissionDeniedError):
            chat(client)
    with open_openai(emulator, "AQVNpoor0123456789") as client:
        chat(client)
        with pytest.raises(openai.PermissionDeniedError, match=r"Permission to \[resource-manager\.folder"):
            chat(client)
    assert [charge.key for charge in emulator.ledger] == ["poor"]


@pytest.mark.parametrize(
    ("model", "asked", "said"),
    [
        ("yandexgpt", {}, "Failed to parse model URI"),
        ("gpt://unknown/yandexgpt/latest", {}, "Specified folder ID 'unknown'"),
        (f"gpt://{FOLDER}/gpt-99/latest", {}, "Failed to get model"),
        (f"emb://{FOLDER}/text-embeddings-v2-doc/latest", {}, "Failed to get model"),
        (MODEL, {"messages": []}, "messages"),
        (MODEL, {"messages": [{"role": "poet", "content": "x"}]}, "invalid message"),
        (MODEL, {"messages": [{"role": "user", "content": "x " * 9136}]}, "no more than 8192, got 9136"),
        (MODEL, {"seed": 1}, "seed is not supported"),
        (MODEL, {"stream": True}, "stream is not supported"),
    ],
)
def test_a_malformed_request_is_refused_and_free(
    client: openai.OpenAI, emulator: Emulator, model: str, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=said):
        chat(client, model, **asked)

    assert emulator.ledger == []


def test_a_list_for_anyone_names_nobodys_folder(emulator: Emulator) -> None:
    emulator.yandex_gpt.lists_for_anyone = True

    with open_openai(emulator, "AQVNwrong0123456789wxyz") as client:
        assert {model.id.split("/")[2] for model in client.models.list()} == {"<folder_id>"}
        with pytest.raises(openai.AuthenticationError):
            chat(client)


def ask_natively(emulator: Emulator, body: Any, path: str = "/foundationModels/v1/completion") -> requests.Response:
    host = emulator.base_url(ProviderKind.YANDEX_GPT).removesuffix("/v1")
    return requests.post(host + path, json=body, headers={"Authorization": f"Api-Key {KEY}"}, timeout=60)


def test_the_native_route_counts_in_texts(emulator: Emulator) -> None:
    answer = ask_natively(emulator, sample("yandex_gpt/native_request")).json()

    expected = sample("yandex_gpt/native_completion")["result"]
    assert set(answer["result"]) == set(expected)
    assert answer["result"]["usage"].keys() == expected["usage"].keys()
    assert answer["result"]["alternatives"][0]["status"] == "ALTERNATIVE_STATUS_FINAL"
    assert int(answer["result"]["usage"]["totalTokens"]) > 0
    assert len(emulator.ledger) == 1


@pytest.mark.parametrize(
    ("uri", "status", "said"),
    [
        ("yandexgpt", 400, "Failed to parse model URI"),
        (f"gpt://{FOLDER}/gpt-oss-120b/latest", 400, "Failed to get model"),
        ("gpt://unknown/yandexgpt-lite/latest", 400, f"service account folder ID '{FOLDER}'"),
    ],
)
def test_the_native_route_has_errors_of_its_own_shape(emulator: Emulator, uri: str, status: int, said: str) -> None:
    answer = ask_natively(emulator, {**sample("yandex_gpt/native_request"), "modelUri": uri})

    error = answer.json()["error"]
    assert error.keys() == sample("yandex_gpt/error_native")["error"].keys()
    assert (answer.status_code, error["httpCode"], error["grpcCode"]) == (status, status, 3)
    assert said in error["message"]
    assert emulator.ledger == []


def test_an_unknown_route_is_told_in_plain_text(emulator: Emulator) -> None:
    answer = ask_natively(emulator, {}, "/v1/poems")

    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["Content-Type"].startswith("text/plain")
