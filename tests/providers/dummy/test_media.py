"""The DUMMY provider's sound and film: files that players take, with something to hear and to see."""

import io
import math
import wave
from array import array
from itertools import pairwise
from typing import TypeAlias

import av
import pytest

from providers.base import Brief, Credentials, GenerationRequest, GenerationResult
from providers.dummy.adapter import MODELS, Dummy
from providers.dummy.poem import write_verse
from providers.dummy.song import MODES, Key
from providers.dummy.sound import RATE, tone
from providers.dummy.voice import read_aloud, vowels_of
from providers.kinds import StageType

BRIEF = Brief("Анна", "день рождения", "Любит горы и кофе", "тёплый", "ru")
POEM = write_verse(BRIEF)
FULL_SCALE = 32_767

Samples: TypeAlias = "array[int]"
Works = dict[str, GenerationResult]


def make(stage_type: StageType, model: str, poem: str = POEM) -> GenerationResult:
    request = GenerationRequest(stage_type=stage_type, model=model, brief=BRIEF, token="attempt-1", poem=poem)
    return Dummy(Credentials(api_key="", base_url="")).generate(request)


def samples_of(wav_file: bytes | None) -> Samples:
    with wave.open(io.BytesIO(wav_file or b"")) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, RATE)
        return array("h", wav.readframes(wav.getnframes()))


def loudness(samples: Samples) -> float:
    """Root mean square, as a share of full scale."""
    return math.sqrt(sum(value * value for value in samples) / len(samples)) / FULL_SCALE


def pitch_of(samples: Samples) -> float:
    """The pitch in Hz at which a tenth of a second from the middle of ``samples`` repeats itself best."""
    middle = samples[len(samples) // 2 :][: RATE // 10]
    likeness = {
        lag: sum(a * b for a, b in zip(middle, middle[lag:], strict=False)) / (len(middle) - lag)
        for lag in range(RATE // 320, RATE // 70)
    }
    best = max(likeness.values())
    return RATE / next(lag for lag, value in likeness.items() if value > 0.9 * best)


@pytest.fixture(scope="module")
def works() -> Works:
    """One work of every model that makes media."""
    media = (StageType.VOICE, StageType.SONG, StageType.CLIP)
    return {model: make(stage_type, model) for stage_type in media for model in MODELS[stage_type]}


@pytest.mark.parametrize("model", MODELS[StageType.VOICE] + MODELS[StageType.SONG])
def test_sound_is_audible_from_beginning_to_end_and_not_clipped(works: Works, model: str) -> None:
    result = works[model]
    samples = samples_of(result.media)
    seconds = len(samples) / RATE

    assert (result.model, result.text, result.content_type) == (model, None, "audio/wav")
    assert 8 <= seconds <= 20
    assert max(map(abs, samples)) in range(FULL_SCALE // 2, int(FULL_SCALE * 0.9))
    for second in range(int(seconds) - 1):
        assert loudness(samples[second * RATE : (second + 1) * RATE]) > 0.01


@pytest.mark.parametrize("model", MODELS[StageType.VOICE] + MODELS[StageType.SONG])
def test_sound_begins_and_ends_softly(works: Works, model: str) -> None:
    samples = samples_of(works[model].media)

    assert max(map(abs, samples[:20])) < FULL_SCALE * 0.05
    assert max(map(abs, samples[-20:])) < FULL_SCALE * 0.05


def test_the_two_voices_differ_in_pitch() -> None:
    low, high = (pitch_of(samples_of(read_aloud("м" * 40, model))) for model in MODELS[StageType.VOICE])

    assert 90 < low < 140
    assert 170 < high < 250


def test_a_reading_pauses_between_lines() -> None:
    without, with_breaks = (samples_of(read_aloud(text, "dummy-voice-low")) for text in ("мама " * 8, "мама\n" * 8))

    assert len(with_breaks) - len(without) > 7 * 0.2 * RATE


def test_a_reading_is_as_long_as_its_text_and_at_most_twenty_seconds() -> None:
    short, middle, endless = (len(samples_of(read_aloud("ла " * n, "dummy-voice-low"))) for n in (12, 24, 4000))

    assert short < middle < endless <= 20 * RATE


def test_a_poem_of_ours_is_read_to_its_last_line(works: Works) -> None:
    assert len(samples_of(works["dummy-voice-low"].media)) < 19.9 * RATE


WORDLESS = ["", " \n ", "🎉", "你好", "123", "...", "ъь"]


@pytest.mark.parametrize(
    ("stage_type", "shortest", "text"),
    [
        *((StageType.VOICE, 1.2, text) for text in WORDLESS),
        *((StageType.SONG, 8, text) for text in WORDLESS[:2]),
        # A song takes a third of a second.
        *(pytest.param(StageType.SONG, 8, text, marks=pytest.mark.thorough) for text in WORDLESS[2:]),
    ],
)
def test_a_text_without_words_is_still_heard(stage_type: StageType, shortest: float, text: str) -> None:
    samples = samples_of(make(stage_type, MODELS[stage_type][0], text).media)

    assert shortest <= len(samples) / RATE <= 20
    assert loudness(samples) > 0.01


@pytest.mark.parametrize(
    ("line", "syllables"),
    [
        ("Утро постучалось", 6),
        ("В окна золотым лучом.", 7),
        ("The house is made of bread", 6),
        ("queue", 1),
        ("- , !", 0),
        ("2024", 4),
    ],
)
def test_syllables_are_counted_as_they_are_heard(line: str, syllables: int) -> None:
    assert len(vowels_of(line)) == syllables


def test_a_tone_is_true_to_its_pitch() -> None:
    sound = tone(2, 466)

    assert sum(before < 0 <= now for before, now in pairwise(sound)) == pytest.approx(932, abs=2)


def test_the_third_of_the_scale_makes_the_song_major_or_minor() -> None:
    thirds = [Key(MODES[model], 261.6, 0.25).pitch(2) / 261.6 for model in MODELS[StageType.SONG]]

    assert thirds == pytest.approx([2 ** (4 / 12), 2 ** (3 / 12)])


@pytest.mark.parametrize("model", MODELS[StageType.CLIP])
def test_a_clip_is_four_seconds_of_h264_with_sound(works: Works, model: str) -> None:
    result = works[model]
    assert (result.model, result.text, result.content_type) == (model, None, "video/mp4")
    assert result.media is not None
    assert len(result.media) < 400_000

    with av.open(io.BytesIO(result.media), "r") as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        frames = list(container.decode(video))
        container.seek(0)
        heard = b"".join(bytes(frame.planes[0])[: frame.samples * 4] for frame in container.decode(audio))

        assert (video.codec_context.name, video.pix_fmt, audio.codec_context.name) == ("h264", "yuv420p", "aac")
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(4, abs=0.1)
    assert [(frame.width, frame.height) for frame in frames] == [(512, 288)] * 48
    assert frames[-1].time == pytest.approx(47 / 12)
    sound = memoryview(heard).cast("f")
    assert 4 <= len(sound) / RATE < 4.1
    assert 0.02 < math.sqrt(sum(value * value for value in sound) / len(sound)) < 0.7


def test_a_clip_can_start_before_it_is_loaded(works: Works) -> None:
    for model in MODELS[StageType.CLIP]:
        film = works[model].media or b""
        assert 0 < film.find(b"moov") < film.find(b"mdat")


@pytest.mark.parametrize("model", MODELS[StageType.CLIP])
def test_a_clip_moves_and_is_no_flat_colour(works: Works, model: str) -> None:
    with av.open(io.BytesIO(works[model].media or b""), "r") as container:
        pictures = [bytes(frame.planes[0]) for frame in container.decode(video=0)]

    for before, now in pairwise(pictures):
        assert sum(abs(a - b) > 8 for a, b in zip(before[::7], now[::7], strict=True)) > 50
    assert max(pictures[0]) - min(pictures[0]) > 100


def test_the_sea_is_blue_and_the_sunset_is_red(works: Works) -> None:
    def mean_colour(model: str) -> tuple[float, ...]:
        with av.open(io.BytesIO(works[model].media or b""), "r") as container:
            frame = next(container.decode(video=0))
        return tuple(sum(bytes(plane)) / plane.buffer_size for plane in frame.planes[1:])

    blue_of_sea, red_of_sea = mean_colour("dummy-clip-sea")
    blue_of_sunset, red_of_sunset = mean_colour("dummy-clip-sunset")
    assert blue_of_sea > 135
    assert red_of_sea < 120
    assert red_of_sunset > 140 > blue_of_sunset


@pytest.mark.parametrize(
    "stage_type",
    # Two clips more take longer than all that is heard.
    [StageType.VOICE, StageType.SONG, pytest.param(StageType.CLIP, marks=pytest.mark.thorough)],
)
def test_the_same_poem_gives_the_same_work_and_another_poem_another_one(works: Works, stage_type: StageType) -> None:
    model = MODELS[stage_type][1]

    assert make(stage_type, model).media == works[model].media
    assert make(stage_type, model, "Мороз и солнце, день чудесный").media != works[model].media
