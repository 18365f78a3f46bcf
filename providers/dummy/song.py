"""The DUMMY provider sings: a tune over four chords, a bar for each line of the poem, a note for each syllable."""

import random
from dataclasses import dataclass
from functools import lru_cache

from providers.dummy.poem import chance
from providers.dummy.sound import RATE, Formants, Samples, mix, noise, plucked, shaped, silence, to_wav, tone
from providers.dummy.voice import AH, vowels_of

FEWEST_BARS, MAX_BARS = 4, 8
SLOTS = 8
MAX_SYLLABLES = 8
MIDDLE_C = 261.626


@dataclass(frozen=True)
class Mode:
    """``scale`` in semitones above the tonic; ``progressions`` are scale degrees of chords, 0 is the tonic's."""

    scale: tuple[int, ...]
    progressions: tuple[tuple[int, ...], ...]


MODES = {
    "dummy-song-major": Mode((0, 2, 4, 5, 7, 9, 11), ((0, 5, 3, 4), (0, 4, 5, 3), (0, 3, 0, 4))),
    "dummy-song-minor": Mode((0, 2, 3, 5, 7, 8, 10), ((0, 5, 2, 6), (0, 3, 5, 4), (0, 6, 5, 4))),
}


@dataclass(frozen=True)
class Key:
    """A mode on a tonic in Hz, and how long an eighth takes in seconds."""

    mode: Mode
    tonic: float
    slot: float

    def pitch(self, degree: int) -> float:
        """Hz of a scale degree; 0 is the tonic, 7 the one above, negative degrees lie below."""
        octave, step = divmod(degree, 7)
        return float(self.tonic * 2 ** (octave + self.mode.scale[step] / 12))


def sing(text: str, model: str) -> bytes:
    """A WAV file of ``text`` sung, 8 to 20 seconds; the same tune for the same text and model."""
    pick = chance(model, text)
    mode = MODES[model]
    key = Key(mode, MIDDLE_C * 2 ** (pick.randint(-3, 3) / 12), 60 / pick.randint(110, 124) / 2)
    lines = [vowels for line in text.splitlines() if (vowels := vowels_of(line))] or [[AH, AH, AH, AH]]
    bars = min(MAX_BARS, max(FEWEST_BARS, len(lines) + len(lines) % 2))
    progression = pick.choice(mode.progressions)
    chords = [progression[bar % 4] for bar in range(bars)]

    song = silence((bars + 1) * SLOTS * key.slot)
    for bar, chord in enumerate(chords):
        _accompany(song, key, chord, bar)
    degree = pick.choice((0, 2, 4))
    for bar, chord in enumerate(chords):
        degree = _sing_bar(song, key, chord, bar, lines[bar % len(lines)][:MAX_SYLLABLES], degree, pick)
    _close(song, key, bars)
    mix(song, _quieter(song[: round(-0.28 * RATE)], 0.22), 0.28)
    return to_wav(shaped(song, 0.005, 0.4))


def _sing_bar(
    song: Samples, key: Key, chord: int, bar: int, vowels: list[Formants], degree: int, pick: random.Random
) -> int:
    """Sing the syllables of one line over ``chord``; returns the scale degree of the last note."""
    onsets = [index * SLOTS // len(vowels) for index in range(len(vowels))] + [SLOTS]
    for vowel, onset, end in zip(vowels, onsets, onsets[1:], strict=False):
        degree = _next_degree(degree, chord, onset, pick)
        length = (end - onset) * key.slot
        note = shaped(tone(length + 0.03, key.pitch(degree), vowel), 0.03, 0.07, 0.9 if onset % 4 == 0 else 0.75)
        mix(song, note, (bar * SLOTS + onset) * key.slot)
    return degree


def _next_degree(degree: int, chord: int, onset: int, pick: random.Random) -> int:
    """One step up or down, or a tone of the chord on the first and the fifth eighth; stays within a tenth."""
    if onset % 4 == 0:
        near = [other for other in range(-2, 9) if (other - chord) % 7 in (0, 2, 4) and 0 < abs(other - degree) <= 3]
        return pick.choice(near) if near else degree
    return max(-2, min(8, degree + pick.choice((-1, -1, 0, 1, 1))))


def _accompany(song: Samples, key: Key, chord: int, bar: int) -> None:
    """Two bass notes, the chord broken into eighths, and a brush on the second and the fourth beat."""
    start = bar * SLOTS * key.slot
    root = chord if chord < 4 else chord - 7
    mix(song, _string(4 * key.slot, key.pitch(root - 14), 0.45, 0.8), start)
    mix(song, _string(4 * key.slot, key.pitch(root - 10), 0.45, 0.6), start + 4 * key.slot)
    for slot, step in enumerate((0, 2, 4, 7, 4, 2, 4, 2)):
        mix(song, _string(0.9, key.pitch(root - 7 + step), 0.22, 0.4), start + slot * key.slot)
    for slot in (2, 6):
        mix(song, shaped(noise(0.09, "hush", start), 0.002, 0.085, 0.12), start + slot * key.slot)


def _close(song: Samples, key: Key, bars: int) -> None:
    """The last bar: the tonic's chord struck once, and the voice at rest on the tonic."""
    start, length = bars * SLOTS * key.slot, SLOTS * key.slot
    for order, degree in enumerate((-14, -7, -5, -3, 0)):
        mix(song, _string(length, key.pitch(degree), 0.7, 0.6), start + order * 0.03)
    mix(song, shaped(tone(length * 0.75, key.pitch(0), AH), 0.05, 0.5, 0.7), start)


@lru_cache(maxsize=64)
def _string(seconds: float, pitch: float, half_life: float, gain: float) -> Samples:
    """A plucked note; a song strikes each of a few dozen many times."""
    return plucked(tone(seconds, pitch), half_life, gain)


def _quieter(sound: Samples, gain: float) -> Samples:
    return shaped(sound, 0.0, 0.0, gain)
