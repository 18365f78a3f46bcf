"""SUNO's answers, field for field as on docs.sunoapi.org: tasks in two spellings, and callbacks."""

import json
import time
from typing import Any

from tests.emulator.jobs import Job

#: Part of the way -> the status from there on.
STATUSES = ((0.0, "PENDING"), (0.25, "TEXT_SUCCESS"), (0.5, "FIRST_SUCCESS"), (1.0, "SUCCESS"))
#: Part of the way -> what is called back there.
EVENTS = ((0.25, "text"), (0.5, "first"), (1.0, "complete"))

#: The song's own data, as camelCase and as the newest models spell it.
_SNAKE = {
    "audioUrl": "audio_url",
    "sourceAudioUrl": "source_audio_url",
    "streamAudioUrl": "stream_audio_url",
    "sourceStreamAudioUrl": "source_stream_audio_url",
    "imageUrl": "image_url",
    "sourceImageUrl": "source_image_url",
    "modelName": "model_name",
}

#: By how a task ends: ``errorCode`` and ``errorMessage`` of it.
FAILURES: dict[str, tuple[int, str]] = {
    "CREATE_TASK_FAILED": (500, "Failed to create the task"),
    "GENERATE_AUDIO_FAILED": (500, "Internal Error, Please try again later."),
    "SENSITIVE_WORD_ERROR": (400, "Your lyrics contain a sensitive word"),
}


def envelope(data: Any, *, code: int = 200, text: str = "success") -> dict[str, Any]:
    """What every answer is wrapped in."""
    return {"code": code, "msg": text, "data": data}


def status_of(job: Job, progress: float) -> str:
    """The status of a task at ``progress``, 0 to 1. ``GENERATE_AUDIO_FAILED:531`` ends with that ``errorCode``."""
    if progress >= 1 and job.ending:
        return job.ending.partition(":")[0]
    if progress >= 1 and job.callback_failed:
        return "CALLBACK_EXCEPTION"
    return next(status for since, status in reversed(STATUSES) if progress >= since)


def songs_of(job: Job, status: str, urls: tuple[str, str]) -> list[dict[str, Any]]:
    """The songs that ``status`` shows, in camelCase: none before FIRST_SUCCESS ready, then one, then both."""
    ready = {"TEXT_SUCCESS": 0, "FIRST_SUCCESS": 1, "SUCCESS": 2, "CALLBACK_EXCEPTION": 2}.get(status)
    if ready is None:
        return []
    return [_song(job, number, url, ready=number < ready) for number, url in enumerate(urls)]


def _song(job: Job, number: int, url: str, *, ready: bool) -> dict[str, Any]:
    url_of_a_picture = url.rpartition(".")[0] + ".jpeg"
    return {
        "id": f"{job.id[:8]}-{number}",
        "audioUrl": url if ready else "",
        "sourceAudioUrl": url if ready else "",
        "streamAudioUrl": url.rpartition(".")[0],
        "sourceStreamAudioUrl": url.rpartition(".")[0],
        "imageUrl": url_of_a_picture,
        "sourceImageUrl": url_of_a_picture,
        "prompt": job.asked.get("lyrics") or job.asked.get("prompt") or "",
        "modelName": f"chirp-{job.model.lower()}",
        "title": job.asked.get("title") or "Untitled",
        "tags": job.asked.get("style") or "",
        "createTime": int(job.created_at * 1000),
        "duration": 198.44 + number if ready else None,
    }


def in_snake_case(song: dict[str, Any]) -> dict[str, Any]:
    """The same song as the newest models and all callbacks spell it."""
    return {_SNAKE.get(name, name): value for name, value in song.items()}


def record(job: Job, status: str, songs: list[dict[str, Any]], *, snake_case: bool) -> dict[str, Any]:
    """``data`` of ``GET /api/v1/generate/record-info``."""
    failed = status in FAILURES
    code, text = FAILURES[status] if failed else (None, None)
    if failed and ":" in job.ending:
        code = int(job.ending.partition(":")[2])
    shown = [in_snake_case(song) for song in songs] if snake_case else songs
    return {
        "taskId": job.id,
        "parentMusicId": "",
        "param": json.dumps(job.asked, ensure_ascii=False),
        "response": {"taskId": job.id, "sunoData": shown} if shown else None,
        "status": status,
        "type": f"chirp-{job.model.lower()}",
        "operationType": "generate",
        "errorCode": code,
        "errorMessage": text,
    }


def callback(job: Job, event: str, songs: list[dict[str, Any]]) -> dict[str, Any]:
    """The body of a callback; ``event`` is ``text``, ``first``, ``complete`` or ``error``."""
    if event == "error":
        text = FAILURES[job.ending.partition(":")[0]][1]
        return {"code": 501, "msg": text, "data": {"callbackType": "error", "task_id": job.id, "data": None}}
    told = [in_snake_case(song) for song in songs if event == "text" or song["audioUrl"]]
    for song in told:
        # A number in the records, a text in the callbacks.
        song["createTime"] = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(job.created_at))
    text = {"complete": "All generated successfully."}.get(event, f"{event.title()} generated successfully.")
    return {"code": 200, "msg": text, "data": {"callbackType": event, "task_id": job.id, "data": told}}
