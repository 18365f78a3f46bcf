"""PIKA's record of a job, as docs.comfy.org/development/comfy-router and public clients have it."""

from typing import Any

from tests.emulator.jobs import Job
from tests.emulator.pika_scenarios import JOB_FAILURES


def status_of(job: Job, progress: float) -> str:
    """The status of a job at ``progress``, 0 to 1. One that takes no time at all has ended."""
    if progress >= 1 or job.seconds <= 0:
        return "failed" if job.ending else "completed"
    return "running" if progress >= 0.25 else "queued"


def record(job: Job, status: str, url: str, shape: str) -> dict[str, Any]:
    """The record; fields without a value are there, and null. ``url`` is that of the clip.

    ``shape``: videos, no_output, status:<one that nobody knows>, or empty.
    """
    body: dict[str, Any] = {"id": job.id, "status": status, "output": None, "error": None}
    if shape.startswith("status:"):
        return {**body, "status": shape.partition(":")[2]}
    if status == "failed":
        body["error"] = {"code": job.ending, "message": JOB_FAILURES[job.ending]}
    if status == "completed":
        body["output"] = {"media_type": "video", "video": {"url": url}}
        body["usage"] = {"output_frames": 120}
        body["billing"] = {"state": "settled", "charge_micro_usd": job.cost}
    if status == "completed" and shape == "videos":
        body["output"] = {"media_type": "videos", "videos": [{"url": url}]}
    if status == "completed" and shape == "no_output":
        body["output"] = {"media_type": "video", "video": None}
    return body
