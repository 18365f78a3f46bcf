"""MP3 as bytes: whether it is sound at all, and several recordings joined into one that plays.

An MP3 file is a row of frames that each say how long they are (ISO/IEC 11172-3, 13818-3). Before them may stand a tag
(id3.org) and a first frame without sound that counts the rest; both would be false in the middle of a longer file.
"""

import re
from collections.abc import Iterator, Sequence

_HEADER_BYTES = 4
_TAG_HEADER_BYTES = 10
_CLOSING_TAG_BYTES = 128
#: What a frame or a tag can begin with: the first two bytes say that it is one of layer III, and of which version.
_BEGINNING = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]|ID3|TAG")
#: How often in one file that may turn out to begin nothing.
MAX_FALSE_STARTS = 10_000

#: By the version bits of a header; 1 is reserved.
_RATES = {0: (11025, 12000, 8000), 2: (22050, 24000, 16000), 3: (44100, 48000, 32000)}
_KBITS_VERSION_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_VERSION_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def is_mp3(data: bytes) -> bool:
    """Whether at least one whole frame of sound is in ``data``."""
    return any(not _counts_frames(frame) for frame in _frames(data))


def joined(recordings: Sequence[bytes]) -> bytes:
    """One recording after the other as one file. A single one is left as it is.

    All must have the same sample rate and channels. Tags and counts of the parts are left out: a player reckons the
    length from the size, which is exact where the bit rate is constant.
    """
    if len(recordings) == 1:
        return recordings[0]
    return b"".join(frame for data in recordings for frame in _frames(data) if not _counts_frames(frame))


def frame_bytes(header: bytes) -> int:
    """The length of the frame that begins with the four bytes of ``header``, 0 if none does."""
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    kbits, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer != 1 or kbits in (0, 15) or rate == 3:
        return 0
    if version == 3:
        return 144_000 * _KBITS_VERSION_1[kbits] // _RATES[version][rate] + padding
    return 72_000 * _KBITS_VERSION_2[kbits] // _RATES[version][rate] + padding


def _frames(data: bytes) -> Iterator[bytes]:
    """The whole frames of ``data``; what is none is passed over, and so is a last one that is cut off.

    It ends early where nothing but false beginnings come: a recording has none, and they take long to look at.
    """
    place = false_beginnings = 0
    while place < len(data) and false_beginnings < MAX_FALSE_STARTS:
        if tag := _tag_bytes(data, place):
            place += tag
            continue
        end = place + frame_bytes(data[place : place + _HEADER_BYTES])
        # Four bytes can look like a header by chance: something that we know has to follow.
        if place < end <= len(data) and (end == len(data) or _tag_bytes(data, end) or _begins_a_frame(data, end)):
            yield data[place:end]
            place = end
        else:
            found = _BEGINNING.search(data, place + 1)
            if found is None:
                return
            place = found.start()
            false_beginnings += 1


def _begins_a_frame(data: bytes, place: int) -> bool:
    return frame_bytes(data[place : place + _HEADER_BYTES]) > 0


def _tag_bytes(data: bytes, place: int) -> int:
    """The length of the tag at ``place``, 0 if there is none."""
    if data[place : place + 3] == b"TAG" and len(data) - place == _CLOSING_TAG_BYTES:
        return _CLOSING_TAG_BYTES
    header = data[place : place + _TAG_HEADER_BYTES]
    if header[:3] != b"ID3" or len(header) < _TAG_HEADER_BYTES or max(header[6:]) > 0x7F:
        return 0
    size = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
    has_footer = bool(header[5] & 0x10)
    return _TAG_HEADER_BYTES * (1 + has_footer) + size


def _counts_frames(frame: bytes) -> bool:
    """Whether this is the first frame of an encoder that holds counts in place of sound."""
    version_1, mono, checked = frame[1] >> 3 & 3 == 3, frame[3] >> 6 == 3, not frame[1] & 1
    side_bytes = (17 if mono else 32) if version_1 else (9 if mono else 17)
    place = _HEADER_BYTES + side_bytes + 2 * checked
    return frame[place : place + 4] in (b"Xing", b"Info") or frame[36:40] == b"VBRI"
