"""Which file is which, by real files that av has made and by the first bytes of others."""

import io
from fractions import Fraction

import av
import pytest

from providers.media.types import TELLING_BYTES, Medium, media_type_of
from tests.emulator.speechkit_sound import read_aloud


def sound(container: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame(format="s16", layout="mono", samples=4800)
        frame.planes[0].update(bytes(9600))
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=48_000)
        for converted in resampler.resample(frame):
            output.mux(stream.encode(converted))
        output.mux(stream.encode(None))
    return file.getvalue()


def film(container: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame(64, 64, "yuv420p")
        frame.pts, frame.time_base = 0, Fraction(1, 10)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "medium", "expected"),
    [
        (read_aloud("раз", "wav"), "audio", "audio/wav"),
        (read_aloud("раз", "oggopus"), "audio", "audio/ogg"),
        (read_aloud("раз", "mp3"), "audio", "audio/mpeg"),
        (read_aloud("раз", "mp3")[45:], "audio", "audio/mpeg"),
        (sound("ipod", "aac"), "audio", "audio/mp4"),
        (sound("mp4", "aac"), "audio", "audio/mp4"),
        (film("mp4", "libx264"), "video", "video/mp4"),
        (film("webm", "libvpx"), "video", "video/webm"),
        (film("matroska", "libx264"), "video", None),
        (film("mov", "libx264"), "video", None),
        (sound("ipod", "aac"), "video", None),
        (film("webm", "libvpx"), "audio", None),
        (read_aloud("раз", "wav"), "video", None),
        (read_aloud("раз", "mp3"), "video", None),
        (sound("adts", "aac"), "audio", None),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "audio", None),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "video", None),
        (b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00", "video", None),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00", "video", None),
        (b"\x89PNG\r\n\x1a\n", "video", None),
        (b"<!DOCTYPE html>", "audio", None),
        (b'{"detail": "not found"}', "video", None),
        (b"", "audio", None),
        (b"", "video", None),
    ],
)
def test_a_file_is_known_by_its_first_bytes(content: bytes, medium: Medium, expected: str | None) -> None:
    assert media_type_of(content[:TELLING_BYTES], medium) == expected
