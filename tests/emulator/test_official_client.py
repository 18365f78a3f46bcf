"""The vendor's own client against the emulator: what it reads without complaint is not made up to suit us."""

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai import DefaultHttpxClient, OpenAI

from providers.kinds import ProviderKind
from tests.emulator.listener import until
from tests.emulator.openai_scenarios import SCENARIOS
from tests.emulator.server import Emulator

KEY = "sk-emulated-0123456789abcdef"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        running.openai.add_key("works", KEY)
        yield running


def open_client(emulator: Emulator, key: str = KEY, *, seconds: float = 60) -> OpenAI:
    url = emulator.base_url(ProviderKind.OPENAI)
    # It loads a hundred certificates otherwise, for an address that has none.
    plain = DefaultHttpxClient(verify=False)
    return OpenAI(api_key=key, base_url=url, max_retries=0, timeout=seconds, http_client=plain)


@pytest.fixture
def client(emulator: Emulator) -> Iterator[OpenAI]:
    with open_client(emulator) as opened:
        yield opened


def respond(client: OpenAI, **asked: Any) -> Any:
    return client.responses.create(**{"model": "gpt-5.4", "input": "For Ann", "store": False, **asked})


def chat(client: OpenAI, **asked: Any) -> Any:
    messages = [{"role": "developer", "content": "Rhyme."}, {"role": "user", "content": "For Ann"}]
    return client.chat.completions.create(**{"model": "gpt-4.1", "messages": messages, **asked})


def test_the_client_lists_and_finds_models(client: OpenAI, emulator: Emulator) -> None:
    listed = client.models.list()

    assert [model.id for model in listed] == [model.id for model in emulator.openai.catalogue]
    assert client.models.retrieve("gpt-5.4").owned_by == "system"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-99")


def test_the_client_reads_a_response(client: OpenAI, emulator: Emulator) -> None:
    answer = respond(client, instructions="Rhyme.", max_output_tokens=512)

    assert answer.status == "completed"
    assert "Ann" in answer.output_text
    assert "gpt-5.4" in answer.output_text
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.usage.output_tokens_details.reasoning_tokens > 0
    assert answer.store is False
    assert answer._request_id.startswith("req_")
    assert [(charge.key, charge.model) for charge in emulator.ledger] == [("works", "gpt-5.4")]


def test_the_client_reads_a_completion(client: OpenAI, emulator: Emulator) -> None:
    answer = chat(client, model="gpt-4o-mini", max_completion_tokens=256, temperature=0.7)

    (choice,) = answer.choices
    assert choice.finish_reason == "stop"
    assert "Ann" in choice.message.content
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert len(emulator.ledger) == 1


def test_the_client_reads_a_refusal_and_a_broken_off_answer(client: OpenAI, emulator: Emulator) -> None:
    emulator.openai.play("refusal", times=2)
    assert chat(client).choices[0].message.refusal
    assert respond(client).output[-1].content[0].type == "refusal"

    answer = respond(client, max_output_tokens=16)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.output_text == ""
    assert chat(client, max_tokens=2).choices[0].finish_reason == "length"


def test_the_client_reads_a_failed_response_that_cost_nothing(client: OpenAI, emulator: Emulator) -> None:
    emulator.openai.play("failed")

    assert respond(client).error.code == "server_error"
    assert emulator.ledger == []


#: How the vendor's client calls what each scenario answers with.
CLIENT_ERRORS: dict[str, type[openai.OpenAIError]] = {
    "revoked": openai.AuthenticationError,
    "may_not_generate": openai.AuthenticationError,
    "ip_refused": openai.AuthenticationError,
    "not_in_organization": openai.AuthenticationError,
    "region": openai.PermissionDeniedError,
    "project_without_model": openai.PermissionDeniedError,
    "model_not_found": openai.NotFoundError,
    "not_verified": openai.NotFoundError,
    "unsupported_parameter": openai.BadRequestError,
    "context_too_long": openai.BadRequestError,
    "invalid_prompt": openai.BadRequestError,
    "request_too_large": openai.RateLimitError,
    "rate_limited": openai.RateLimitError,
    "rate_limited_by_header": openai.RateLimitError,
    "rate_limited_in_words": openai.RateLimitError,
    "slow_down": openai.RateLimitError,
    "insufficient_quota": openai.RateLimitError,
    "credit_balance_exhausted": openai.RateLimitError,
    "organization_spend_limit_exceeded": openai.RateLimitError,
    "server_error": openai.InternalServerError,
    "overloaded": openai.InternalServerError,
    "html_502": openai.InternalServerError,
}


@pytest.mark.parametrize(("scenario", "expected"), CLIENT_ERRORS.items(), ids=list(CLIENT_ERRORS))
def test_the_client_names_every_refusal(
    client: OpenAI, emulator: Emulator, scenario: str, expected: type[openai.APIStatusError]
) -> None:
    emulator.openai.play(scenario)

    with pytest.raises(expected) as caught:
        respond(client)

    body = SCENARIOS[scenario][1].body
    if isinstance(body, dict):
        assert (caught.value.code, caught.value.type) == (body["error"]["code"], body["error"]["type"])
    assert caught.value.request_id is not None
    assert emulator.ledger == []


@pytest.mark.parametrize("scenario", ["cut_body", "lost"])
def test_the_client_loses_an_answer_that_was_paid_for(client: OpenAI, emulator: Emulator, scenario: str) -> None:
    emulator.openai.play(scenario)

    with pytest.raises(openai.APIConnectionError):
        chat(client)

    assert len(emulator.ledger) == 1


def test_the_client_waits_for_a_slow_answer_only_so_long(emulator: Emulator) -> None:
    emulator.openai.play("slow")

    with open_client(emulator, seconds=0.2) as client, pytest.raises(openai.APITimeoutError):
        respond(client)

    until(lambda: len(emulator.ledger) == 1)


def test_a_wrong_key_is_quoted_with_a_mask(emulator: Emulator) -> None:
    with (
        open_client(emulator, "sk-wrong-0123456789abcdef") as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.models.list()

    assert caught.value.code == "invalid_api_key"
    assert "sk-wrong********cdef" in caught.value.message


def test_rights_and_credit_belong_to_the_key(emulator: Emulator) -> None:
    emulator.openai.add_key("lists", "sk-lists-0123456789", rights=frozenset({"api.model.read"}))
    emulator.openai.add_key("writes", "sk-writes-0123456789", rights=frozenset({"model.request"}), credit=1)

    with open_client(emulator, "sk-lists-0123456789") as client:
        client.models.list()
        with pytest.raises(openai.PermissionDeniedError, match=r"Missing scopes: model\.request"):
            respond(client)
    with open_client(emulator, "sk-writes-0123456789") as client:
        with pytest.raises(openai.PermissionDeniedError, match=r"Missing scopes: api\.model\.read"):
            client.models.list()
        respond(client)
        with pytest.raises(openai.RateLimitError) as caught:
            respond(client)
    assert caught.value.type == "insufficient_quota"
    assert [charge.key for charge in emulator.ledger] == ["writes"]


MALFORMED: list[tuple[Callable[..., Any], dict[str, Any], int, str | None, str | None]] = [
    (chat, {"model": "o4-mini", "max_tokens": 100}, 400, "unsupported_parameter", "max_tokens"),
    (chat, {"model": "gpt-5.4", "temperature": 0.7}, 400, "unsupported_value", "temperature"),
    (chat, {"model": "o3-pro"}, 404, None, "model"),
    (chat, {"model": "text-embedding-3-large"}, 404, None, "model"),
    (chat, {"model": "gpt-99"}, 404, "model_not_found", None),
    (chat, {"messages": []}, 400, "empty_array", "messages"),
    (chat, {"messages": "For Ann"}, 400, "invalid_type", "messages"),
    (chat, {"messages": [{"role": "poet", "content": "x"}]}, 400, "invalid_value", "messages[0].role"),
    (chat, {"messages": [{"role": "user"}]}, 400, None, "messages[0].content"),
    (chat, {"extra_body": {"poem": True}}, 400, None, None),
    (respond, {"model": "gpt-99"}, 404, "model_not_found", None),
    (respond, {"model": "whisper-1"}, 400, None, "model"),
    (respond, {"max_output_tokens": 15}, 400, "integer_below_min_value", "max_output_tokens"),
    (respond, {"max_output_tokens": "many"}, 400, "invalid_type", "max_output_tokens"),
    (respond, {"input": 5}, 400, "invalid_type", "input"),
    (respond, {"extra_body": {"poem": True}}, 400, "unknown_parameter", "poem"),
    (respond, {"extra_body": {"model": None}}, 400, "missing_required_parameter", "model"),
]


@pytest.mark.parametrize(("ask", "asked", "status", "code", "param"), MALFORMED)
def test_a_malformed_request_is_refused_and_free(
    client: OpenAI,
    emulator: Emulator,
    ask: Callable[..., Any],
    asked: dict[str, Any],
    status: int,
    code: str | None,
    param: str | None,
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, **asked)

    assert (caught.value.status_code, caught.value.code, caught.value.param) == (status, code, param)
    assert emulator.ledger == []


def test_a_route_that_is_not_there_is_named(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(POST /v1/embeddings\)"):
        client.embeddings.create(model="text-embedding-3-large", input="Ann")


def test_the_input_may_come_in_items(client: OpenAI) -> None:
    items = [{"role": "user", "content": [{"type": "input_text", "text": "For Ann"}]}]

    assert "Ann" in respond(client, input=items).output_text
    assert (
        "Ann"
        in chat(client, messages=[{"role": "user", "content": [{"type": "text", "text": "Ann"}]}])
        .choices[0]
        .message.content
    )


def test_a_key_can_play_a_scenario_for_ever(emulator: Emulator) -> None:
    emulator.openai.add_key("down", "sk-down-0123456789", scenario="overloaded")

    with open_client(emulator, "sk-down-0123456789") as client:
        for _ in range(2):
            with pytest.raises(openai.InternalServerError):
                client.models.list()


def test_faults_come_in_their_order_and_as_often_as_asked(client: OpenAI, emulator: Emulator) -> None:
    emulator.openai.play("server_error")
    emulator.openai.play("region", times=2)

    seen = []
    for _ in range(4):
        try:
            client.models.list()
            seen.append(200)
        except openai.APIStatusError as error:
            seen.append(error.status_code)

    assert seen == [500, 403, 403, 200]


def test_the_log_of_requests_holds_no_key(client: OpenAI, emulator: Emulator) -> None:
    respond(client)

    (call,) = emulator.requests
    assert (call.key, call.route, call.body["input"]) == ("works", "responses", "For Ann")
    assert KEY not in repr(emulator.requests)
    assert KEY not in repr(emulator.openai.keys.values())
