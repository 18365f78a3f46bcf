"""Sound out of nothing: tones with the resonances of a mouth, noise, envelopes, mixing, WAV. Mono, ``RATE`` a second.

Samples are floats in arrays. Whole arrays go through ``map`` with C operators; only single periods are computed
number by number, which keeps twenty seconds of sound well under a second of work.
"""

import io
import math
import random
import wave
from array import array
from functools import lru_cache
from operator import add, mul
from typing import TypeAlias

RATE = 22_050
LOUDEST = 0.8
HIGHEST_HARMONIC_HZ = 5_000

Samples: TypeAlias = "array[float]"
#: The resonances of a sound in Hz, strongest first. None for a plain, string-like tone.
Formants: TypeAlias = tuple[float, ...]


def silence(seconds: float) -> Samples:
    return array("d", bytes(8 * round(seconds * RATE)))


@lru_cache(maxsize=1024)
def _cycle(samples: int, cycles: int, formants: Formants) -> Samples:
    """``cycles`` whole periods of a tone in ``samples`` samples; starts at zero, so that any two join smoothly."""
    sine = [math.sin(2 * math.pi * i / samples) for i in range(samples)]
    pitch = cycles * RATE / samples
    total = [0.0] * samples
    energy = 0.0
    for harmonic in range(1, max(2, int(HIGHEST_HARMONIC_HZ / pitch) + 1)):
        strength = _strength(harmonic, harmonic * pitch, formants)
        if strength < 0.004:
            continue
        energy += strength * strength
        step = harmonic * cycles
        total = [value + strength * sine[i * step % samples] for i, value in enumerate(total)]
    loudness = 0.3 / math.sqrt(energy)
    return array("d", [value * loudness for value in total])


def _strength(harmonic: int, frequency: float, formants: Formants) -> float:
    if not formants:
        return math.pow(harmonic, -2.2)
    resonance = 0.02
    for order, centre in enumerate(formants):
        width = 60 + centre * 0.05
        resonance += math.pow(0.6, order) / (1 + ((frequency - centre) / width) ** 2)
    return resonance / math.sqrt(harmonic)


def tone(seconds: float, pitch: float, formants: Formants = ()) -> Samples:
    """A steady tone of ``pitch`` Hz, true to a thousandth."""
    cycles = 12
    period = _cycle(round(cycles * RATE / pitch), cycles, formants)
    length = round(seconds * RATE)
    return (period * (length // len(period) + 1))[:length]


def gliding_tone(seconds: float, pitch: float, last_pitch: float, formants: Formants) -> Samples:
    """A tone that slides from ``pitch`` to ``last_pitch`` Hz, one period after the other."""
    length = round(seconds * RATE)
    sound: Samples = array("d")
    while len(sound) < length:
        now = pitch + (last_pitch - pitch) * len(sound) / length
        sound.extend(_cycle(round(RATE / now), 1, formants))
    return sound[:length]


@lru_cache(maxsize=4)
def _noise_second(colour: str) -> Samples:
    """One second of noise: ``hiss`` high, ``hush`` in the middle, ``breath`` low."""
    source = random.Random(colour)  # noqa: S311 - a noise, not a secret
    white = [source.uniform(-1, 1) for _ in range(RATE)]
    before = white[-1:] + white[:-1]
    if colour == "hiss":
        return array("d", [0.35 * (now - last) for now, last in zip(white, before, strict=True)])
    smooth, level = [], 0.0
    pull = 0.35 if colour == "hush" else 0.08
    for value in white:
        level += pull * (value - level)
        smooth.append(level)
    if colour == "hush":
        return array("d", [0.9 * (now - last) for now, last in zip(smooth, smooth[-1:] + smooth[:-1], strict=True)])
    return array("d", smooth)


def noise(seconds: float, colour: str, start: float = 0.0) -> Samples:
    """Noise of a ``colour``; ``start`` in seconds picks another stretch of it."""
    second = _noise_second(colour)
    length, first = round(seconds * RATE), round(start * RATE) % RATE
    return (second * ((first + length) // RATE + 1))[first : first + length]


@lru_cache(maxsize=256)
def _envelope(length: int, attack: int, release: int) -> Samples:
    attack, release = min(attack, length // 2), min(release, length // 2)
    up = [0.5 - 0.5 * math.cos(math.pi * i / attack) for i in range(attack)]
    down = [0.5 + 0.5 * math.cos(math.pi * (i + 1) / release) for i in range(release)]
    return array("d", [*up, *[1.0] * (length - attack - release), *down])


def shaped(sound: Samples, attack: float, release: float, gain: float = 1.0) -> Samples:
    """``sound`` that swells and dies away softly; ``attack`` and ``release`` in seconds."""
    envelope = _envelope(len(sound), round(attack * RATE), round(release * RATE))
    return array("d", [gain * value for value in map(mul, sound, envelope)])


@lru_cache(maxsize=16)
def _decay(length: int, half_life: float) -> Samples:
    factor = 0.5 ** (1 / (half_life * RATE))
    return array("d", [factor**i for i in range(length)])


def plucked(sound: Samples, half_life: float, gain: float = 1.0) -> Samples:
    """``sound`` as a string gives it: at once, then half as loud every ``half_life`` seconds."""
    return shaped(array("d", map(mul, sound, _decay(len(sound), half_life))), 0.004, 0.03, gain)


def mix(into: Samples, sound: Samples, at: float) -> None:
    """Add ``sound`` to ``into`` from second ``at`` on; what reaches past the end is cut off."""
    first = round(at * RATE)
    target = into[first : first + len(sound)]
    into[first : first + len(target)] = array("d", map(add, target, sound))


def pcm(sound: Samples) -> bytes:
    """16-bit samples in the machine's byte order, the loudest at ``LOUDEST`` of full scale."""
    peak = max(max(sound, default=0.0), -min(sound, default=0.0)) or 1.0
    scale = LOUDEST * 32_767 / peak
    return array("h", [int(value * scale) for value in sound]).tobytes()


def to_wav(sound: Samples) -> bytes:
    """A WAV file, mono, 16 bit; its own loudest sample is at ``LOUDEST`` of full scale."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(pcm(sound))  # wave turns the bytes round on machines that need it
    return file.getvalue()
