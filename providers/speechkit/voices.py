"""The voices of SPEECHKIT. The vendor has no list to ask for, so this is the one of its documentation.

Follows yandex.cloud/docs/speechkit/tts/voices (checked October 2026). A voice speaks its own language.
"""

#: In the order to show: the vendor's default, then what speaks Russian, then the others.
_RUSSIAN = (
    "marina", "alena", "filipp", "ermil", "jane", "omazh", "zahar", "madi_ru", "dasha", "julia", "lera", "masha",
    "alexander", "kirill", "anton", "saule_ru", "zamira_ru", "zhanar_ru", "yulduz_ru",
)  # fmt: skip
_ENGLISH = ("john",)
_GERMAN = ("lea",)
_HEBREW = ("naomi",)
_KAZAKH = ("amira", "madi", "saule", "zhanar")
_UZBEK = ("nigora", "zamira", "yulduz")

VOICES = _RUSSIAN + _ENGLISH + _GERMAN + _HEBREW + _KAZAKH + _UZBEK
DEFAULT_VOICE = VOICES[0]

#: All others exist in the API v3 alone.
V1_VOICES = frozenset(
    {
        "marina", "alena", "filipp", "ermil", "jane", "omazh", "zahar", "madi_ru", "john", "lea", "amira", "madi",
        "nigora",
    }
)  # fmt: skip
