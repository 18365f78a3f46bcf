"""OPENAI: which of the listed models are offered."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import time_machine

from providers.errors import (
    InvalidResponse,
)
from providers.kinds import StageType
from providers.openai.adapter import OpenAI
from providers.openai.models import text_models
from tests.emulator.openai import OpenAIRoom
from tests.providers.conftest import POEM, sample


def test_the_vendors_text_models_are_offered_newest_first(vendor: OpenAI) -> None:
    assert vendor.list_models(StageType.POEM) == (
        "gpt-5.4-mini",
        "gpt-5.4-pro",
        "gpt-5.4",
        "gpt-5-codex",
        "o3-pro",
        "gpt-4.1",
        "o4-mini",
        "ft:gpt-4o-mini-2024-07-18:example::AbCdEf",
        "chatgpt-4o-latest",
        "gpt-4o-mini",
    )


def test_a_gateway_offers_what_it_can_serve_over_chat(gateway: OpenAI) -> None:
    assert gateway.list_models(StageType.POEM) == (
        "gpt-5.4-mini",
        "gpt-5.4",
        "gpt-4.1",
        "o4-mini",
        "ft:gpt-4o-mini-2024-07-18:example::AbCdEf",
        "chatgpt-4o-latest",
        "gpt-4o-mini",
    )


def test_everything_that_is_offered_can_write(openai_provider: OpenAI) -> None:
    for model in openai_provider.list_models(StageType.POEM):
        text = openai_provider.generate(replace(POEM, model=model)).text
        assert text is not None
        assert model in text


def test_the_sample_list_is_filtered(vendor: OpenAI, openai_room: OpenAIRoom) -> None:
    openai_room.fail("models", status=200, body=sample("openai/models"))

    assert vendor.list_models(StageType.POEM) == ("gpt-5.4", "o3-pro", "gpt-4o-mini")


@pytest.mark.parametrize(
    ("model", "vendors", "gateways"),
    [
        ("gpt-5.6-sol", True, True),
        ("gpt-5.3-chat-latest", True, True),
        ("GPT-4o", True, True),
        ("o1-pro-2025-03-19", True, False),
        ("gpt-5-pro", True, False),
        ("openai/gpt-5-pro", False, False),
        ("gpt-5.1-codex-max", True, False),
        ("o4-mini-deep-research", True, False),
        ("gpt-daybreak-1", True, False),
        ("gpt-5.6-cyber", True, False),
        ("ft:o4-mini:org::x", True, True),
        ("ft:babbage-002:org::x", False, False),
        ("computer-use-preview", False, False),
        ("gpt-4o-audio-preview", False, False),
        ("gpt-5-search-api", False, False),
        ("gpt-3.5-turbo-instruct", False, False),
        ("openai/gpt-4o", False, True),
        ("mistralai/mixtral-8x7b-instruct", False, True),
        ("gemini-2.5-pro", False, True),
        ("qwen3:8b", False, True),
        ("nomic-embed-text", False, False),
        ("bge-reranker-v2", False, False),
        ("openai/whisper-large-v3", False, False),
        ("perplexity/sonar-deep-research", False, True),
    ],
)
def test_a_model_is_judged_by_its_id(model: str, vendors: bool, gateways: bool) -> None:
    assert (text_models([{"id": model}], at_the_vendor=True) == (model,)) is vendors
    assert (text_models([{"id": model}], at_the_vendor=False) == (model,)) is gateways


def test_a_model_is_offered_until_the_day_it_is_shut_down() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "gpt-a", "created": 3, "shutdown_date": "2026-11-19"},
        {"id": "gpt-b", "created": 2, "shutdown_date": "2026-11-20"},
        {"id": "gpt-c", "created": 1, "shutdown_date": "2026-11-21T00:00:00Z"},
        {"id": "gpt-d", "created": None, "shutdown_date": None},
        {"id": "gpt-e", "shutdown_date": "some day"},
        {"id": "gpt-e", "created": float("nan"), "shutdown_date": 5},
    ]

    with time_machine.travel("2026-11-20T12:00:00Z", tick=False):
        assert text_models(rows, at_the_vendor=True) == ("gpt-b", "gpt-c", "gpt-d", "gpt-e")


@pytest.mark.parametrize(
    "body",
    [
        {"data": None},
        {"data": {}},
        {"data": ["gpt-4.1"]},
        {"data": [{"id": "gpt-4.1"}, {"object": "model"}]},
        {"data": [{"id": "gpt-4.1"}, {"id": 5}]},
        {"data": [{"id": "gpt-4.1\n"}]},
        {"data": [{"id": ""}]},
        {"data": [{"id": "g" * 201}]},
        {"object": "list"},
    ],
)
def test_half_a_list_is_no_list(openai_provider: OpenAI, openai_room: OpenAIRoom, body: Any) -> None:
    openai_room.fail("models", status=200, body=body)

    with pytest.raises(InvalidResponse, match="not a list of models"):
        openai_provider.list_models(StageType.POEM)


def test_an_empty_list_is_told_as_it_is(openai_provider: OpenAI, openai_room: OpenAIRoom) -> None:
    openai_room.catalogue = ()

    assert openai_provider.list_models(StageType.POEM) == ()


@pytest.mark.parametrize("ask", [OpenAI.check_key, OpenAI.list_models])
def test_a_page_of_the_hotels_network_proves_no_key(
    openai_provider: OpenAI, openai_room: OpenAIRoom, ask: Callable[[OpenAI, StageType], Any]
) -> None:
    openai_room.play("not_json")

    with pytest.raises(InvalidResponse):
        ask(openai_provider, StageType.POEM)
