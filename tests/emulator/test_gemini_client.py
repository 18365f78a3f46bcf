"""The vendor's own client against emulated GEMINI: what it reads without complaint is not made up to suit us."""

from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from providers.kinds import ProviderKind
from tests.emulator.gemini_scenarios import SCENARIOS
from tests.emulator.server import Emulator
from tests.providers.conftest import sample

KEY = "AQ.emulated-0123456789abcdef"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        running.gemini.add_key("works", KEY)
        yield running


def open_client(emulator: Emulator, key: str = KEY, *, seconds: float = 60) -> genai.Client:
    # Version 3 of the client has gone over to v1; v1beta is what the reference and the adapter speak.
    # It loads a hundred certificates, twice, unless it is told not to, for an address that has none.
    options = types.HttpOptions(
        base_url=emulator.base_url(ProviderKind.GEMINI),
        api_version="v1beta",
        timeout=int(seconds * 1000),
        client_args={"verify": False},
        async_client_args={"verify": False},
    )
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture
def client(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[genai.Client]:
    # A key of the environment would win over the one that is given.
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"):
        monkeypatch.delenv(name, raising=False)
    with open_client(emulator) as opened:
        yield opened


def generate(client: genai.Client, model: str = "gemini-2.5-flash", **config: Any) -> types.GenerateContentResponse:
    return client.models.generate_content(
        model=model, contents="For Ann", config=types.GenerateContentConfig(**config) if config else None
    )


def test_the_client_lists_page_by_page_and_finds_models(client: genai.Client, emulator: Emulator) -> None:
    listed = list(client.models.list(config={"page_size": 7}))

    assert [model.name for model in listed] == [f"models/{model.id}" for model in emulator.gemini.catalogue]
    assert "generateContent" in (listed[1].supported_actions or ())
    assert [seen.query.get("pageSize") for seen in emulator.requests] == ["7", "7", "7"]
    found = client.models.get(model="gemini-2.5-flash")
    assert (found.output_token_limit, found.thinking) == (65536, True)
    with pytest.raises(errors.ClientError, match="404 NOT_FOUND"):
        client.models.get(model="gemini-99")


def test_the_client_sends_its_key_in_the_header(client: genai.Client, emulator: Emulator) -> None:
    generate(client)

    (seen,) = emulator.requests
    assert (seen.key, seen.query) == ("works", {})
    assert KEY not in repr(emulator.requests)


def test_the_client_reads_an_answer(client: genai.Client, emulator: Emulator) -> None:
    answer = generate(client, system_instruction="Rhyme.", max_output_tokens=512, temperature=0.7)

    assert answer.text is not None
    assert "Ann" in answer.text
    assert "gemini-2.5-flash" in answer.text
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    assert (answer.model_version, bool(answer.response_id)) == ("gemini-2.5-flash", True)
    usage = answer.usage_metadata
    assert usage is not None
    assert usage.thoughts_token_count == 64
    assert usage.total_token_count == sum(
        [usage.prompt_token_count or 0, usage.candidates_token_count or 0, usage.thoughts_token_count or 0]
    )
    assert [(charge.key, charge.model, charge.token) for charge in emulator.ledger] == [
        ("works", "gemini-2.5-flash", None)
    ]


def test_the_client_reads_a_blocked_prompt_that_cost_nothing(client: genai.Client, emulator: Emulator) -> None:
    emulator.gemini.play("prompt_blocked")

    answer = generate(client)

    assert answer.candidates is None
    assert answer.prompt_feedback is not None
    assert answer.prompt_feedback.block_reason is types.BlockedReason.PROHIBITED_CONTENT
    assert emulator.ledger == []


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "MAX_TOKENS"])
def test_the_client_reads_an_answer_without_a_text(client: genai.Client, emulator: Emulator, reason: str) -> None:
    emulator.gemini.fail("generate", shape=f"finish:{reason}")

    answer = generate(client)

    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is types.FinishReason(reason)
    assert not answer.text
    assert len(emulator.ledger) == 1


def test_thinking_uses_up_a_small_allowance_before_the_first_word(client: genai.Client) -> None:
    answer = generate(client, max_output_tokens=20)

    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS
    assert not answer.text
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata.thoughts_token_count, answer.usage_metadata.candidates_token_count) == (20, None)


def test_the_client_tells_thoughts_from_the_text(client: genai.Client, emulator: Emulator) -> None:
    emulator.gemini.play("thoughts")

    text = generate(client).text

    assert text is not None
    assert text.startswith("gemini-2.5-flash sings:")


REFUSALS = [name for name, (_, fault) in SCENARIOS.items() if isinstance(fault.body, dict)]


@pytest.mark.parametrize("scenario", REFUSALS)
def test_the_client_names_every_refusal(client: genai.Client, emulator: Emulator, scenario: str) -> None:
    emulator.gemini.play(scenario)
    fault = SCENARIOS[scenario][1]

    with pytest.raises(errors.ServerError if (fault.status or 0) >= 500 else errors.ClientError) as caught:
        generate(client)

    said = fault.body["error"]
    assert (caught.value.code, caught.value.status, caught.value.message) == (
        fault.status,
        said["status"],
        said["message"],
    )
    assert said["code"] == fault.status
    assert emulator.ledger == []


def test_the_client_reads_how_long_to_wait(client: genai.Client, emulator: Emulator) -> None:
    emulator.gemini.play("rate_limited")

    with pytest.raises(errors.ClientError) as caught:
        generate(client)

    details = caught.value.details["error"]["details"]
    assert [detail["@type"].rpartition(".")[2] for detail in details] == ["QuotaFailure", "Help", "RetryInfo"]
    assert details[2]["retryDelay"] == "19.424395s"


def test_a_wrong_key_is_a_bad_request(emulator: Emulator) -> None:
    with open_client(emulator, "AQ.wrong-0123456789") as client, pytest.raises(errors.ClientError) as caught:
        list(client.models.list())

    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert caught.value.details == sample("gemini/error_api_key_invalid")


def test_credit_belongs_to_the_key_and_the_list_is_free(emulator: Emulator) -> None:
    emulator.gemini.add_key("poor", "AQ.poor-0123456789", credit=1)

    with open_client(emulator, "AQ.poor-0123456789") as client:
        generate(client)
        with pytest.raises(errors.ClientError, match="prepayment credits are depleted"):
            generate(client)
        assert list(client.models.list())
    assert [charge.key for charge in emulator.ledger] == ["poor"]


MALFORMED: list[tuple[str, dict[str, Any], int, str]] = [
    ("gemini-99", {}, 404, "NOT_FOUND"),
    ("gemini-embedding-001", {}, 404, "NOT_FOUND"),
    ("gemma-3-27b-it", {"system_instruction": "Rhyme."}, 400, "INVALID_ARGUMENT"),
    ("gemini-2.5-pro", {"thinking_config": types.ThinkingConfig(thinking_budget=0)}, 400, "INVALID_ARGUMENT"),
    ("gemini-2.5-flash", {"max_output_tokens": -1}, 400, "INVALID_ARGUMENT"),
]


@pytest.mark.parametrize(("model", "config", "code", "status"), MALFORMED)
def test_a_malformed_request_is_refused_and_free(
    client: genai.Client, emulator: Emulator, model: str, config: dict[str, Any], code: int, status: str
) -> None:
    with pytest.raises(errors.ClientError) as caught:
        generate(client, model, **config)

    assert (caught.value.code, caught.value.status) == (code, status)
    assert emulator.ledger == []
