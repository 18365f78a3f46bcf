"""OPENAI: the exact payloads, and the sample answers read."""

from typing import Any

import pytest

from providers.errors import (
    ContentBlocked,
    InvalidResponse,
    ProviderError,
    RequestRefused,
    Unavailable,
)
from providers.kinds import StageType
from providers.openai import adapter
from providers.openai.adapter import OpenAI
from tests.emulator.openai import OpenAIRoom
from tests.emulator.openai_answers import error
from tests.emulator.server import Emulator
from tests.providers.conftest import POEM, sample


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.openai.com/v1", True),
        ("https://API.openai.com:443/v1/", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://api.openai.com.example/v1", False),
        ("https://notapi.openai.com/v1", False),
        ("https://gateway.example/api.openai.com/v1", False),
        ("http://127.0.0.1:8080/v1", False),
        ("http://[/v1", False),
    ],
)
def test_the_vendor_is_known_by_its_host(base_url: str, expected: bool) -> None:
    assert adapter.is_the_vendors_own(base_url) is expected


def test_the_vendor_gets_a_response_that_it_must_not_store(vendor: OpenAI, emulator: Emulator) -> None:
    vendor.generate(POEM)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("POST", "/openai/v1/responses")
    assert seen.body == {
        "model": "gpt-4.1",
        "instructions": POEM.instructions,
        "input": POEM.prompt,
        "max_output_tokens": 4096,
        "store": False,
    }
    assert seen.headers["x-client-request-id"] == POEM.token


def test_a_gateway_gets_a_chat_with_roles_that_it_knows(gateway: OpenAI, emulator: Emulator) -> None:
    gateway.generate(POEM)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("POST", "/openai/v1/chat/completions")
    assert seen.body == {
        "model": "gpt-4.1",
        "messages": [
            {"role": "system", "content": POEM.instructions},
            {"role": "user", "content": POEM.prompt},
        ],
        "max_completion_tokens": 4096,
    }


def test_a_key_is_checked_by_listing_the_models(openai_provider: OpenAI, emulator: Emulator) -> None:
    openai_provider.check_key(StageType.POEM)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("GET", "/openai/v1/models")
    assert emulator.ledger == []


def test_a_gateway_that_knows_only_max_tokens_is_asked_once_more(
    gateway: OpenAI, openai_room: OpenAIRoom, emulator: Emulator
) -> None:
    openai_room.knows_only_max_tokens = True

    gateway.generate(POEM)

    refused, done = emulator.requests
    assert "max_tokens" not in refused.body
    assert done.body == {**{k: v for k, v in refused.body.items() if k != "max_completion_tokens"}, "max_tokens": 4096}
    assert len(emulator.ledger) == 1


@pytest.mark.parametrize(
    ("status", "body", "second"),
    [
        (422, error("Extra inputs are not permitted: max_completion_tokens"), {"max_tokens": 4096}),
        (400, error("Unrecognized request argument supplied: max_completion_tokens"), {"max_tokens": 4096}),
        (400, error("Too large.", param="max_completion_tokens", code="unsupported_value"), {}),
    ],
)
def test_a_gateway_says_in_its_own_words_what_it_does_not_know(
    gateway: OpenAI, openai_room: OpenAIRoom, emulator: Emulator, status: int, body: Any, second: dict[str, int]
) -> None:
    openai_room.fail("chat", status=status, body=body)

    gateway.generate(POEM)

    limits = {name: count for name, count in emulator.requests[1].body.items() if "tokens" in name}
    assert limits == second


def test_a_second_refusal_is_the_last(gateway: OpenAI, openai_room: OpenAIRoom, emulator: Emulator) -> None:
    refusal = error("No.", param="max_completion_tokens", code="unsupported_parameter")
    openai_room.fail("chat", status=400, body=refusal, times=None)

    with pytest.raises(RequestRefused, match="unsupported_parameter max_completion_tokens"):
        gateway.generate(POEM)

    assert len(emulator.requests) == 2


@pytest.mark.parametrize("name", ["error_temperature", "error_max_tokens"])
def test_a_refused_parameter_that_was_never_sent_is_not_retried(
    gateway: OpenAI, openai_room: OpenAIRoom, emulator: Emulator, name: str
) -> None:
    openai_room.fail("chat", status=400, body=sample(f"openai/{name}"))

    with pytest.raises(RequestRefused, match="unsupported_"):
        gateway.generate(POEM)

    assert len(emulator.requests) == 1


def test_a_response_is_read(vendor: OpenAI, openai_room: OpenAIRoom) -> None:
    openai_room.fail("responses", status=200, body=sample("openai/response"), headers={"x-request-id": "req_7"})

    result = vendor.generate(POEM)

    assert (result.text, result.model, result.request_id) == ("Hello!", "gpt-5.4", "req_7")
    assert result.usage == {"input_tokens": 18, "output_tokens": 9, "total_tokens": 27, "reasoning_tokens": 4}


def test_a_response_in_parts_is_one_text(vendor: OpenAI, openai_room: OpenAIRoom) -> None:
    openai_room.fail("responses", status=200, body=sample("openai/response_in_parts"))

    assert vendor.generate(POEM).text == "Roses are red,\nviolets are blue,\nthis came in parts."


def test_a_completion_is_read(gateway: OpenAI, openai_room: OpenAIRoom) -> None:
    openai_room.fail("chat", status=200, body=sample("openai/completion"), headers={"x-request-id": "req_8"})

    result = gateway.generate(POEM)

    assert (result.text, result.model, result.request_id) == ("Hello!", "gpt-4o-mini-2024-07-18", "req_8")
    assert result.usage == {"input_tokens": 18, "output_tokens": 2, "total_tokens": 20, "reasoning_tokens": 0}


def test_a_gateway_may_say_little_about_a_completion(gateway: OpenAI, openai_room: OpenAIRoom) -> None:
    openai_room.fail(
        "chat", status=200, body={"choices": [{"message": {"content": " Roses\x00 are red \n"}}], "usage": "free"}
    )

    result = gateway.generate(POEM)

    assert (result.text, result.model, result.usage) == ("Roses are red", POEM.model, {})


@pytest.mark.parametrize(
    ("name", "expected", "detail"),
    [
        ("response_refused", ContentBlocked, "refusal"),
        ("response_filtered", ContentBlocked, "content_filter"),
        ("response_incomplete", InvalidResponse, "broke off: max_output_tokens"),
        ("response_broken_off", InvalidResponse, "broke off: max_output_tokens"),
        ("response_queued", InvalidResponse, "status queued"),
        ("response_failed", Unavailable, "server_error"),
        ("completion_refused", ContentBlocked, "refusal"),
        ("completion_filtered", ContentBlocked, "content_filter"),
        ("completion_broken_off", InvalidResponse, "broke off: length"),
        ("completion_empty", InvalidResponse, "no text"),
    ],
)
def test_a_success_without_a_poem_is_none(
    request: pytest.FixtureRequest, openai_room: OpenAIRoom, name: str, expected: type[ProviderError], detail: str
) -> None:
    openai_provider = request.getfixturevalue("vendor" if name.startswith("response") else "gateway")
    openai_room.fail(status=200, body=sample(f"openai/{name}"), headers={"x-request-id": "req_9"})

    with pytest.raises(ProviderError) as caught:
        openai_provider.generate(POEM)

    assert type(caught.value) is expected
    assert (caught.value.detail, caught.value.status, caught.value.request_id) == (detail, 200, "req_9")
