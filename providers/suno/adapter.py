"""SUNO: songs from sunoapi.org, or from any gateway that speaks its dialect.

Follows docs.sunoapi.org (index llms.txt) as of October 2026. An error comes as a code in the body, mostly under a
status of 200; both are looked at.
"""

import re
from typing import Any, ClassVar
from urllib.parse import urlencode

from providers.base import Credentials, GenerationRequest, JobStatus, Limits, Proof, Ticket
from providers.errors import (
    ContentBlocked,
    CreditExhausted,
    InvalidResponse,
    JobFailed,
    JobUnknown,
    ProviderError,
    RequestRefused,
)
from providers.http.answers import Answer, ErrorAnswer, ErrorReader, get_path, number
from providers.http.client import ProviderHttp
from providers.kinds import ProviderKind, StageType
from providers.suno.errors import code_of, read_error, read_refused_look, read_refused_submit
from providers.suno.songs import first_song, rules_of, song_payload

#: From the page "generate music", which is the only list there is; those after V6_MINI are marked discontinued there.
MODELS = ("V6", "V6_WILD", "V6_MINI", "V5_5", "V5", "V4_5PLUS", "V4_5ALL", "V4_5", "V4")

_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_CODE = re.compile(r"[0-9]{1,6}")

#: How a task ends without a song, and whether its credits are gone. A refund is documented for none of them, so we
#: take them for gone where work had begun.
_FAILURES: dict[str, tuple[type[ProviderError], bool]] = {
    "CREATE_TASK_FAILED": (JobFailed, False),
    "GENERATE_AUDIO_FAILED": (JobFailed, True),
    "SENSITIVE_WORD_ERROR": (ContentBlocked, True),
}
#: kie.ai's code for a failure whose credits were given back.
_REFUNDED = "531"

#: CALLBACK_EXCEPTION says that their call to us failed and nothing about the song, which is often there.
_WITH_SONGS = ("FIRST_SUCCESS", "SUCCESS", "CALLBACK_EXCEPTION")


class Suno:
    """Songs as jobs of the sunoapi.org dialect: one request makes two songs, of which the first ready is taken."""

    kind: ClassVar[ProviderKind] = ProviderKind.SUNO
    paid: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(calls=20, seconds=10)
    lists_models: ClassVar[bool] = False
    proof: ClassVar[Proof] = Proof.BALANCE

    #: Two submits are two tasks and two charges: no idempotency key is known there.
    idempotent_submit: ClassVar[bool] = False
    calls_back: ClassVar[bool] = True
    #: Final files come two to three minutes after the submit.
    usual_seconds: ClassVar[float] = 120
    #: The pages say fifteen minutes; a paid song that comes late is still worth having.
    longest_seconds: ClassVar[float] = 1800

    #: How long a whole answer may take.
    check_seconds: ClassVar[float] = 15
    generation_seconds: ClassVar[float] = 120

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def check_key(self, stage_type: StageType) -> float:  # noqa: ARG002  # the question is the same for every stage
        """Ask for the credits left, which is free. None left raises ``CreditExhausted``."""
        answer = self._get("/api/v1/generate/credit", read_error)
        credits_left = number(answer.body.get("data"))
        if credits_left is None:
            raise self._unreadable("no number of credits", answer)
        if credits_left <= 0:
            raise CreditExhausted(self.kind, "no credits left", status=200, request_id=answer.request_id)
        return credits_left

    def prove(self, stage_type: StageType, model: str) -> float:  # noqa: ARG002  # one balance for all models
        """As ``check_key``: the least that a song costs is not documented, so any credit will do."""
        return self.check_key(stage_type)

    def list_models(self, stage_type: StageType) -> tuple[str, ...]:  # noqa: ARG002
        """The list of the documentation: SUNO has no call for it, so nothing is asked."""
        return MODELS

    @staticmethod
    def job_id_in(body: object) -> str | None:
        """A call back writes ``task_id`` where answers write ``taskId`` (page "music generation callbacks")."""
        job_id = get_path(body, "data", "task_id") or get_path(body, "data", "taskId")
        return job_id if isinstance(job_id, str) and _TASK_ID.fullmatch(job_id) else None

    @staticmethod
    def is_progress(body: object) -> bool:
        """``text`` comes before there is any song (page "music generation callbacks")."""
        return get_path(body, "data", "callbackType") == "text"

    def submit(self, request: GenerationRequest) -> Ticket:
        """Order a song of the poem. ``request.token`` is not sent, as there is no place for it."""
        self._refuse_unsent(request)
        http = self._http(read_refused_submit)
        answer = http.post_json("/api/v1/generate", song_payload(request), seconds=self.generation_seconds)
        self._refuse_by_code(answer, read_refused_submit)
        task_id = get_path(answer.body, "data", "taskId") or get_path(answer.body, "data", "task_id")
        if not isinstance(task_id, str) or not _TASK_ID.fullmatch(task_id):
            raise self._unreadable("no task id", answer)
        return Ticket(task_id, request.model, answer.request_id)

    def poll(self, job_id: str) -> JobStatus:
        """Look at a task. It is done when the first of its two songs is. A status that we do not know is running."""
        query = urlencode({"taskId": job_id})
        answer = self._get(f"/api/v1/generate/record-info?{query}", read_refused_look)
        if "data" in answer.body and answer.body["data"] is None:
            raise JobUnknown(self.kind, "no such task", status=200, request_id=answer.request_id)
        task = answer.body.get("data")
        status = get_path(task, "status")
        if not isinstance(status, str):
            raise self._unreadable("no status", answer)
        if status in _FAILURES:
            return self._ended_without_a_song(status, task, answer)
        ready = first_song(task) if status in _WITH_SONGS else None
        if ready:
            link, usage = ready
            return JobStatus(media=link, usage=usage)
        if status == "SUCCESS":
            raise self._unreadable("no song", answer)
        return JobStatus()

    def _refuse_unsent(self, request: GenerationRequest) -> None:
        """Raise for what would be refused or cut there; nothing has been sent yet."""
        if request.stage_type is not StageType.SONG:
            raise RequestRefused(self.kind, "songs only")
        if not request.poem.strip():
            raise RequestRefused(self.kind, "no poem")
        longest = rules_of(request.model).longest_lyrics
        if len(request.poem) > longest:
            raise RequestRefused(self.kind, f"poem over {longest} characters")

    def _ended_without_a_song(self, status: str, task: Any, answer: Answer) -> JobStatus:
        error_class, charged = _FAILURES[status]
        code = str(get_path(task, "errorCode") or get_path(task, "error_code"))
        told = f" {code}" if _CODE.fullmatch(code) else ""
        error = error_class(self.kind, status + told, status=200, request_id=answer.request_id)
        return JobStatus(error=error, charged=charged and code != _REFUNDED)

    def _http(self, reader: ErrorReader) -> ProviderHttp:
        return ProviderHttp(self.kind, self._credentials, auth=("Authorization", "Bearer "), read_error=reader)

    def _get(self, path: str, reader: ErrorReader) -> Answer:
        answer = self._http(reader).get_json(path, seconds=self.check_seconds)
        self._refuse_by_code(answer, reader)
        return answer

    def _refuse_by_code(self, answer: Answer, reader: ErrorReader) -> None:
        """Raise for a refusal that came under a status of 200."""
        code = code_of(answer.body)
        if code == 200:
            return
        refusal = ErrorAnswer(self.kind, 200, {}, answer.body, request_id=answer.request_id, retry_after=None)
        raise reader(refusal) or self._unreadable("no code" if code is None else f"code_{code}", answer)

    def _unreadable(self, detail: str, answer: Answer) -> InvalidResponse:
        return InvalidResponse(self.kind, detail, status=200, request_id=answer.request_id)
