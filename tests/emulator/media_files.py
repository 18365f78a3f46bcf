"""The files that the emulated providers give away: small, real, and made once in a process."""

import io
from functools import lru_cache

import av

from providers.dummy.song import sing
from providers.dummy.video import film

_WORDS = "Люблю грозу в начале мая,\nКогда весенний первый гром,\nКак бы резвяся и играя,\nГрохочет в небе голубом."


@lru_cache(maxsize=2)
def song_mp3(mode: str) -> bytes:
    """A song of some ten seconds as an MP3 file; ``mode`` is ``major`` or ``minor``."""
    source, target = io.BytesIO(sing(_WORDS, f"dummy-song-{mode}")), io.BytesIO()
    with av.open(source, "r") as wav, av.open(target, "w", format="mp3") as mp3:
        stream = mp3.add_stream("libmp3lame", rate=22_050, layout="mono")
        stream.bit_rate = 64_000
        for frame in wav.decode(audio=0):
            mp3.mux(stream.encode(frame))
        mp3.mux(stream.encode(None))
    return target.getvalue()


@lru_cache(maxsize=1)
def clip_mp4() -> bytes:
    """A clip of four seconds as an MP4 file."""
    return film(_WORDS, "dummy-clip-sea")
