"""The emulated SPEECHKIT where our adapter does not go: what the vendor's documents say of other requests."""

import base64
import io
import json
import wave
from collections.abc import Callable, Iterator
from typing import Any

import av
import pytest
import requests

from providers.kinds import ProviderKind
from tests.emulator.server import Emulator
from tests.emulator.speechkit_answers import FOLDER

KEY = "AQVN-emulated-0123456789"
Ask = Callable[..., requests.Response]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        running.speechkit.add_key("works", KEY)
        yield running


@pytest.fixture
def v1(emulator: Emulator) -> Ask:
    def ask(**fields: str) -> requests.Response:
        url = emulator.base_url(ProviderKind.SPEECHKIT) + "/speech/v1/tts:synthesize"
        return requests.post(url, data=fields, headers={"Authorization": f"Api-Key {KEY}"}, timeout=60)

    return ask


@pytest.fixture
def v3(emulator: Emulator) -> Ask:
    def ask(*hints: dict[str, Any], headers: dict[str, str] | None = None, **fields: Any) -> requests.Response:
        url = emulator.base_url(ProviderKind.SPEECHKIT) + "/tts/v3/utteranceSynthesis"
        body = {**fields, "hints": list(hints)}
        headers = {"Authorization": f"Api-Key {KEY}", **(headers or {})}
        return requests.post(url, json=body, headers=headers, timeout=60)

    return ask


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"text": "а", "ssml": "<speak>а</speak>"},
        {"text": "a" * 5001},
        {"text": "я" * 3000},
        {"text": "а", "voice": "dasha"},
        {"text": "а", "voice": "oksana"},
        {"text": "а", "voice": "filipp:premium"},
        {"text": "а", "voice": "alena", "emotion": "evil"},
        {"text": "а", "voice": "filipp", "emotion": "neutral"},
        {"text": "а", "lang": "fr-FR"},
        {"text": "а", "format": "wav"},
        {"text": "а", "format": "mp3", "sampleRateHertz": "48000"},
        {"text": "а", "format": "lpcm", "sampleRateHertz": "44100"},
        {"text": "а", "speed": "3.1"},
        {"text": "а", "speed": "fast"},
    ],
)
def test_v1_refuses_what_it_does_not_know(v1: Ask, emulator: Emulator, fields: dict[str, str]) -> None:
    answer = v1(**fields)

    assert answer.status_code == 400
    assert answer.json()["error_code"] == "BAD_REQUEST"
    assert emulator.ledger == []


def test_v1_takes_all_that_it_knows_and_bills_by_the_character(v1: Ask, emulator: Emulator) -> None:
    v1(text="Привет", voice="jane", emotion="evil", speed="0.1", lang="ru-RU", folderId=FOLDER).raise_for_status()
    v1(ssml="<speak>а</speak>", voice="john", lang="en-US").raise_for_status()
    v1(text="").raise_for_status()

    assert [(charge.model, charge.units) for charge in emulator.ledger] == [("jane", 6), ("john", 16), ("marina", 1)]


@pytest.mark.parametrize(
    ("fields", "content_type", "name"),
    [({}, "audio/ogg", "ogg"), ({"format": "oggopus"}, "audio/ogg", "ogg"), ({"format": "mp3"}, "audio/mpeg", "mp3")],
)
def test_v1_answers_with_a_file_that_plays(v1: Ask, fields: dict[str, str], content_type: str, name: str) -> None:
    answer = v1(text="Привет", **fields)

    assert answer.headers["Content-Type"] == content_type
    with av.open(io.BytesIO(answer.content), "r") as container:
        assert container.format.name == name
        assert any(frame.samples for frame in container.decode(audio=0))


@pytest.mark.parametrize(("rate", "size"), [({}, 48000), ({"sampleRateHertz": "8000"}, 8000)])
def test_v1_has_raw_samples_without_a_header(v1: Ask, rate: dict[str, str], size: int) -> None:
    answer = v1(text="а" * 800, format="lpcm", **rate)

    assert len(answer.content) == size * 2
    assert answer.content[:4] != b"RIFF"


def test_v1_says_unauthorized_to_a_wrong_folder_a_wrong_key_and_a_key_without_rights(
    v1: Ask, emulator: Emulator
) -> None:
    emulator.speechkit.keys[KEY].credit = 1
    answers = [v1(text="а", folderId="b1gother"), v1(text="а"), v1(text="а")]
    emulator.speechkit.keys.clear()
    answers.append(v1(text="а"))

    assert [answer.status_code for answer in answers] == [401, 200, 401, 401]
    assert [answer.json()["error_code"] for answer in answers if answer.status_code != 200] == ["UNAUTHORIZED"] * 3
    texts = [answer.text for answer in answers]
    assert ["code = PermissionDenied" in text for text in texts] == [True, False, True, False]
    assert "code = Unauthenticated desc = Unknown api key" in texts[3]


@pytest.mark.parametrize(
    ("hints", "fields"),
    [
        ([], {}),
        ([], {"text": "а", "textTemplate": {"textTemplate": "а"}}),
        ([], {"text": "а" * 251}),
        ([], {"text": "а" * 5001, "unsafeMode": True}),
        ([{"voice": "marina", "role": "friendly"}], {"text": "а"}),
        ([{"emotion": "good"}], {"text": "а"}),
        ([{"voice": "oksana"}], {"text": "а"}),
        ([{"voice": "masha"}, {"role": "neutral"}], {"text": "а"}),
        ([], {"text": "а", "outputAudioSpec": {"containerAudio": {"containerAudioType": "AAC"}}}),
        ([], {"text": "а", "outputAudioSpec": {"containerAudio": {}, "rawAudio": {}}}),
        ([], {"text": "а", "voice": "marina"}),
    ],
)
def test_v3_refuses_what_it_does_not_know(
    v3: Ask, emulator: Emulator, hints: list[dict[str, Any]], fields: dict[str, Any]
) -> None:
    answer = v3(*hints, **fields)

    assert answer.status_code == 400
    assert answer.json()["error"]["grpcCode"] == 3
    assert emulator.ledger == []


def test_v3_refuses_another_folder(v3: Ask) -> None:
    assert v3(text="а", headers={"x-folder-id": "b1gother"}).status_code == 400
    assert v3(text="а", headers={"x-folder-id": FOLDER}).status_code == 200


def test_v3_answers_in_lines_and_bills_by_250_characters(v3: Ask, emulator: Emulator) -> None:
    answer = v3({"voice": "masha"}, {"role": "good"}, text="а" * 251, unsafeMode=True)

    lines = [json.loads(line)["result"] for line in answer.text.splitlines()]
    sound = b"".join(base64.b64decode(line["audioChunk"]["data"]) for line in lines)
    assert len(lines) >= 2
    assert all(isinstance(line[name], str) for line in lines for name in ("startMs", "lengthMs"))
    with wave.open(io.BytesIO(sound)) as file:
        assert file.getnframes() > 0
    assert [(charge.model, charge.units) for charge in emulator.ledger] == [("masha", 2)]


@pytest.mark.parametrize("scenario", ["rate_limited", "overloaded"])
def test_a_busy_vendor_does_not_say_how_long(v1: Ask, v3: Ask, emulator: Emulator, scenario: str) -> None:
    emulator.speechkit.play(scenario, times=2)

    answers = [v1(text="а"), v3(text="а")]

    assert {answer.status_code for answer in answers} == {429 if scenario == "rate_limited" else 503}
    assert all("Retry-After" not in answer.headers for answer in answers)


def test_an_error_after_sound_comes_with_a_success_and_costs_nothing(v3: Ask, emulator: Emulator) -> None:
    emulator.speechkit.play("error_after_sound")

    answer = v3(text="а")

    first, last = map(json.loads, answer.text.splitlines())
    assert answer.status_code == 200
    assert first["result"]["audioChunk"]["data"]
    assert last["error"]["grpcCode"] == 14
    assert emulator.ledger == []
