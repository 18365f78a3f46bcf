"""What kind of file begins with given bytes, as far as our stages make such files; no header is asked."""

from typing import Literal

from providers.media import mp3

Medium = Literal["audio", "video"]

#: How much of a file has to be known; the type of a WebM file stands farthest from the beginning.
TELLING_BYTES = 64

#: The first letters of brands (ISO/IEC 14496-12; registered at mp4ra.org): pictures have such files too.
_MP4_BRANDS: dict[Medium, tuple[bytes, ...]] = {
    "audio": (b"M4A", b"M4B", b"mp4", b"iso", b"dash"),
    "video": (b"M4V", b"mp4", b"iso", b"dash", b"avc", b"mmp4", b"MSNV", b"3gp", b"f4v"),
}


def media_type_of(beginning: bytes, medium: Medium) -> str | None:
    """The MIME type of a file by its first ``TELLING_BYTES``; None if it is no ``medium`` that players know.

    An MP4 file says nothing early on of what is in it, so it is taken for the ``medium`` that was expected.
    """
    if beginning[4:8] == b"ftyp" and beginning[8:12].startswith(_MP4_BRANDS[medium]):
        return f"{medium}/mp4"
    if medium == "video":
        is_webm = beginning.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in beginning[:TELLING_BYTES]
        return "video/webm" if is_webm else None
    if beginning.startswith(b"RIFF") and beginning[8:12] == b"WAVE":
        return "audio/wav"
    if beginning.startswith(b"OggS"):
        return "audio/ogg"
    if beginning.startswith(b"ID3") or mp3.frame_bytes(beginning[:4]):
        return "audio/mpeg"
    return None
