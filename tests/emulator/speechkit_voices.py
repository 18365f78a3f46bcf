"""SPEECHKIT's voices as its documentation lists them, and what each of them takes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """``v1``: known to both APIs; else to v3 alone. The first of ``roles`` is the default."""

    language: str
    v1: bool
    roles: tuple[str, ...] = ()


VOICES: dict[str, Voice] = {
    "marina": Voice("ru-RU", True, ("neutral", "whisper", "friendly")),
    "alena": Voice("ru-RU", True, ("neutral", "good")),
    "filipp": Voice("ru-RU", True),
    "ermil": Voice("ru-RU", True, ("neutral", "good")),
    "jane": Voice("ru-RU", True, ("neutral", "good", "evil")),
    "omazh": Voice("ru-RU", True, ("neutral", "evil")),
    "zahar": Voice("ru-RU", True, ("neutral", "good")),
    "madi_ru": Voice("ru-RU", True),
    "dasha": Voice("ru-RU", False, ("neutral", "good", "friendly")),
    "julia": Voice("ru-RU", False, ("neutral", "strict")),
    "lera": Voice("ru-RU", False, ("neutral", "friendly")),
    "masha": Voice("ru-RU", False, ("good", "strict", "friendly")),
    "alexander": Voice("ru-RU", False, ("neutral", "good")),
    "kirill": Voice("ru-RU", False, ("neutral", "strict", "good")),
    "anton": Voice("ru-RU", False, ("neutral", "good")),
    "saule_ru": Voice("ru-RU", False, ("neutral", "strict", "whisper")),
    "zamira_ru": Voice("ru-RU", False, ("neutral", "strict", "friendly")),
    "zhanar_ru": Voice("ru-RU", False, ("neutral", "strict", "friendly")),
    "yulduz_ru": Voice("ru-RU", False, ("neutral", "strict", "friendly", "whisper")),
    "john": Voice("en-US", True),
    "lea": Voice("de-DE", True),
    "naomi": Voice("he-IL", False, ("modern", "classic")),
    "amira": Voice("kk-KZ", True),
    "madi": Voice("kk-KZ", True),
    "saule": Voice("kk-KZ", False, ("neutral", "strict")),
    "zhanar": Voice("kk-KZ", False, ("neutral", "friendly")),
    "nigora": Voice("uz-UZ", True),
    "zamira": Voice("uz-UZ", False, ("neutral", "strict", "friendly")),
    "yulduz": Voice("uz-UZ", False, ("neutral", "strict", "friendly", "whisper")),
}
