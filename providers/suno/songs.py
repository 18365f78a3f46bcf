"""What SUNO is asked for, and the songs in what it answers.

Follows docs.sunoapi.org, "generate music" and "get music generation details".
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from providers.base import Brief, GenerationRequest, MediaLink
from providers.http.answers import get_path, number

MIN_SECONDS, MAX_SECONDS = 10, 360

#: A sung line takes about five seconds, and the music before, between and after the verses about twenty.
SECONDS_OF_A_LINE = 5
SECONDS_WITHOUT_VOICE = 20
CHARACTERS_OF_A_LINE = 45

_LANGUAGES = {"ru": "Russian", "en": "English"}
#: One has to be given. Nobody needs to know there for whom the song is.
_TITLES = {"ru": "Песня в подарок", "en": "A song as a gift"}

_URL = re.compile(r"https?://[\x21-\x7e]{1,2000}")
_CONTENT_TYPES = {".m4a": "audio/mp4", ".mp4": "audio/mp4", ".wav": "audio/wav", ".ogg": "audio/ogg"}
_USUAL_CONTENT_TYPE = "audio/mpeg"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a family of models takes, lengths in characters."""

    lyrics_field: str
    longest_lyrics: int
    longest_style: int
    takes_duration: bool


def rules_of(model: str) -> Rules:
    """The rules of the family that ``model`` belongs to; an unknown one is taken for a V5, as older places know."""
    if model.startswith("V6"):
        return Rules("lyrics", 5000, 1000, takes_duration=True)
    if model == "V4":
        return Rules("prompt", 3000, 200, takes_duration=False)
    return Rules("prompt", 5000, 1000, takes_duration=model == "V5_5")


def song_payload(request: GenerationRequest) -> dict[str, Any]:
    """The body of a submit: the poem sung word for word, in a style made of tone and occasion."""
    rules = rules_of(request.model)
    payload = {
        "customMode": True,
        "instrumental": False,
        "model": request.model,
        rules.lyrics_field: request.poem,
        "style": style_of(request.brief, rules.longest_style),
        "title": _TITLES.get(request.brief.language, _TITLES["en"]),
        # Refused without one, even where we only ask.
        "callBackUrl": request.callback_url,
    }
    if rules.takes_duration:
        # Left out, it would be 20 seconds.
        payload["duration"] = seconds_of(request.poem)
    return payload


def style_of(brief: Brief, longest: int) -> str:
    """The music in words: fixed ones first, since the customer's may be cut. No word about the person is in it."""
    fixed = f"vocal song in {_LANGUAGES.get(brief.language, brief.language)}, clear diction, melodic"
    told = [part for part in (_one_line(brief.tone), _one_line(brief.occasion)) if part]
    return _cut(", ".join([fixed, *told]), longest)


def seconds_of(poem: str) -> int:
    """How long a song the poem needs, in seconds, within the limits."""
    lines = sum(math.ceil(len(line.strip()) / CHARACTERS_OF_A_LINE) for line in poem.splitlines())
    return min(max(SECONDS_WITHOUT_VOICE + SECONDS_OF_A_LINE * lines, MIN_SECONDS), MAX_SECONDS)


def first_song(task: object) -> tuple[MediaLink, dict[str, float]] | None:
    """The first song that is ready in ``data`` of a task, with its length in seconds where told; None for none.

    Two are made for each request; the order of the list decides. A song that only streams is not ready.
    """
    for song in _songs(task):
        url = next((song[name] for name in ("audioUrl", "audio_url") if song.get(name)), None)
        if isinstance(url, str) and _URL.fullmatch(url):
            return MediaLink(url, _content_type(url)), _length(song)
    return None


def _songs(task: object) -> Iterator[dict[str, Any]]:
    response = get_path(task, "response")
    # The newest models answer in snake_case, the older ones in camelCase.
    for songs in (get_path(response, "sunoData"), get_path(response, "suno_data")):
        if isinstance(songs, list):
            yield from (song for song in songs if isinstance(song, dict))


def _content_type(url: str) -> str:
    path = url.partition("?")[0].partition("#")[0].lower()
    return next((kind for end, kind in _CONTENT_TYPES.items() if path.endswith(end)), _USUAL_CONTENT_TYPE)


def _length(song: dict[str, Any]) -> dict[str, float]:
    seconds = number(song.get("duration"))
    return {"seconds": seconds} if seconds and seconds > 0 else {}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, longest: int) -> str:
    """``text``, or as many whole words of it as fit; a single longer word is cut through."""
    if len(text) <= longest:
        return text
    head = text[: longest + 1].rpartition(" ")[0] or text[:longest]
    return head.rstrip(" ,;:—-")
