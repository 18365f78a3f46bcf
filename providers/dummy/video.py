"""The DUMMY provider films: four seconds of H.264 with a soft AAC sound, as every browser and phone plays them."""

import io
import math
from array import array
from fractions import Fraction
from operator import mul

import av

from providers.dummy.paint import HEIGHT, WIDTH, Picture
from providers.dummy.poem import chance
from providers.dummy.scenes import Scene, sea, sunset
from providers.dummy.sound import RATE, Samples, mix, noise, pcm, plucked, shaped, silence, tone

FRAMES_PER_SECOND = 12
SECONDS = 4
#: Room kept at the start of the file for its index, so that playing can begin before the whole file is there
#: ("faststart" wants to open the output a second time, which memory cannot do). Ours needs about 3 kB.
INDEX_BYTES = 12_000


def film(text: str, model: str) -> bytes:
    """An MP4 file, 4 seconds at 12 pictures a second; the same scene for the same text and model."""
    pick = chance(model, text)
    if model == "dummy-clip-sea":
        return _encode(sea(pick), _surf())
    return _encode(sunset(pick), _evening(pick.choice((196.0, 220.0, 246.9))))


def _surf() -> Samples:
    """Two waves that run up the beach."""
    sound = noise(SECONDS, "breath")
    swell = array("d", [0.15 + math.sin(math.pi * i * 2 / len(sound)) ** 4 for i in range(len(sound))])
    mix(sound, shaped(noise(SECONDS, "hush"), 0.5, 0.5, 0.25), 0)
    return shaped(array("d", map(mul, sound, swell)), 0.2, 0.3)


def _evening(pitch: float) -> Samples:
    """A chord, struck once and left to ring, over a low drone."""
    sound = silence(SECONDS)
    mix(sound, shaped(tone(SECONDS, pitch / 2), 0.8, 1.2, 0.5), 0)
    for order, interval in enumerate((1, 5 / 4, 3 / 2, 2, 5 / 2)):
        mix(sound, plucked(tone(SECONDS - order * 0.35, pitch * interval), 0.9, 0.5), order * 0.35)
    return shaped(sound, 0.01, 0.5)


def _encode(scene: Scene, sound: Samples) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"moov_size": str(INDEX_BYTES)}) as container:
        video = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"preset": "veryfast", "crf": "24"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        # One thread: a worker that makes several clips at once has others for the rest.
        video.codec_context.thread_count = 1
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = 48_000
        frames = FRAMES_PER_SECOND * SECONDS
        for number in range(frames):
            container.mux(video.encode(_video_frame(scene(number / frames), number)))
        container.mux(video.encode(None))
        container.mux(audio.encode(_audio_frame(sound)))
        container.mux(audio.encode(None))
    return file.getvalue()


def _video_frame(picture: Picture, number: int) -> av.VideoFrame:
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for target, plane in zip(frame.planes, picture.planes, strict=True):
        target.update(bytes(plane))
    frame.pts = number
    frame.time_base = Fraction(1, FRAMES_PER_SECOND)
    return frame


def _audio_frame(sound: Samples) -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(sound))
    frame.planes[0].update(pcm(sound))
    frame.sample_rate = RATE
    frame.pts = 0
    frame.time_base = Fraction(1, RATE)
    return frame
