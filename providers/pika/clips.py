"""What PIKA is asked for, and the clip in what it answers.

Follows the input schemas of the catalogue as recorded by public clients in October 2026, and the job schema in
docs.comfy.org/development/comfy-router.
"""

import re
from collections.abc import Mapping
from typing import Any

from providers.base import GenerationRequest, MediaLink
from providers.http.answers import get_path

#: The schema of text-to-video names no longest prompt. Ours is for the models of other vendors in the same catalogue,
#: and because a clip of five seconds shows no more.
MAX_PROMPT_LENGTH = 1500
MAX_TOLD_LENGTH = 200

#: What is sent beside the prompt, by operation. Fields that an operation does not know are refused, so one that is not
#: here gets its prompt alone.
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "pika/pika-2.5/text-to-video": {
        "negative_prompt": "text, letters, captions, subtitles, watermark, logo",
        # Their default is 1080p, at more than twice the price.
        "resolution": "720p",
        "duration_s": 5,
    },
}

_URL = re.compile(r"https?://[\x21-\x7e]{1,2000}")
_CONTENT_TYPES = {".webm": "video/webm", ".mov": "video/quicktime"}
_USUAL_CONTENT_TYPE = "video/mp4"


def clip_payload(request: GenerationRequest) -> dict[str, Any]:
    """The body of a submit: the same for the same request, as the idempotency key asks for."""
    return {"prompt": prompt_of(request), **_OPTIONS.get(request.model, {})}


def prompt_of(request: GenerationRequest) -> str:
    """Occasion and mood from the brief, then as many whole lines of the poem as there is room for.

    For whom it is, and what was told about them, is in the poem as far as the film needs it.
    Our own words are English, which these models know best; the customer's stay in their language.
    """
    brief = request.brief
    told = (("Occasion", brief.occasion), ("Mood", brief.tone))
    head = "A short cinematic film made as a personal gift. No writing anywhere in the picture.\n"
    head += "".join(f"{label}: {_shortened(text)}.\n" for label, text in told if text.strip())
    head += "It shows what this poem tells:\n"
    return head + _whole_lines(request.poem, MAX_PROMPT_LENGTH - len(head))


def clip_of(output: object) -> MediaLink | None:
    """The video in ``output`` of a completed job, or in the answer of its ``/content``; None where there is none."""
    videos = get_path(output, "videos")
    places = (
        get_path(output, "video", "url"),
        get_path(videos[0], "url") if isinstance(videos, list) and videos else None,
    )
    url = next((place for place in (*places, get_path(output, "url")) if isinstance(place, str)), "")
    return MediaLink(url, _content_type(url)) if _URL.fullmatch(url) else None


def _content_type(url: str) -> str:
    path = url.partition("?")[0].partition("#")[0].lower()
    return next((kind for end, kind in _CONTENT_TYPES.items() if path.endswith(end)), _USUAL_CONTENT_TYPE)


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    if len(words) > MAX_TOLD_LENGTH:
        words = words[:MAX_TOLD_LENGTH].rpartition(" ")[0] or words[:MAX_TOLD_LENGTH]
    return words.rstrip(".")


def _whole_lines(poem: str, room: int) -> str:
    """The first lines of ``poem`` that fit into ``room`` characters, and at least a piece of the first."""
    kept: list[str] = []
    for line in (stripped for line in poem.splitlines() if (stripped := line.strip())):
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(kept) or poem.strip()[:MAX_TOLD_LENGTH]
