"""MP3 as bytes: what is one, and what is left when several become one."""

import io
import time

import av
import pytest

from providers.media.mp3 import frame_bytes, is_mp3, joined
from tests.emulator.speechkit_sound import read_aloud

#: Of processor time; a look at each false beginning takes ten times as long.
GIVEN_UP_AFTER_SECONDS = 3
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def decode(recording: bytes) -> tuple[int, float]:
    """The sample rate and the seconds of sound; fails at the first byte that is no MP3."""
    with av.open(io.BytesIO(recording), "r", format="mp3") as container:
        frames = list(container.decode(audio=0))
    return frames[0].sample_rate, sum(frame.samples for frame in frames) / frames[0].sample_rate


@pytest.mark.parametrize("rate", RATES)
def test_recordings_are_joined_at_every_sample_rate(rate: int) -> None:
    first, second = read_aloud("раз", "mp3", rate), read_aloud("два и три", "mp3", rate)

    whole = joined([first, second])

    seconds = decode(first)[1] + decode(second)[1]
    # Each encoder begins and ends with a little silence, which only a file's own count of frames would cut off.
    assert decode(whole)[0] == rate
    assert decode(whole)[1] == pytest.approx(seconds, abs=0.4)
    assert decode(whole)[1] >= seconds
    assert b"ID3" not in whole
    assert b"Info" not in whole
    assert b"Xing" not in whole


def test_files_that_are_just_put_together_do_not_play() -> None:
    with pytest.raises(av.error.InvalidDataError):
        decode(read_aloud("раз", "mp3") + read_aloud("два", "mp3"))


def test_a_single_recording_is_left_as_it_is() -> None:
    recording = read_aloud("раз", "mp3")

    assert joined([recording]) is recording


def test_tags_at_both_ends_and_a_cut_off_frame_are_left_out() -> None:
    recording = read_aloud("раз", "mp3")
    sound = joined([recording, recording])
    half = len(sound) // 2

    assert joined([recording + b"TAG" + bytes(125), recording]) == sound
    assert joined([b"ID3\x04\x00\x10\x00\x00\x00\x05 tag " + b"3DI" + bytes(7) + recording, recording]) == sound
    assert len(joined([recording[:-1], recording])) == len(sound) - frame_bytes(sound[half : half + 4])


def test_what_stands_between_two_frames_is_passed_over() -> None:
    recording = read_aloud("раз", "mp3")

    assert joined([b"\xff\xfb garbage \xff" + recording, recording]) == joined([recording, recording])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"<html>Welcome</html>",
        b"ID3\x04\x00\x00\x00\x00\x00\x00",
        b"ID3\x04\x00\x00\x00\x00\x00\xff" + bytes(300),
        b"\xff\xfb\x90\x00" + bytes(100),
        bytes(5000),
        b"\xff" * 5000,
        read_aloud("раз", "oggopus"),
        read_aloud("раз", "wav"),
        read_aloud("раз", "lpcm"),
    ],
)
def test_other_bytes_are_none(data: bytes) -> None:
    assert not is_mp3(data)


@pytest.mark.parametrize("junk", [b"\xff", b"\xff\xfb\x90\x00", b"ID3\x04", b"TAG", b"\xff\xfb"])
def test_megabytes_of_false_beginnings_are_given_up_soon(junk: bytes) -> None:
    began = time.process_time()

    assert not is_mp3(junk * (20 * 1024 * 1024 // len(junk)))
    assert time.process_time() - began < GIVEN_UP_AFTER_SECONDS


def test_counts_without_sound_are_none() -> None:
    recording = read_aloud("раз", "mp3")
    place = recording.index(b"Info") if b"Info" in recording else recording.index(b"Xing")
    frame = recording.rindex(b"\xff", 0, place)

    assert is_mp3(recording)
    assert not is_mp3(recording[frame : frame + frame_bytes(recording[frame : frame + 4])])


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"\xff\xfb\x90\x00", 417),
        (b"\xff\xfb\x92\x00", 418),
        (b"\xff\xf3\x80\xc0", 208),
        (b"\xff\xeb\x90\x00", 0),
        (b"\xff\xfd\x90\x00", 0),
        (b"\xff\xfb\xf0\x00", 0),
        (b"\xff\xfb\x00\x00", 0),
        (b"\xff\xfb\x9c\x00", 0),
        (b"\xfe\xfb\x90\x00", 0),
        (b"\xff\xfb\x90", 0),
    ],
)
def test_a_header_says_how_long_its_frame_is(header: bytes, length: int) -> None:
    assert frame_bytes(header) == length
