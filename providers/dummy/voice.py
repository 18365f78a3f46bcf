"""The DUMMY provider reads aloud: nobody understands a word, everybody hears that a poem is being read.

Every letter becomes a sound of its kind: a vowel with its formants, a burst, a hiss or a hum. Formants are the
averages of Peterson and Barney, "Control methods used in a study of the vowels" (1952), in Hz.
"""

import re
from dataclasses import dataclass

from providers.dummy.sound import RATE, Formants, Samples, gliding_tone, mix, noise, shaped, silence, to_wav

MAX_SECONDS = 20.0
MIN_SECONDS = 1.5

AH, EH, EE, OH, OO, IH = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
    (300, 1480, 2230),
)
VOWELS: dict[str, Formants] = {
    **dict.fromkeys("аяaα", AH),
    **dict.fromkeys("эеeε", EH),
    **dict.fromkeys("иіi", EE),
    **dict.fromkeys("оёoω", OH),
    **dict.fromkeys("уюu", OO),
    **dict.fromkeys("ыy", IH),
}
HUMS: dict[str, Formants] = {
    **dict.fromkeys("мm", (240, 1000)),
    **dict.fromkeys("нn", (250, 1500)),
    **dict.fromkeys("лl", (360, 1200, 2700)),
    **dict.fromkeys("рr", (420, 1300, 1700)),
    **dict.fromkeys("йj", (280, 2200)),
    **dict.fromkeys("вvw", (260, 900)),
    **dict.fromkeys("зжz", (250, 1400)),
}
HISSES = {**dict.fromkeys("сцзszcx", "hiss"), **dict.fromkeys("шщчжq", "hush"), **dict.fromkeys("фхfhв", "breath")}
BURSTS = dict.fromkeys("птктkptqбдгbdg", "hush")
MUTE = set("ъь'’`-")
SILENT_E = re.compile(r"([aeiouy][a-z]{0,12}[b-df-hj-np-tv-xz])e\b")
ONE_SYLLABLE = re.compile(r"([aeiouy])[aeiouy]+")

WORD_GAP, COMMA_GAP, LINE_GAP, STANZA_GAP = 0.03, 0.12, 0.24, 0.16
#: What a letter and the end of a line take on average, in seconds; measured on our own poems in both languages.
USUAL_LETTER, USUAL_LINE, FASTEST = 0.05, 0.35, 0.7


@dataclass(frozen=True)
class Speaker:
    """``pitch`` in Hz; ``mouth`` stretches the formants, a smaller head has higher ones."""

    pitch: float
    mouth: float

    def shape(self, formants: Formants) -> Formants:
        return tuple(round(formant * self.mouth) for formant in formants)


SPEAKERS = {"dummy-voice-low": Speaker(112, 1.0), "dummy-voice-high": Speaker(208, 1.16)}


def vowels_of(line: str) -> list[Formants]:
    """The vowels of a line, one for each syllable. A letter or digit of no alphabet we know counts as a syllable."""
    return [formants for letter in _as_heard(line) if (formants := _vowel(letter)) is not None]


def _as_heard(line: str) -> str:
    """``line`` in small letters, without the English vowels that are written and not heard."""
    return ONE_SYLLABLE.sub(r"\1", SILENT_E.sub(r"\1", line.lower()))


def _vowel(letter: str) -> Formants | None:
    if letter in VOWELS:
        return VOWELS[letter]
    if not letter.isalnum() or letter in HUMS or letter in HISSES or letter in BURSTS or letter in MUTE:
        return None
    return (AH, EH, EE, OH, OO)[ord(letter) % 5]


def read_aloud(text: str, model: str) -> bytes:
    """A WAV file of ``text`` as ``model`` reads it, 1.5 to 20 seconds; a text without letters is hummed."""
    reading = _Reading(SPEAKERS[model], _pace(text))
    for line in text.splitlines():
        reading.line(line)
    if not any(reading.speech):
        reading.line("мммаммм")
    speech = reading.speech[: round((MAX_SECONDS - 0.1) * RATE)]
    missing = MIN_SECONDS - len(speech) / RATE
    return to_wav(shaped(speech, 0.01, 0.15) + silence(max(0.1, missing)))


def _pace(text: str) -> float:
    """1 for a poem that fits; less, so that everything is shorter, for one that would be cut off."""
    usual = USUAL_LETTER * len(text) + USUAL_LINE * len(text.splitlines())
    return max(FASTEST, min(1.0, (MAX_SECONDS - 1) / max(usual, 1.0)))


class _Reading:
    """A voice that has read so far what is in ``speech``, and falls silent when its time is over."""

    def __init__(self, speaker: Speaker, pace: float) -> None:
        self.speaker = speaker
        self.pace = pace
        self.speech = silence(0.15)

    def line(self, line: str) -> None:
        """Read a line: the voice sinks from its first syllable to its last, and rises at a question."""
        words = re.findall(r"[\w'’`]+|[,.;:!?—–]", _as_heard(line))
        syllables = max(1, len(vowels_of(line)))
        rise = 0.35 if line.rstrip().endswith("?") else -0.2
        spoken = 0
        for word in words:
            if len(self.speech) > MAX_SECONDS * RATE:
                return
            for letter in word:
                stressed = spoken % 2 == 1
                pitch = self.speaker.pitch * (1.08 + rise * (spoken / syllables) ** 1.5) * (1.07 if stressed else 0.98)
                length = 1.5 if spoken == syllables - 1 else 1.1 if stressed else 0.9
                self._letter(letter, pitch, length)
                spoken += _vowel(letter) is not None
            self._pause(WORD_GAP if word[0].isalnum() else COMMA_GAP)
        self._pause(LINE_GAP if words else STANZA_GAP)

    def _letter(self, letter: str, pitch: float, length: float) -> None:
        vowel = _vowel(letter)
        if vowel:
            self._join(shaped(self._voiced(0.09 * length, pitch * 1.03, pitch * 0.96, vowel), 0.018, 0.03))
        elif letter in HUMS:
            sound = shaped(self._voiced(0.05, pitch, pitch, HUMS[letter]), 0.012, 0.012, 0.5)
            if letter in HISSES:
                mix(sound, shaped(self._noise(0.05, HISSES[letter]), 0.015, 0.015, 0.25), 0)
            self._join(sound)
        elif letter in HISSES:
            self._join(shaped(self._noise(0.07, HISSES[letter]), 0.02, 0.02, 0.5))
        elif letter in BURSTS:
            voiced = letter in "бдгbdg"
            hum = shaped(self._voiced(0.03, pitch, pitch, (200,)), 0.008, 0.008, 0.35) if voiced else silence(0.03)
            self._join(hum + shaped(self._noise(0.014, BURSTS[letter]), 0.001, 0.011, 0.4 if voiced else 0.7))

    def _voiced(self, seconds: float, pitch: float, last_pitch: float, formants: Formants) -> Samples:
        return gliding_tone(seconds * self.pace, pitch, last_pitch, self.speaker.shape(formants))

    def _noise(self, seconds: float, colour: str) -> Samples:
        return noise(seconds * self.pace, colour, start=len(self.speech) / RATE)

    def _pause(self, seconds: float) -> None:
        self.speech.extend(silence(seconds * self.pace))

    def _join(self, sound: Samples) -> None:
        """Add ``sound`` so that it begins while the one before dies away, as tongues do."""
        overlap = min(len(self.speech), len(sound), round(0.012 * RATE))
        start = len(self.speech) - overlap
        self.speech.extend(sound[overlap:])
        mix(self.speech, sound[:overlap], start / RATE)
