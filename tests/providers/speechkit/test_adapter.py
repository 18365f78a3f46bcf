"""SPEECHKIT: the exact requests, the sample answers read, and long poems in parts that become one recording."""

import io
from array import array
from dataclasses import replace
from itertools import groupby, pairwise
from types import SimpleNamespace

import av
import pytest

from providers.base import Credentials
from providers.errors import (
    InvalidResponse,
    ModelNotFound,
    OutcomeUnknown,
    PermissionMissing,
    ProviderError,
    RequestRefused,
)
from providers.kinds import ProviderKind, StageType
from providers.speechkit import adapter
from providers.speechkit.adapter import SpeechKit
from providers.speechkit.voices import V1_VOICES, VOICES
from tests.emulator import speechkit_sound, speechkit_voices
from tests.emulator.listener import until
from tests.emulator.server import Emulator
from tests.emulator.speechkit import SpeechKitRoom
from tests.emulator.speechkit_sound import PITCH_STEP, RATE, pitch_of, seconds_of
from tests.providers.conftest import CANARY, SAMPLES, VOICE, assert_tells_nothing

V3_VOICE = replace(VOICE, model="dasha")
WINDOW = RATE // 20
LOUD = 4000


def poem_of(stanzas: int) -> str:
    return "\n\n".join(f"Строфа {n}.\nЦветут в саду флоксы,\nи кот на крыльце." for n in range(stanzas))


@pytest.fixture
def room(emulator: Emulator) -> SpeechKitRoom:
    emulator.speechkit.add_key("canary", CANARY)
    return emulator.speechkit


@pytest.fixture
def short_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a text, it is read in no time: where nobody listens."""
    monkeypatch.setattr(speechkit_sound, "SECONDS_OF_A_CHARACTER", 0)


@pytest.fixture
def reader(emulator: Emulator, room: SpeechKitRoom) -> SpeechKit:
    return SpeechKit(Credentials(CANARY, emulator.base_url(ProviderKind.SPEECHKIT)))


def samples_of(recording: bytes) -> "array[int]":
    """The sound at ``RATE``; fails at the first byte that cannot be decoded."""
    samples = array("h")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(io.BytesIO(recording), "r") as container:
        for frame in container.decode(audio=0):
            for converted in resampler.resample(frame):
                samples.frombytes(bytes(converted.planes[0])[: converted.samples * 2])
    return samples


def pitches_of(samples: "array[int]") -> list[int]:
    """The pitches in Hz that are heard one after the other, each for a tenth of a second at least."""
    heard = []
    for start in range(0, len(samples), WINDOW):
        window = samples[start : start + WINDOW]
        rises = sum(a < 0 <= b for a, b in pairwise(window))
        is_loud = max(window) > LOUD
        heard.append(round(rises * RATE / WINDOW / PITCH_STEP) * PITCH_STEP if is_loud else 0)
    steady = [pitch for pitch, following in pairwise(heard) if pitch == following != 0]
    return [pitch for pitch, _ in groupby(steady)]


def test_v1_gets_a_form(reader: SpeechKit, emulator: Emulator) -> None:
    reader.generate(VOICE)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("POST", "/speechkit/speech/v1/tts:synthesize")
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert seen.headers["x-client-request-id"] == VOICE.token
    assert seen.body == {"text": VOICE.poem, "voice": "marina", "format": "mp3"}


def test_v3_gets_json_and_may_take_a_whole_poem(reader: SpeechKit, emulator: Emulator) -> None:
    reader.generate(V3_VOICE)

    (seen,) = emulator.requests
    assert (seen.method, seen.path) == ("POST", "/speechkit/tts/v3/utteranceSynthesis")
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["x-client-request-id"] == VOICE.token
    assert seen.body == {
        "text": VOICE.poem,
        "hints": [{"voice": "dasha"}],
        "outputAudioSpec": {"containerAudio": {"containerAudioType": "MP3"}},
        "unsafeMode": True,
    }


@pytest.mark.parametrize("token", ["6a1f0e3c0f0e4c529c550f2f3a1b2c3d", "attempt-1"])
def test_the_id_for_the_vendors_support_is_a_uuid(reader: SpeechKit, emulator: Emulator, token: str) -> None:
    reader.generate(replace(VOICE, token=token))
    reader.generate(replace(VOICE, token=token))

    first, second = (seen.headers["x-client-request-id"] for seen in emulator.requests)
    assert first == second
    assert [len(part) for part in first.split("-")] == [8, 4, 4, 4, 12]


def test_a_check_costs_one_character_and_says_nothing_of_the_order(reader: SpeechKit, emulator: Emulator) -> None:
    reader.check_key(StageType.VOICE)

    assert emulator.requests[0].body == {"text": "а", "voice": "marina", "format": "mp3"}
    assert [(charge.model, charge.units) for charge in emulator.ledger] == [("marina", 1)]


def test_the_voices_are_those_of_the_documentation_with_the_default_first(
    reader: SpeechKit, emulator: Emulator
) -> None:
    voices = reader.list_models(StageType.VOICE)

    languages = [speechkit_voices.VOICES[voice].language for voice in voices]
    assert voices[0] == "marina"
    assert set(voices) == set(speechkit_voices.VOICES)
    assert {voice for voice in voices if speechkit_voices.VOICES[voice].v1} == V1_VOICES
    assert sorted(languages, key=lambda language: language != "ru-RU") == languages
    assert emulator.requests == []


@pytest.mark.parametrize("voice", VOICES)
def test_every_voice_reads(reader: SpeechKit, emulator: Emulator, voice: str) -> None:
    result = reader.generate(replace(VOICE, model=voice))

    assert (result.model, result.content_type) == (voice, "audio/mpeg")
    assert pitches_of(samples_of(result.media or b"")) == [pitch_of(VOICE.poem)]
    assert [charge.model for charge in emulator.ledger] == [voice]


@pytest.mark.parametrize("voice", ["oksana", "filipp:premium", ""])
def test_a_voice_that_nobody_has_is_refused_unsent(reader: SpeechKit, emulator: Emulator, voice: str) -> None:
    with pytest.raises(ModelNotFound, match="no such voice"):
        reader.generate(replace(VOICE, model=voice))
    with pytest.raises(ModelNotFound, match="no such voice"):
        reader.prove(StageType.VOICE, voice)

    assert emulator.requests == []


@pytest.mark.parametrize("poem", ["", " \n\n"])
def test_a_poem_without_words_is_refused_unsent(reader: SpeechKit, emulator: Emulator, poem: str) -> None:
    with pytest.raises(RequestRefused, match="no text"):
        reader.generate(replace(VOICE, poem=poem))

    assert emulator.requests == []


def test_a_recorded_answer_of_v3_is_read(reader: SpeechKit, room: SpeechKitRoom) -> None:
    lines = (SAMPLES / "speechkit" / "utterance.ndjson").read_text()
    room.fail("v3", status=200, body=lines, headers={"x-request-id": "f1c7"})

    result = reader.generate(V3_VOICE)

    assert result.request_id == "f1c7"
    assert pitches_of(samples_of(result.media or b"")) == [pitch_of("")]


def test_lines_without_sound_between_the_others_do_no_harm(reader: SpeechKit, room: SpeechKitRoom) -> None:
    plain = reader.generate(V3_VOICE)
    room.play("word_timings")

    assert reader.generate(V3_VOICE).media == plain.media


#: Three parts for either API.
LONG = {"marina": poem_of(140), "dasha": poem_of(260)}


@pytest.mark.parametrize("voice", LONG)
def test_a_long_poem_is_read_in_parts_that_the_vendor_takes_and_becomes_one_recording(
    reader: SpeechKit, emulator: Emulator, voice: str
) -> None:
    result = reader.generate(replace(VOICE, model=voice, poem=LONG[voice]))

    texts = [seen.body["text"] for seen in emulator.requests]
    samples = samples_of(result.media or b"")
    assert len(texts) == len(emulator.ledger) == 3
    assert "\n\n".join(texts) == LONG[voice]
    assert len(samples) / RATE == pytest.approx(sum(map(seconds_of, texts)), abs=0.1 * len(texts))
    assert pitches_of(samples) == [pitch_of(text) for text in texts]
    assert result.usage == {"characters": sum(map(len, texts))}
    assert result.content_type == "audio/mpeg"


@pytest.mark.usefixtures("short_sounds")
@pytest.mark.parametrize("letter", ["я", "a", "\U0001f994"])
def test_a_part_is_never_larger_than_the_vendor_takes(reader: SpeechKit, emulator: Emulator, letter: str) -> None:
    reader.generate(replace(VOICE, poem=letter * 5001))

    assert "".join(seen.body["text"] for seen in emulator.requests) == letter * 5001
    assert len(emulator.ledger) == len(emulator.requests)


@pytest.mark.usefixtures("short_sounds")
@pytest.mark.parametrize(
    ("scenario", "detail"),
    [
        ("rate_limited", "TOO_MANY_REQUESTS"),
        ("server_error", "INTERNAL_SERVER_ERROR"),
        ("overloaded", "http_503"),
        ("lost", "connection cut"),
    ],
)
def test_a_later_part_that_fails_has_lost_what_the_earlier_ones_cost(
    reader: SpeechKit, room: SpeechKitRoom, emulator: Emulator, scenario: str, detail: str
) -> None:
    room.fail("v1", delay=0)  # the first part goes well
    room.play(scenario)

    with pytest.raises(OutcomeUnknown) as caught:
        reader.generate(replace(VOICE, poem=LONG["marina"]))

    assert caught.value.detail == detail
    assert len(emulator.requests) == 2
    assert_tells_nothing(caught.value)


@pytest.mark.usefixtures("short_sounds")
@pytest.mark.parametrize(
    ("scenario", "expected"),
    [("no_role", PermissionMissing), ("bad_request", RequestRefused), ("other_format", InvalidResponse)],
)
def test_what_is_no_passing_loss_stays_what_it_is_in_a_later_part(
    reader: SpeechKit, room: SpeechKitRoom, scenario: str, expected: type[ProviderError]
) -> None:
    room.fail("v1", delay=0)
    room.play(scenario)

    with pytest.raises(ProviderError) as caught:
        reader.generate(replace(VOICE, poem=LONG["marina"]))

    assert type(caught.value) is expected
    assert_tells_nothing(caught.value)


@pytest.mark.usefixtures("short_sounds")
def test_the_time_for_an_answer_is_one_for_all_parts(
    reader: SpeechKit, room: SpeechKitRoom, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By the clock of the adapter the first part has taken all the time that there was.
    took = iter([0, SpeechKit.generation_seconds])
    monkeypatch.setattr(adapter, "time", SimpleNamespace(monotonic=lambda: next(took)))
    monkeypatch.setattr(adapter, "_MIN_SECONDS", 0.05)
    room.fail("v1", delay=0)  # the first part goes well
    room.fail("v1", delay=5, times=None)

    with pytest.raises(OutcomeUnknown, match="read timeout"):
        reader.generate(replace(VOICE, poem=LONG["marina"]))

    # The second part was begun with what the first had left, and there was no third.
    until(lambda: len(emulator.requests) == 2)
