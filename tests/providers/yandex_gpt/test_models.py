"""YANDEX_GPT: whose list it is, and which of the listed models are offered."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from providers.base import Credentials
from providers.errors import InvalidResponse, KeyRejected
from providers.http.answers import MAX_MODELS
from providers.kinds import ProviderKind, StageType
from providers.yandex_gpt.adapter import YandexGPT
from providers.yandex_gpt.models import folder_of, text_models
from tests.emulator.server import Emulator
from tests.emulator.yandex_gpt import YandexGPTRoom
from tests.emulator.yandex_gpt_answers import FOLDER
from tests.providers.conftest import POEM, sample

ASKS = pytest.mark.parametrize("ask", [YandexGPT.check_key, YandexGPT.list_models])
Ask = Callable[[YandexGPT, StageType], Any]


def test_what_writes_text_is_offered_by_its_whole_id(yandex: YandexGPT) -> None:
    assert yandex.list_models(StageType.POEM) == (
        f"gpt://{FOLDER}/aliceai-llm/latest",
        f"gpt://{FOLDER}/aliceai-llm-flash/latest",
        f"gpt://{FOLDER}/gpt-oss-120b/latest",
        f"gpt://{FOLDER}/qwen3.6-35b-a3b/latest",
        f"gpt://{FOLDER}/yandexgpt-lite/latest",
        f"gpt://{FOLDER}/yandexgpt/latest",
        f"gpt://{FOLDER}/yandexgpt/rc",
        f"gpt://{FOLDER}/yandexgpt-lite/latest@tamrexample0suffix0",
    )


def test_the_folder_is_that_of_the_key(yandex: YandexGPT, yandex_room: YandexGPTRoom) -> None:
    yandex_room.folder = "b1gother0folder00id0"

    models = yandex.list_models(StageType.POEM)

    assert {model.split("/")[2] for model in models} == {yandex_room.folder}


def test_everything_that_is_offered_can_write(yandex: YandexGPT) -> None:
    for model in yandex.list_models(StageType.POEM):
        text = yandex.generate(replace(POEM, model=model)).text
        assert text is not None
        assert model in text


def test_the_sample_list_is_filtered(yandex: YandexGPT, yandex_room: YandexGPTRoom) -> None:
    yandex_room.fail("models", status=200, body=sample("yandex_gpt/models"))

    assert yandex.list_models(StageType.POEM) == tuple(
        f"gpt://{FOLDER}/{path}"
        for path in (
            "aliceai-llm/latest",
            "aliceai-llm-flash/latest",
            "gpt-oss-120b/latest",
            "qwen3.6-35b-a3b/latest",
            "yandexgpt-lite/latest",
            "yandexgpt/latest",
            "yandexgpt/rc",
        )
    )


@ASKS
def test_a_list_of_nobodys_folder_proves_no_key(yandex: YandexGPT, yandex_room: YandexGPTRoom, ask: Ask) -> None:
    yandex_room.play("placeholder_list")

    with pytest.raises(InvalidResponse, match="nobody's folder"):
        ask(yandex, StageType.POEM)


@ASKS
@pytest.mark.parametrize("anyone", [True, False])
def test_a_wrong_key_passes_in_no_case(emulator: Emulator, yandex_room: YandexGPTRoom, ask: Ask, anyone: bool) -> None:
    yandex_room.lists_for_anyone = anyone
    provider = YandexGPT(Credentials("AQVN-mistyped-0123456789", emulator.base_url(ProviderKind.YANDEX_GPT)))

    with pytest.raises(InvalidResponse if anyone else KeyRejected):
        ask(provider, StageType.POEM)


@ASKS
def test_an_empty_list_is_nobodys(yandex: YandexGPT, yandex_room: YandexGPTRoom, ask: Ask) -> None:
    yandex_room.catalogue = ()

    with pytest.raises(InvalidResponse, match="nobody's folder"):
        ask(yandex, StageType.POEM)


def test_a_key_without_models_of_text_is_real_all_the_same(yandex: YandexGPT, yandex_room: YandexGPTRoom) -> None:
    yandex_room.catalogue = tuple(model for model in yandex_room.catalogue if model.scheme == "emb")

    yandex.check_key(StageType.POEM)
    assert yandex.list_models(StageType.POEM) == ()


@pytest.mark.parametrize(
    ("path", "offered"),
    [
        ("yandexgpt", True),
        ("yandexgpt/latest", True),
        ("yandexgpt/rc", True),
        ("yandexgpt@tuned", True),
        ("yandexgpt/latest@tuned/1", True),
        ("yandexgpt/deprecated", False),
        ("yandexgpt/deprecated@tuned", False),
        ("speech-realtime-250923/latest", False),
        ("speech-realtime-max-tts-live/latest", False),
        ("llama/speech-realtime", True),
        ("", False),
    ],
)
def test_a_model_is_judged_by_its_path(path: str, offered: bool) -> None:
    model = f"gpt://{FOLDER}/{path}"

    assert (text_models([model, model]) == (model,)) is offered


@pytest.mark.parametrize("scheme", ["emb", "art", "cls", "ds", "GPT", "xgpt"])
def test_only_one_scheme_writes_text(scheme: str) -> None:
    assert text_models([f"{scheme}://{FOLDER}/yandexgpt/latest"]) == ()


@pytest.mark.parametrize(
    "folder", ["<folder_id>", "{folder}", "folder", "b1g", "b1gexample0folder0id0", "B1GEXAMPLE0FOLDER0ID", ""]
)
def test_a_folder_that_is_none_is_not_believed(folder: str) -> None:
    model = f"gpt://{folder}/yandexgpt/latest"

    assert folder_of([model]) is None
    assert text_models([model]) == ()
    assert folder_of([model, "yandexgpt", f"emb://{FOLDER}/text-search-doc/latest"]) == FOLDER


@pytest.mark.parametrize(
    "body",
    [
        {"data": None},
        {"data": {}},
        {"data": [f"gpt://{FOLDER}/yandexgpt/latest"]},
        {"data": [{"id": f"gpt://{FOLDER}/yandexgpt/latest"}, {"object": "model"}]},
        {"data": [{"id": 5}]},
        {"data": [{"id": f"gpt://{FOLDER}/yandexgpt\n"}]},
        {"data": [{"id": f"gpt://{FOLDER}/" + "g" * 200}]},
        {"object": "list"},
    ],
)
@ASKS
def test_half_a_list_is_no_list(yandex: YandexGPT, yandex_room: YandexGPTRoom, ask: Ask, body: Any) -> None:
    yandex_room.fail("models", status=200, body=body)

    with pytest.raises(InvalidResponse, match="not a list of models"):
        ask(yandex, StageType.POEM)


@ASKS
def test_a_list_of_more_than_anybody_reads_is_none(yandex: YandexGPT, yandex_room: YandexGPTRoom, ask: Ask) -> None:
    rows = [{"id": f"gpt://{FOLDER}/{number}"} for number in range(MAX_MODELS + 1)]
    yandex_room.fail("models", status=200, body={"data": rows})

    with pytest.raises(InvalidResponse, match="too many models"):
        ask(yandex, StageType.POEM)
