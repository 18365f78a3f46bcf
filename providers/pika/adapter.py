"""PIKA: clips from Pika's own API at api.dev.pika.art.

Its pages (dev.pika.art/openapi.json, dev.pika.art/llms.txt) are followed as read by public clients in October 2026.
"""

import re
from typing import Any, ClassVar
from urllib.parse import quote

from providers.base import Credentials, GenerationRequest, JobStatus, Limits, MediaLink, Proof, Ticket
from providers.errors import CreditExhausted, InvalidResponse, RequestRefused
from providers.http.answers import Answer, ErrorAnswer, ErrorReader, count, fault_of_models, get_path, number
from providers.http.client import ProviderHttp
from providers.kinds import ProviderKind, StageType
from providers.pika.clips import clip_of, clip_payload
from providers.pika.errors import (
    error_of_a_failed_job,
    is_failed_job,
    read_error,
    read_refused_look,
    read_refused_submit,
)
from providers.pika.models import clip_models, is_a_row

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


class Pika:
    """Clips as jobs: the catalogue's operations that need words alone."""

    kind: ClassVar[ProviderKind] = ProviderKind.PIKA
    paid: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(jobs=20)
    lists_models: ClassVar[bool] = True
    proof: ClassVar[Proof] = Proof.BALANCE

    #: The same ``Idempotency-Key`` and body give the same job, a failed one too; another body is refused with 409.
    idempotent_submit: ClassVar[bool] = True
    #: Only to addresses that were set for the whole account, at their site.
    calls_back: ClassVar[bool] = False
    #: Minutes at most; no figure is published.
    usual_seconds: ClassVar[float] = 60
    #: Public clients give up after fifteen minutes, which neither stops the job nor its bill.
    longest_seconds: ClassVar[float] = 1800

    #: How long a whole answer may take.
    check_seconds: ClassVar[float] = 15
    generation_seconds: ClassVar[float] = 120

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def check_key(self, stage_type: StageType) -> float:  # noqa: ARG002  # the question is the same for every stage
        """Ask for the balance in millionths of a dollar, which is free. None left raises ``CreditExhausted``."""
        answer = self._get("/billing/balance", read_error)
        prepaid = number(answer.body.get("balance_micro_usd"))
        if prepaid is None:
            raise self._unreadable("no balance", answer)
        if prepaid <= 0 and not _pays_by_invoice(answer.body):
            raise CreditExhausted(self.kind, "balance is empty", status=200, request_id=answer.request_id)
        return prepaid

    def prove(self, stage_type: StageType, model: str) -> float:  # noqa: ARG002  # one balance for all models
        """As ``check_key``: what a clip costs is not in the catalogue's list, so anything left will do."""
        return self.check_key(stage_type)

    def list_models(self, stage_type: StageType) -> tuple[str, ...]:  # noqa: ARG002
        """The operations that film words, from the catalogue. It is public, so it says nothing about the key."""
        answer = self._get("/catalog/apis", read_error)
        rows = answer.body.get("apis")
        if not isinstance(rows, list) or not all(is_a_row(row) for row in rows):
            raise self._unreadable("not a catalogue", answer)
        models = clip_models(rows)
        if fault := fault_of_models(models):
            raise self._unreadable(fault, answer)
        return models

    @staticmethod
    def job_id_in(body: object) -> str | None:  # noqa: ARG004
        """None: webhooks are set per account, not per job, and their payload is not published."""
        return None

    @staticmethod
    def is_progress(body: object) -> bool:  # noqa: ARG004
        """False: what a payload would say is not published."""
        return False

    def submit(self, request: GenerationRequest) -> Ticket:
        """Order a clip of the poem. A job that fails at once is raised as what ended it; nothing is charged then."""
        if request.stage_type is not StageType.CLIP:
            raise RequestRefused(self.kind, "clips only")
        if not request.poem.strip():
            raise RequestRefused(self.kind, "no poem")
        answer = self._http(read_refused_submit).post_json(
            f"/v1/media/{quote(request.model)}",
            clip_payload(request),
            seconds=self.generation_seconds,
            headers={"Idempotency-Key": request.token},
        )
        if is_failed_job(answer.body):
            raise error_of_a_failed_job(self._as_refusal(answer))
        job_id = answer.body.get("id")
        if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
            raise self._unreadable("no job id", answer)
        return Ticket(job_id, request.model, answer.request_id)

    def poll(self, job_id: str) -> JobStatus:
        """Look at a job. A status that we do not know is running."""
        path = f"/v1/media/jobs/{quote(job_id, safe='')}"
        answer = self._get(path, read_refused_look)
        status = answer.body.get("status")
        if not isinstance(status, str):
            raise self._unreadable("no status", answer)
        if is_failed_job(answer.body):
            # Only clips that came out are charged, unless the bill of this one says otherwise.
            charged = _charge(answer.body) > 0
            return JobStatus(error=error_of_a_failed_job(self._as_refusal(answer)), charged=charged)
        if status != "completed":
            return JobStatus()
        clip = clip_of(answer.body.get("output")) or self._look_for_content(path)
        charge = _charge(answer.body)
        return JobStatus(media=clip, usage={"micro_usd": charge} if charge else {})

    def _look_for_content(self, path: str) -> MediaLink:
        """The clip of a completed job whose output we cannot read."""
        answer = self._get(f"{path}/content", read_refused_look)
        clip = clip_of(answer.body)
        if clip is None:
            raise self._unreadable("no clip", answer)
        return clip

    def _http(self, reader: ErrorReader) -> ProviderHttp:
        return ProviderHttp(self.kind, self._credentials, auth=("X-API-Key", ""), read_error=reader)

    def _get(self, path: str, reader: ErrorReader) -> Answer:
        return self._http(reader).get_json(path, seconds=self.check_seconds)

    def _as_refusal(self, answer: Answer) -> ErrorAnswer:
        return ErrorAnswer(self.kind, 200, {}, answer.body, request_id=answer.request_id, retry_after=None)

    def _unreadable(self, detail: str, answer: Answer) -> InvalidResponse:
        return InvalidResponse(self.kind, detail, status=200, request_id=answer.request_id)


def _pays_by_invoice(balance: object) -> bool:
    """Whether there is an invoice that more can be put on."""
    left = number(get_path(balance, "postpaid", "cycle", "remaining_micro_usd"))
    return get_path(balance, "postpaid", "active") is True and (left is None or left > 0)


def _charge(job: Any) -> int:
    """What the job has cost in millionths of a dollar, once that is settled."""
    charge = count(get_path(job, "billing", "charge_micro_usd"))
    return charge if charge is not None and get_path(job, "billing", "state") == "settled" else 0
