"""What the providers that run jobs share: jobs that take their time, and links that expire."""

import io
import time
from dataclasses import dataclass, field
from typing import Any

from flask import Response, request, send_file

from tests.emulator.state import Book, Key, Room

DONE = 1.0


@dataclass
class Job:
    """One generation under way. ``ending`` is how it will end, by the provider's own name, empty for a success.

    ``seconds`` is how long it takes. ``cost`` is what it takes from the credit of its key.
    """

    id: str
    key: Key = field(repr=False)
    model: str
    asked: dict[str, Any]
    ending: str
    seconds: float
    cost: int
    began: float = field(default_factory=time.monotonic)
    created_at: float = field(default_factory=time.time)
    callback_failed: bool = False


class JobRoom(Room):
    """A provider whose works take time.

    ``job_seconds`` is how long a job takes that begins now. ``pinned`` makes all jobs stand still at this part of
    their way, 0 to 1, until it is None again: for looking at the states in between. ``link_seconds`` is how long the
    link to a result is good, counted from the end of its job; None for ever.
    """

    job_seconds: float = 0.2
    pinned: float | None = None
    link_seconds: float | None = 14 * 86400

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self.jobs: dict[str, Job] = {}

    def open_job(self, key: Key, job_id: str) -> Job:
        """A job of ``key`` that nobody ordered over the wire: uncharged, and with no callbacks."""
        raise NotImplementedError

    def progress(self, job: Job) -> float:
        """How far the job is, from 0 to 1."""
        if self.pinned is not None:
            return self.pinned
        return min((time.monotonic() - job.began) / job.seconds, DONE) if job.seconds > 0 else DONE

    def is_running(self, job: Job) -> bool:
        """Whether the job has not ended, in whichever way."""
        return self.progress(job) < DONE

    def keep(self, job: Job) -> Job:
        """Take the job in; it runs from now on."""
        with self.book.lock:
            self.jobs[job.id] = job
        return job

    def link_is_good(self, job: Job) -> bool:
        """Whether the files of the job can still be fetched."""
        if self.link_seconds is None:
            return True
        return time.monotonic() - job.began - job.seconds <= self.link_seconds

    def file_url(self, name: str) -> str:
        """Where ``name`` is served, at the address that the present caller knows us by."""
        return f"{request.root_url}{self.kind.lower()}{self.base_path}/files/{name}"


def file_of(content: bytes, content_type: str) -> Response:
    """``content`` for a download, in ranges where they are asked for."""
    response = send_file(io.BytesIO(content), mimetype=content_type, conditional=True, etag=False)
    # So that a delivery that goes wrong can take it apart.
    response.direct_passthrough = False
    return response
