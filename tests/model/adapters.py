"""Adapters of the model: they speak to the ``World`` of the run, and stand still where a real one waits for an answer.

They stand in for the vendors' adapters because a model makes thousands of calls; the vendors' own are held to the same
Protocols by the contract suite.
"""

import hashlib
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar

from providers.base import Credentials, GenerationRequest, GenerationResult, JobStatus, Limits, MediaLink, Proof, Ticket
from providers.errors import (
    ContentBlocked,
    InvalidResponse,
    JobFailed,
    JobUnknown,
    KeyRejected,
    LinkExpired,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Unavailable,
)
from providers.http.download import Downloaded
from providers.kinds import ProviderKind, StageType
from tests.model.baton import Point, current_worker
from tests.model.world import Answer, Call, Job, Made, World

#: What comes back without having been charged.
REFUSALS: dict[Answer, type[ProviderError]] = {
    Answer.LOST_ON_THE_WAY: OutcomeUnknown,
    Answer.UNAVAILABLE: Unavailable,
    Answer.RATE_LIMITED: RateLimited,
    Answer.BLOCKED: ContentBlocked,
}
MODELS = ("first", "second")


class Modelled:
    """What all of them share. ``world`` and the two that are told of calls are set for each run."""

    kind: ClassVar[ProviderKind]
    paid: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits()
    lists_models: ClassVar[bool] = True
    proof: ClassVar[Proof] = Proof.TEXT
    world: ClassVar[World]
    before_paid_call: ClassVar[Callable[[Call], None]]
    answered: ClassVar[Callable[[Call], None]]

    def __init__(self, credentials: Credentials) -> None:
        self.key = credentials.api_key

    def check_key(self, stage_type: StageType) -> None:
        _ask(f"check {self.kind}")
        self._know_the_key()

    def prove(self, stage_type: StageType, model: str) -> None:
        _ask(f"prove {self.kind}")
        self._know_the_key()

    def list_models(self, stage_type: StageType) -> tuple[str, ...]:
        _ask(f"list {self.kind}")
        self._know_the_key()
        return MODELS

    def _know_the_key(self, made: Made | None = None) -> None:
        if self.key in self.world.revoked:
            self.world.refused.add(KeyRejected.code)
            raise self._said(KeyRejected, made)

    def _said(self, error: type[ProviderError], made: Made | None = None) -> ProviderError:
        if made is not None:
            self.world.say(made, error.code if error is not OutcomeUnknown else "silence")
        return error(self.kind)

    def _send(self, request: GenerationRequest) -> tuple[Call, Answer]:
        """Stand until somebody says how the call goes; raise what is refused. What comes back was taken."""
        worker = current_worker()
        call = Call(Made(request.brief.recipient, request.stage_type), self.kind, request.token, worker)
        type(self).before_paid_call(call)
        self.world.flying.append(call)
        try:
            answer = _ask(call)
            self._know_the_key(call.made)
            self._refuse(call, answer)
        except BaseException:
            self.world.flying.remove(call)
            raise
        return call, answer

    def _refuse(self, call: Call, answer: Answer) -> None:
        if answer in REFUSALS:
            raise self._said(REFUSALS[answer], call.made)

    def _receive(self, call: Call, answer: Answer) -> None:
        """The provider has done it: the answer is on its way, and may not arrive."""
        try:
            _wait_for_the_answer()
        finally:
            self.world.flying.remove(call)
        if answer is Answer.LOST_AND_TAKEN:
            raise self._said(OutcomeUnknown, call.made)
        if answer is Answer.GARBAGE:
            raise self._said(InvalidResponse, call.made)


class Instant(Modelled):
    """Answers at once, and charges for it."""

    def generate(self, request: GenerationRequest) -> GenerationResult:
        call, answer = self._send(request)
        self.world.charge(call)
        self._receive(call, answer)
        content = f"{call.made.order} {call.made.stage_type} {len(self.world.ledger)}".encode()
        self.world.hand_out(call.made, content)
        type(self).answered(call)
        if request.stage_type is StageType.POEM:
            return GenerationResult(request.model, text=content.decode())
        return GenerationResult(request.model, media=content, content_type="audio/ogg")


class Jobs(Modelled):
    """Takes jobs."""

    idempotent_submit: ClassVar[bool]
    calls_back: ClassVar[bool] = True
    usual_seconds: ClassVar[float] = 60
    longest_seconds: ClassVar[float] = 1800

    @staticmethod
    def job_id_in(body: object) -> str | None:
        return body.get("job") if isinstance(body, dict) else None

    @staticmethod
    def is_progress(body: object) -> bool:  # noqa: ARG004
        return False

    def submit(self, request: GenerationRequest) -> Ticket:
        call, answer = self._send(request)
        job = self.world.job_of_token(self.kind, request.token) if self.idempotent_submit else None
        if job is not None and job.body != request:
            self.world.faults.append(f"another body with the token of {job.id}")
        if job is None:
            job = self.world.new_job(call, self.key, request)
        self._receive(call, answer)
        return Ticket(job.id, request.model)

    def poll(self, job_id: str) -> JobStatus:
        answer = _ask(f"look at {job_id}")
        job = self.world.jobs.get(job_id)
        made = job.charge.made if job else None
        self._know_the_key(made)
        if answer in {Answer.UNAVAILABLE, Answer.LOST_ON_THE_WAY, Answer.LOST_AND_TAKEN}:
            raise self._said(Unavailable, made)
        if answer is Answer.RATE_LIMITED:
            raise self._said(RateLimited, made)
        if job is None or job.key != self.key or answer is Answer.UNKNOWN:
            raise self._said(JobUnknown, made)
        return self._status(job, answer)

    def _status(self, job: Job, answer: Answer) -> JobStatus:
        if job.end is None and answer is not Answer.NOT_YET:
            job.end = answer if answer in {Answer.FAILED_FREE, Answer.FAILED_CHARGED, Answer.BLOCKED} else Answer.FINE
            job.charge.refunded = job.end in {Answer.FAILED_FREE, Answer.BLOCKED}
        if job.end is None:
            return JobStatus()
        if job.end is Answer.FINE:
            job.links += 1
            return JobStatus(media=MediaLink(f"{job.id} {job.links}", "audio/mpeg"))
        error = ContentBlocked if job.end is Answer.BLOCKED else JobFailed
        return JobStatus(error=self._said(error, job.charge.made), charged=job.end is Answer.FAILED_CHARGED)


class OpenAI(Instant):
    kind = ProviderKind.OPENAI


class SpeechKit(Instant):
    kind = ProviderKind.SPEECHKIT


class Suno(Jobs):
    kind = ProviderKind.SUNO
    limits = Limits(calls=2, seconds=10)
    idempotent_submit = False


class Pika(Jobs):
    kind = ProviderKind.PIKA
    limits = Limits(jobs=1)
    idempotent_submit = True


INSTANT = (OpenAI, SpeechKit)
JOBS = (Suno, Pika)


def download(url: str, file: BinaryIO, *, kind: ProviderKind, **_: Any) -> Downloaded:
    """In place of ``providers.http.download.download``: no two links give the very same bytes."""
    answer = _ask(f"download {url}")
    world = Modelled.world
    made = world.jobs[url.split(maxsplit=1)[0]].charge.made
    if answer in {Answer.UNKNOWN, Answer.GARBAGE}:
        world.say(made, LinkExpired.code)
        raise LinkExpired(kind)
    if answer not in {Answer.FINE, Answer.NOT_YET}:
        world.say(made, Unavailable.code)
        raise Unavailable(kind)
    content = world.hand_out(made, f"{made.order} {made.stage_type} {url}".encode())
    file.write(content)
    return Downloaded("video/mp4", len(content), hashlib.sha256(content).hexdigest())


def _ask(call: Any) -> Answer:
    """Stand at a call until somebody says how it goes; in the thread of the test all goes well."""
    worker = current_worker()
    if worker is None:
        return Answer.FINE
    worker.call = call
    answer = worker.stand(Point.CALL)
    worker.call = None
    return answer or Answer.FINE


def _wait_for_the_answer() -> None:
    worker = current_worker()
    if worker is not None:
        worker.stand(Point.SENT)
