"""What SPEECHKIT says to a malformed request: the reason, or None. Every one of them is INVALID_ARGUMENT."""

from collections.abc import Mapping
from typing import Any

from tests.emulator.speechkit_voices import VOICES, Voice

MAX_CHARACTERS = 5000
MAX_CHARACTERS_UNLESS_UNSAFE = 250
MAX_V1_BODY = 15 * 1024

_LANGUAGES = ("ru-RU", "en-US", "de-DE", "he-IL", "kk-KK", "uz-UZ")
_FORMATS = ("oggopus", "mp3", "lpcm")
_RATES = ("48000", "16000", "8000")
_HINTS = ("voice", "audioTemplate", "speed", "volume", "role", "pitchShift", "duration")
_CONTAINERS = ("WAV", "OGG_OPUS", "MP3")
_FIELDS = {"model", "text", "textTemplate", "hints", "outputAudioSpec", "loudnessNormalizationType", "unsafeMode"}


def fault_of_v1(form: Mapping[str, str], size: int) -> str | None:
    """Why the form of ``size`` bytes is refused."""
    if size > MAX_V1_BODY:
        return "Request body is too large"
    if ("text" in form) == ("ssml" in form):
        return "Specify either text or ssml"
    if len(form.get("text", form.get("ssml", ""))) > MAX_CHARACTERS:
        return "Too long text: 5000 characters is the limit"
    if not _is_a_speed(form.get("speed", "1.0")):
        return "Speed must be between 0.1 and 3.0"
    voice = VOICES.get(form.get("voice", "marina"))
    allowed = {
        "voice": [name for name, known in VOICES.items() if known.v1],
        "lang": _LANGUAGES,
        "format": _FORMATS,
        "emotion": voice.roles if voice else (),
        "sampleRateHertz": _RATES if form.get("format") == "lpcm" else (),
    }
    wrong = next((name for name, values in allowed.items() if name in form and form[name] not in values), None)
    return f"Unsupported {wrong}" if wrong else None


def fault_of_v3(asked: Any) -> str | None:
    """Why the JSON is refused."""
    if not isinstance(asked, dict) or not set(asked) <= _FIELDS:
        return "Unknown field"
    if ("text" in asked) == ("textTemplate" in asked):
        return "Exactly one of text and textTemplate must be set"
    if len(words_of_v3(asked)) > (MAX_CHARACTERS if asked.get("unsafeMode") is True else MAX_CHARACTERS_UNLESS_UNSAFE):
        return "Too long text"
    return _fault_of_hints(asked.get("hints", [])) or _fault_of_sound(asked.get("outputAudioSpec", {}))


def words_of_v3(asked: Mapping[str, Any]) -> str:
    """What is to be read."""
    return str(asked.get("text", "")) or str(asked.get("textTemplate", {}).get("textTemplate", ""))


def hint_of(asked: Mapping[str, Any], name: str, default: str = "") -> str:
    """The value of one hint."""
    return next((hint[name] for hint in asked.get("hints", []) if name in hint), default)


def sound_format_of_v3(asked: Mapping[str, Any]) -> str:
    """The wanted format, by the name that v1 has for it."""
    spec = asked.get("outputAudioSpec", {})
    if "rawAudio" in spec:
        return "lpcm"
    container = spec.get("containerAudio", {}).get("containerAudioType", "WAV")
    return {"WAV": "wav", "OGG_OPUS": "oggopus", "MP3": "mp3"}[container]


def _fault_of_hints(hints: Any) -> str | None:
    if not all(isinstance(hint, dict) and len(hint) == 1 and set(hint) <= set(_HINTS) for hint in hints):
        return "Each hint must hold exactly one known field"
    name = hint_of({"hints": hints}, "voice", "marina")
    voice: Voice | None = VOICES.get(name)
    if voice is None:
        return f"Voice {name} is not found"
    role = hint_of({"hints": hints}, "role")
    return f"Voice {name} has no role {role}" if role and role not in voice.roles else None


def _fault_of_sound(spec: dict[str, Any]) -> str | None:
    if len(spec) > 1 or not set(spec) <= {"containerAudio", "rawAudio"}:
        return "Exactly one audio format must be set"
    container = spec.get("containerAudio", {}).get("containerAudioType", "WAV")
    return None if container in _CONTAINERS else "Unknown container"


def _is_a_speed(text: str) -> bool:
    try:
        return 0.1 <= float(text) <= 3.0
    except ValueError:
        return False
