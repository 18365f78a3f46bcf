"""What the emulated SPEECHKIT says: a tone for every text, so that a test can hear what was read in what order."""

import io
import math
import wave
import zlib
from array import array
from functools import lru_cache

import av

RATE = 48_000
SECONDS_OF_A_CHARACTER = 0.001
MIN_SECONDS = 0.2
LOWEST_PITCH = 200
PITCHES = 30
PITCH_STEP = 100

#: By our name of the format: container and codec of av.
_CODECS = {"mp3": ("mp3", "libmp3lame"), "oggopus": ("ogg", "libopus")}


def seconds_of(text: str) -> float:
    """How long ``text`` takes to read."""
    return MIN_SECONDS + len(text) * SECONDS_OF_A_CHARACTER


def pitch_of(text: str) -> int:
    """The pitch in Hz in which ``text`` is read."""
    return LOWEST_PITCH + zlib.crc32(text.encode()) % PITCHES * PITCH_STEP


@lru_cache(maxsize=64)
def read_aloud(text: str, sound_format: str, rate: int = RATE) -> bytes:
    """``text`` as ``mp3``, ``oggopus``, ``wav``, or ``lpcm``, which is raw and has no header; mono, 16 bits."""
    turn = math.tau * pitch_of(text) / rate
    samples = array("h", (int(8000 * math.sin(turn * i)) for i in range(int(seconds_of(text) * rate))))
    if sound_format == "lpcm":
        return samples.tobytes()
    file = io.BytesIO()
    if sound_format == "wav":
        with wave.open(file, "wb") as target:
            target.setnchannels(1)
            target.setsampwidth(2)
            target.setframerate(rate)
            target.writeframes(samples.tobytes())
        return file.getvalue()
    container, codec = _CODECS[sound_format]
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples))
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=rate)
        for converted in resampler.resample(frame):
            output.mux(stream.encode(converted))
        output.mux(stream.encode(None))
    return file.getvalue()
